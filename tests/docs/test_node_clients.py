"""The Node clients are locked: exact versions, hashes, and no registry's address."""

from __future__ import annotations

import json

import pytest
from prose import ROOT, text_of

CLIENTS = ROOT / "tests" / "node_clients"
LOCK = json.loads(text_of(CLIENTS / "package-lock.json"))["packages"]
WANTED = json.loads(text_of(CLIENTS / "package.json"))["dependencies"]


def test_every_package_of_the_lock_has_its_hash_and_none_a_host() -> None:
    packages = {name: package for name, package in LOCK.items() if name}
    assert [name for name, package in packages.items() if not package.get("integrity", "").startswith("sha512-")] == []
    assert [name for name, package in packages.items() if "resolved" in package] == []


@pytest.mark.parametrize("client", WANTED)
def test_a_client_is_wanted_in_the_very_version_that_is_locked(client: str) -> None:
    assert LOCK[f"node_modules/{client}"]["version"] == WANTED[client]


@pytest.mark.parametrize("name", sorted(path.name for path in CLIENTS.glob("*.test.mjs")))
def test_every_file_of_checks_is_run_and_told_of(name: str) -> None:
    assert f'"{name}"' in text_of(CLIENTS / "run.py")
    assert f"`tests/node_clients/{name}`" in text_of(ROOT / "docs" / "sandbox.md")
