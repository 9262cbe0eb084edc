"""Who may know whom, and what the pure packages may not touch."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from sources import CONNECTORS, CORE, PURE, ROOT, Source, imported, sources

BANNED = frozenset(
    {
        *(
            "asyncio",
            "http",
            "httpx",
            "logging",
            "os",
            "pathlib",
            "random",
            "requests",
            "secrets",
            "shutil",
            "socket",
            "sqlalchemy",
        ),
        *("sqlite3", "sqlmodel", "structlog", "subprocess", "tempfile", "threading", "time", "urllib", "urllib3", "uuid"),
    }
)
CLOCKS = frozenset({"now", "today", "utcnow"})
NAMELESS = frozenset({"core", "utils", "util", "helpers", "helper", "manager", "managers", "data", "common_utils", "misc"})


def unclean(source: Source) -> list[str]:
    """What a pure file does that it may not."""
    found = [f"{source.at(node)} imports {name}" for name, node in imported(source.tree) if name.split(".")[0] in BANNED]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS and not node.args:
            found.append(f"{source.at(node)} reads a clock")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("open", "print", "input"):
            found.append(f"{source.at(node)} calls {node.func.id}")
    return found


def test_the_import_contracts_hold() -> None:
    told = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout


@pytest.mark.parametrize("package", PURE)
def test_a_pure_package_touches_nothing_but_its_arguments(package: str) -> None:
    assert [slip for source in sources(CORE / package) for slip in unclean(source)] == []


@pytest.mark.parametrize(
    "slip",
    [
        "import os",
        "from time import sleep",
        "import datetime\nx = datetime.datetime.now()",
        "def f():\n    import random",
        "open('x')",
    ],
)
def test_a_slip_in_a_pure_package_would_be_seen(slip: str) -> None:
    assert unclean(Source(CORE / "model" / "slip.py", slip, ast.parse(slip)))


def test_no_package_of_crmsync_names_a_connectors_package() -> None:
    names = tuple(path.name for path in CONNECTORS)
    assert len(names) == 2
    assert [
        f"{s.at(node)} imports {name}" for s in sources(CORE) for name, node in imported(s.tree) if name.startswith(names)
    ] == []


def test_only_the_shell_reads_the_wall_clock() -> None:
    """One function of bootstrap does, and the contract suite, to show that no connector does."""
    readers = [str(source) for source in sources() if "datetime.now(" in source.text]
    assert readers == ["src/crmsync/bootstrap.py", "src/crmsync/testing/connector_contract.py"]


def test_every_file_has_a_name_that_says_what_is_in_it() -> None:
    """A homeless function usually names a missing noun (docs/architecture.md)."""
    assert [str(source) for source in sources() if {source.path.stem, source.path.parent.name} & NAMELESS] == []
