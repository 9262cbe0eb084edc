"""Our own source files as trees, for tests that read code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORE = ROOT / "src" / "crmsync"
CONNECTORS = tuple(
    sorted(path for path in (ROOT / "connectors").glob("*/src/*") if path.is_dir() and path.name.startswith("crmsync"))
)
PURE = ("model", "mapping", "identity", "decisions", "figures", "planning")


@dataclass(frozen=True)
class Source:
    """One file: its path, its text, its tree."""

    path: Path
    text: str
    tree: ast.Module

    def __str__(self) -> str:
        return str(self.path.relative_to(ROOT))

    def at(self, node: ast.AST) -> str:
        """file:line, as editors understand it."""
        return f"{self}:{getattr(node, 'lineno', 1)}"


@cache
def read(path: Path) -> Source:
    text = path.read_text(encoding="utf-8")
    return Source(path, text, ast.parse(text))


def sources(*directories: Path) -> list[Source]:
    """Every Python file below these directories; without any: below crmsync and its two connectors."""
    return [read(path) for place in directories or (CORE, *CONNECTORS) for path in sorted(place.rglob("*.py"))]


def imported(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """The modules that a file imports anywhere, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node


def called(node: ast.Call) -> str:
    """The last name of what is called: `say` for say(…), `add` for problems.add(…)."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
