"""One word per idea (docs/glossary.md): synonyms that crept in are found, and what outsiders build on explains itself."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from sources import CORE, ROOT, read, sources

SYNONYMS = {
    r"prospects?": "person, or lead once identified",
    r"assignees?": "owner",
    r"deadlines?": "due",
    r"salespe(?:rson|ople)": "rep",
    r"見込み?客": "リード",
    r"デッドライン": "期限",
}
SPOKEN = (".py", ".toml", ".yaml", ".md")
VENDORS_OWN = ("src/crmsync/sandbox/", "tests/")
"""The sandbox speaks as the vendors do; tests may quote."""

EXTENSION_POINTS = [
    *(CORE / "connect" / f"{name}.py" for name in ("contract", "client", "calls", "auth", "paging", "registry", "build")),
    *(CORE / "testing").glob("*.py"),
    *(CORE / "model").glob("*.py"),
    CORE / "errors.py",
    CORE / "messages" / "__init__.py",
    CORE / "decisions" / "frames.py",
    CORE / "decisions" / "catalogue.py",
]
EXPLAINED_ELSEWHERE = frozenset({"sync_auth_flow", "describe", "pull", "push", "read", "provision"})
"""Methods that somebody else names and documents: httpx.Auth, and our own protocol of connectors."""


def written() -> list[Path]:
    places = [ROOT / name for name in ("src", "connectors", "mappings", "docs")]
    files = [path for place in places for path in place.rglob("*") if path.suffix in SPOKEN] + list(ROOT.glob("*.md"))
    return [path for path in sorted(files) if not str(path.relative_to(ROOT)).startswith(VENDORS_OWN) and "tests" not in path.parts]


@pytest.mark.parametrize("synonym", SYNONYMS)
def test_a_thing_is_called_by_its_one_name(synonym: str) -> None:
    pattern = re.compile(rf"\b{synonym}\b", re.IGNORECASE) if synonym.isascii() else re.compile(synonym)
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in written()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line) and path.name != "glossary.md"
    ]
    assert found == [], f"say: {SYNONYMS[synonym]}"


def test_every_module_says_what_lives_in_it() -> None:
    assert [str(source) for source in sources() if not ast.get_docstring(source.tree)] == []


@pytest.mark.parametrize("path", EXTENSION_POINTS, ids=lambda path: str(path.relative_to(CORE)))
def test_what_outsiders_build_on_is_explained(path: Path) -> None:
    source = read(path)
    bare = []
    for node in source.tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            bare += [] if ast.get_docstring(node) else [f"{source.at(node)} {node.name}"]
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            bare += [f"{source.at(f)} {node.name}.{f.name}" for f in node.body if isinstance(f, ast.FunctionDef) and _is_bare(f)]
    assert bare == []


def _is_bare(function: ast.FunctionDef) -> bool:
    """Public, of more than one statement (a property of one line is its own explanation), and without a docstring."""
    is_ours = not function.name.startswith(("_", "test_")) and function.name not in EXPLAINED_ELSEWHERE
    return is_ours and len(function.body) > 1 and not ast.get_docstring(function)
