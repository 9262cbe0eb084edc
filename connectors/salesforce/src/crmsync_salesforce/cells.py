"""The cells of Bulk 2.0's CSV as the values that REST would give, so that a record is the same whichever way it came."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

# Fields of these types come in another form than REST's, or not at all. (api_asynch: query considerations)
UNFIT_TYPES = frozenset({"anyType", "address", "location", "base64", "complexvalue"})
# csv refuses cells of more than 131,072 characters, which is just what a rich text area may hold. (limits cheat sheet)
_LONGEST_CELL = 1 << 20

Cell = Callable[[str], Any]


def _instant(text: str) -> str:
    """`2024-01-01T00:00:00.000Z` as REST writes it: `…000+0000`."""
    return text.removesuffix("Z") + "+0000" if text.endswith("Z") else text


_CELLS: Mapping[str, Cell] = {
    "boolean": lambda text: text.lower() == "true",
    "int": int,
    "long": int,
    "double": float,
    "currency": float,
    "percent": float,
    "datetime": _instant,
}


def rows_of(lines: Iterable[str], types: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The rows of one page of results; `lines` keep their ends, for cells may hold line breaks. `types` are describe's, by the
    name that was selected; columns come in any order. Empty cells are null. Raises ValueError for what is not that page."""
    csv.field_size_limit(max(_LONGEST_CELL, csv.field_size_limit()))
    reader = csv.reader(lines, strict=True)
    try:
        columns = _columns(next(reader, []), types)
        width = max((place for place, _, _ in columns), default=0)
        for cells in reader:
            if len(cells) <= width:
                raise ValueError("a row of results is too short")
            yield {name: read(cells[place]) if cells[place] else None for place, name, read in columns}
    except csv.Error as error:
        raise ValueError("results that are not CSV") from error


def _columns(heading: Sequence[str], types: Mapping[str, str]) -> list[tuple[int, str, Cell]]:
    places = {name.lower(): place for place, name in enumerate(heading)}
    missing = [name for name in types if name.lower() not in places]
    if missing:
        raise ValueError(f"results without the columns {missing}")
    return [(places[name.lower()], name, _CELLS.get(kind, str)) for name, kind in types.items()]
