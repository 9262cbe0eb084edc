"""A table that somebody keeps by hand or exports: CSV, or YAML with a list of `rows`. Each cell keeps the place where it stands.

CSV as RFC 4180 has it, with a header; what spreadsheets write is read: a byte-order mark, `;` or tabs between cells, CRLF.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from crmsync.config.document import Document, FileModel, Path_, parse_document
from crmsync.errors import FixConfig, Problem


@dataclass(frozen=True, slots=True)
class _Cell:
    text: str
    line: int
    column: int


def read_rows(path: Path, row: type[FileModel], shown_as: str) -> Document:
    """The table as a document `{rows: [...]}` with the positions of its cells; an empty cell is a key that is not there. Raises
    FixConfig for a file that is absent, not UTF-8, of another kind, or whose header is not one of `row`."""
    if path.suffix.lower() not in (".csv", ".yaml", ".yml"):
        raise FixConfig([Problem(shown_as, 1, 1, "config.no_table", {"suffix": path.suffix})])
    text = _text(path, shown_as)
    return _csv(text, row, shown_as) if path.suffix.lower() == ".csv" else parse_document(text, shown_as)


def _text(path: Path, file: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise FixConfig([Problem(file, 1, 1, "config.file_missing")]) from None
    except UnicodeDecodeError as error:
        raise FixConfig([Problem(file, 1, 1, "config.not_utf8", {"at": error.start})]) from error


def _csv(text: str, row: type[FileModel], file: str) -> Document:
    lines = [line for line in _lines(text, file) if any(cell.text for cell in line)]
    header = lines[0] if lines else []
    problems = list(_strange_header(header, row, file)) if lines else [Problem(file, 1, 1, "config.no_header")]
    problems += [
        Problem(file, line[len(header)].line, line[len(header)].column, "config.too_many_cells", {"most": len(header)})
        for line in lines[1:]
        if any(cell.text for cell in line[len(header) :])
    ]
    if problems:
        raise FixConfig(problems)
    names = [cell.text for cell in header]
    rows, places = list[dict[str, str]](), dict[Path_, tuple[int, int]]()
    for index, line in enumerate(lines[1:]):
        places[("rows", index)] = (line[0].line, 1)
        told = [(name, cell) for name, cell in zip(names, line, strict=False) if cell.text]
        places.update({("rows", index, name): (cell.line, cell.column) for name, cell in told})
        rows.append({name: cell.text for name, cell in told})
    return Document(file, {"rows": rows}, places, places, text)


def _strange_header(header: list[_Cell], row: type[FileModel], file: str) -> Iterator[Problem]:
    """Columns that mean nothing, columns that stand twice, and columns that are lacking, each once and not in every row."""
    known = {info.alias or name: info for name, info in row.model_fields.items()}
    for place, cell in enumerate(header):
        if cell.text not in known:
            nearest = difflib.get_close_matches(cell.text, known, n=1)
            params = {"key": cell.text, "nearest": nearest[0] if nearest else ""}
            yield Problem(file, cell.line, cell.column, "config.unknown_key", params)
        elif cell.text in [earlier.text for earlier in header[:place]]:
            yield Problem(file, cell.line, cell.column, "rules.duplicate", {"name": cell.text})
    for name, info in known.items():
        if info.is_required() and name not in [cell.text for cell in header]:
            yield Problem(file, 1, 1, "config.missing_key", {"key": name})


def _lines(text: str, file: str) -> Iterator[list[_Cell]]:
    """Lines of cells. A quoted cell may hold separators, doubled quotes and line ends. Raises FixConfig for a quote that never
    ends: everything behind it would be lost in one cell."""
    first = text.partition("\n")[0]
    between = next((mark for mark in ("\t", ";") if mark in first and "," not in first), ",")
    cells, held, before, quoted_at = list[_Cell](), "", "", None
    line, column, began = 1, 0, (1, 1)
    for character in text.replace("\r\n", "\n").removesuffix("\n") + "\n":
        column += 1
        if character == '"':
            held += '"' if quoted_at is None and before == '"' else ""
            quoted_at = (line, column) if quoted_at is None else None
        elif quoted_at or character not in (between, "\n"):
            held += character
        else:
            cells.append(_Cell(held.strip(), *began))
            held, began = "", (line, column + 1)
            if character == "\n":
                yield cells
                cells, began = [], (line + 1, 1)
        if character == "\n":
            line, column = line + 1, 0
        before = character
    if quoted_at:
        raise FixConfig([Problem(file, *quoted_at, "config.open_quote")])


def _number(value: Any) -> Any:
    """A number as spreadsheets print it: `1,200`, `￥1,200`, `1,200円`, full width."""
    if not isinstance(value, str):
        return value
    return unicodedata.normalize("NFKC", value).replace(",", "").strip(" ¥円")


def _day(value: Any) -> Any:
    """`2026-05-07`, `2026/5/7`; anything else is left for pydantic to refuse."""
    if not isinstance(value, str):
        return value
    parts = unicodedata.normalize("NFKC", value).replace("/", "-").split("-")
    if len(parts) != 3 or not all(part.isdigit() for part in parts):
        return value
    return "-".join([parts[0].zfill(4), *(part.zfill(2) for part in parts[1:])])


def _month(value: Any) -> Any:
    """`2026-05`, `2026/5`."""
    if not isinstance(value, str):
        return value
    year, _, month = unicodedata.normalize("NFKC", value).replace("/", "-").partition("-")
    return f"{year}-{month.zfill(2)}"


Day = Annotated[date, BeforeValidator(_day)]
Number = Annotated[float, BeforeValidator(_number)]
MonthText = Annotated[str, BeforeValidator(_month)]
"""A month as `YYYY-MM`; whether there is such a month is for the reader of the row to say."""
