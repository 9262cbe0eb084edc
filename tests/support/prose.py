"""Our documents, and the pieces of them that tests execute."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = tuple(sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "connectors").glob("*/README.md")]))
_FENCE = re.compile(r"^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def fenced(text: str, kind: str) -> list[str]:
    """The contents of every fenced block of this kind, in order."""
    return [found["text"] for found in _FENCE.finditer(text) if found["kind"] == kind]


def section(text: str, heading: str) -> str:
    """What stands under a second-level heading, up to the next one."""
    _, _, rest = text.partition(f"\n## {heading}\n")
    return rest.partition("\n## ")[0]


def example(path: Path, name: str) -> str:
    """The fenced block after `<!-- example: name -->`."""
    _, mark, rest = text_of(path).partition(f"<!-- example: {name} -->\n")
    assert mark, f"{path.name} has no example {name!r}"
    found = _FENCE.search(rest)
    assert found is not None
    return found["text"]


@cache
def collected_tests(file: Path) -> frozenset[str]:
    """The tests that pytest collects from a file, without running it."""
    tree = ast.parse(text_of(file))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"))


def named_tests(cell: str) -> list[tuple[Path, str]]:
    """(file, test) of every test that a cell of a table names."""
    return [(ROOT / file, test) for file, test in re.findall(r"`([\w/]+\.py)::(test_\w+)`", cell)]


def missing_tests(cell: str) -> list[str]:
    """Tests that a cell names and that are not there."""
    return [test for file, test in named_tests(cell) if not file.is_file() or test not in collected_tests(file)]
