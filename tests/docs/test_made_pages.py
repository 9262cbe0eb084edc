"""What docs/ says that code knows is what code knows."""

from __future__ import annotations

import tomllib

import pytest
from prose import ROOT, text_of

from crmsync.config.document import read_document
from crmsync.config.settings import Environment
from crmsync.decisions import phase
from crmsync.decisions.catalogue import ATTRIBUTES, DECIDED, FUNCTION_HELP
from crmsync.decisions.phase import TRANSITIONS, Transition
from crmsync.messages import catalogue
from pages import PAGES, PARTS, configuration, wanted

MADE = sorted({*PAGES, *(file for file, _ in PARTS)})


@pytest.mark.parametrize("name", MADE)
def test_a_page_made_from_code_is_current(name: str) -> None:
    assert text_of(ROOT / name) == wanted(ROOT)[name], "run: python3 script/docs.py"


def test_a_change_of_the_code_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    before = PAGES["docs/phases.md"]()
    monkeypatch.setattr(phase, "TRANSITIONS", TRANSITIONS[:-1])
    monkeypatch.setattr("pages.phases.TRANSITIONS", TRANSITIONS[:-1])
    assert PAGES["docs/phases.md"]() != before


def test_every_transition_column_and_function_is_in_its_page() -> None:
    phases, columns = text_of(ROOT / "docs/phases.md"), text_of(ROOT / "docs/columns.md")
    assert [row for row in TRANSITIONS if not _is_told(row, phases)] == []
    assert [c.name for c in (*ATTRIBUTES, *DECIDED) if f"| `{c.name}` |" not in columns] == []
    assert [name for name, (usage, _, _) in FUNCTION_HELP.items() if f"| `{usage}` |" not in columns] == []


def _is_told(row: Transition, page: str) -> bool:
    jump = " (jump)" if row.is_jump else ""
    return f"| `{row.source}` | `{row.target}`{jump} | `{row.because}` |" in page


def test_every_arrow_is_in_the_diagram() -> None:
    drawn = text_of(ROOT / "docs/phases.md")
    rows = {(row.source, row.target) for row in TRANSITIONS if not row.is_jump}
    assert [arrow for arrow in rows if f"{arrow[0]} --> {arrow[1]}:" not in drawn] == []


def test_every_message_about_a_mistake_is_in_its_page() -> None:
    page = text_of(ROOT / "docs/errors.md")
    groups = ("config.", "condition.", "connect.", "auth.", "store.", "plan.")
    assert [code for code in catalogue() if code.startswith(groups) and f"| `{code}` |" not in page] == []


def test_every_key_of_every_file_has_a_meaning_and_no_meaning_has_lost_its_key() -> None:
    told = {name: set(keys) for name, keys in configuration.meanings().items() if name != "files"}
    used: dict[str, set[str]] = {}
    for model in configuration.FILES.values():
        for key in configuration.keys(model):
            if not isinstance(key, tuple):
                assert key.meaning
                holder = next(m.__name__ for m in key.owner.__mro__ if key.name in told.get(m.__name__, ()))
                used.setdefault(holder, set()).add(key.name)
    assert {name: keys - used.get(name, set()) for name, keys in told.items() if keys - used.get(name, set())} == {}


@pytest.mark.parametrize("file", sorted((ROOT / "mappings").rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_key_that_ships_is_in_the_page(file) -> None:
    page = text_of(ROOT / "docs/configuration.md")
    name = str(file.relative_to(ROOT / "mappings"))
    place = f"## {'mappings/' if name.startswith('vocabulary/') else ''}{name}"
    head = place if place in page else "## mappings/<crm>/<object>.yaml"
    section = page.partition(f"{head}\n")[2].partition("\n## ")[0]
    assert [key for key in read_document(file).data if f"| `{key}` |" not in section] == []


def test_every_environment_variable_is_in_the_page() -> None:
    page = text_of(ROOT / "docs/configuration.md")
    named = {part.partition("`")[0] for part in page.split("`CRMSYNC_")[1:]}
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    settings = Environment.model_fields
    assert {name.upper() for name in settings if name != "connections"} <= named
    assert [name for name in ("CONFIG", "LOG_LEVEL") if f"CRMSYNC_{name}" in source and name not in named] == []


def test_the_version_in_the_changelog_is_the_one_of_the_package() -> None:
    connectors = [tomllib.loads(path.read_text(encoding="utf-8")) for path in (ROOT / "connectors").glob("*/pyproject.toml")]
    from crmsync import __version__

    assert {c["project"]["version"] for c in connectors} == {__version__}
    assert __version__ in text_of(ROOT / "CHANGELOG.md")
