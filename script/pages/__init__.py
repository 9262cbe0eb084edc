"""What docs/ says that code already knows. Each page is a function without arguments; `write` puts them where they belong, and
tests/docs compares. A page is never edited by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pages import columns, commands, configuration, errors, fields, hubspot, phases

MADE = "<!-- Made by script/docs.py from the code. Do not edit: change the code and run it again. -->"

PAGES: Mapping[str, Callable[[], str]] = {
    "docs/phases.md": phases.page,
    "docs/columns.md": columns.page,
    "docs/configuration.md": configuration.page,
    "docs/errors.md": errors.page,
}
PARTS: Mapping[tuple[str, str], Callable[[], str]] = {
    ("README.md", "commands"): commands.table,
    ("README.md", "custom fields"): fields.table,
    ("connectors/hubspot/README.md", "errors"): hubspot.errors,
}
"""(file, name of the part): between `<!-- made: name -->` and `<!-- end -->`."""


def write(root: Path) -> Iterator[Path]:
    """Write what differs; gives the files that did."""
    for name, text in wanted(root).items():
        path = root / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            yield path


def wanted(root: Path) -> dict[str, str]:
    """File → its whole text as it should be."""
    texts = {name: f"{MADE}\n\n{page().strip()}\n" for name, page in PAGES.items()}
    for (name, part), table in PARTS.items():
        text = texts.get(name) or (root / name).read_text(encoding="utf-8")
        texts[name] = _replaced(text, part, table().strip())
    return texts


def _replaced(text: str, part: str, content: str) -> str:
    begins, ends = f"<!-- made: {part} -->", "<!-- end -->"
    before, mark, rest = text.partition(begins)
    if not mark:
        raise ValueError(f"there is no place for the part {part!r}: write {begins} and {ends}")
    return f"{before}{begins}\n{content}\n{ends}{rest.partition(ends)[2]}"
