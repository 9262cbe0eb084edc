"""Sheets of figures as tables for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console

from crmsync.cli.shown import table
from crmsync.figures.sheet import Column, Kind, Note, Question, Sheet
from crmsync.messages import LANGUAGES, Language, name_of, say
from crmsync.sync.brief import day_of, moment

NOTHING = "—"
_WHOLE = 14
"""Cells are never cut to less than this: a header may be broken, a figure may not."""
_ON_THE_LEFT: frozenset[Kind] = frozenset({"text", "word", "day", "instant", "flag"})
_NUMBERS: Mapping[Kind, Callable[[Any], str]] = {
    "count": lambda value: f"{value:,.0f}",
    "number": lambda value: f"{value:,.2f}",
    "share": lambda value: f"{value:.1%}",
    "money": lambda value: f"{value:,.0f}",
    "hours": lambda value: f"{value:,.1f}",
    "days": lambda value: f"{value:,.1f}",
}


def show(console: Console, sheet: Sheet, question: Question, language: Language) -> None:
    """The table, what is to be said of it, and what is missing from it."""
    columns = [column for column in sheet.columns if not column.is_quiet]
    headers = ((column.header or column.name) + ("" if column.kind in _ON_THE_LEFT else ":number") for column in columns)
    since, until = (day_of(day, language) for day in (question.first, question.last))
    shown = table(say(f"title.{sheet.name}", language, since=since, until=until), *headers, language=language)
    for row in sheet.rows.select(column.name for column in columns).iter_rows():
        cells = [_cell(column, value, question.zone.name, language) for column, value in zip(columns, row, strict=True)]
        shown.add_row(*cells)
        for place, cell in zip(shown.columns, cells, strict=True):
            place.min_width = max(place.min_width or 0, min(cell_len(cell), _WHOLE))
    console.print(shown)
    for note in sheet.notes:
        console.print(spoken(note, language))
    for name in sheet.missing:
        console.print(say("figures.missing", language, input=name_of("input", name, language)), style="yellow")


def as_json(sheets: Sequence[Sheet]) -> dict[str, Any]:
    """Sheet name → its rows, its notes in every language, and the inputs that are missing."""
    return {
        sheet.name: {
            "rows": sheet.rows.to_dicts(),
            "notes": [
                {"code": note.code, "params": dict(note.params), **{one: spoken(note, one) for one in LANGUAGES}}
                for note in sheet.notes
            ],
            "missing": list(sheet.missing),
        }
        for sheet in sheets
    }


def spoken(note: Note, language: Language) -> str:
    """The sentence, its words in the same language."""
    return say(note.code, language, **{name: _word(name, value, language) for name, value in note.params.items()})


def _word(name: str, value: Any, language: Language) -> Any:
    if not name.endswith("_word"):
        return value
    group, _, word = str(value).partition(".")
    return name_of(group, word, language)


def _cell(column: Column, value: Any, zone: str, language: Language) -> str:
    if value is None:
        return NOTHING
    if column.kind in _NUMBERS:
        return _NUMBERS[column.kind](value)
    if column.kind == "word":
        return name_of(column.words, value, language)
    if column.kind == "flag":
        return say("figures.yes" if value else "figures.no", language)
    if column.kind == "day":
        return str(value.isoformat())
    if column.kind == "instant":
        return moment(value, zone, language)
    return str(value)
