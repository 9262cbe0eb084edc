"""The toy's package as pip would leave it, and its tiny CRM on a real port."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PLUGIN = HERE / "plugin"
sys.path.insert(0, str(HERE))

from tiny_crm import BEGINS, TinyCrm, application  # noqa: E402 - found only now

from crmsync.sandbox.clock import VirtualClock  # noqa: E402
from crmsync.sandbox.server import serve  # noqa: E402


@dataclass(frozen=True)
class Served:
    """A tiny CRM and where it answers."""

    crm: TinyCrm
    url: str


@pytest.fixture
def installed(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an installer leaves of the package: its code on the path and its metadata with the entry point, from pyproject."""
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    site = tmp_path_factory.mktemp("site")
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in found.items()) for group, found in project["entry-points"].items()]
    info.joinpath("entry_points.txt").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.syspath_prepend(str(PLUGIN / "src"))


@pytest.fixture
def tiny() -> Iterator[Served]:
    crm = TinyCrm(VirtualClock(BEGINS))
    with serve({"tiny": application(crm)}, {}) as running:
        yield Served(crm, running.urls["tiny"])
