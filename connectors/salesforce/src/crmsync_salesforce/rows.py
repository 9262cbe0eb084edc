"""Rows as the server sends them, and as records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from crmsync.model.records import RawRecord
from crmsync_salesforce.ids import to_18
from crmsync_salesforce.schema import Shape
from crmsync_salesforce.times import parse_instant
from crmsync_salesforce.window import Position

Row = Mapping[str, Any]

_COLUMN = re.compile(r"[Nn]o such column '([\w.]+)'|[Nn]o such relation '(\w+)'|relationship '(\w+)'")


def named_in(message: str, fields: Sequence[str]) -> frozenset[str]:
    """The selected fields that an INVALID_FIELD message speaks of: by column, or by relationship."""
    words = {word for found in _COLUMN.findall(message) for word in found if word}
    return frozenset(
        field for field in fields if field in words or field.rpartition(".")[2] in words or field.partition(".")[0] in words
    )


def flat(row: dict[str, Any], paths: Sequence[str] | None = None) -> dict[str, Any]:
    """The same row: parents' fields under their paths (`Owner.Type`), ids in 18 characters, without the server's addressing.
    Each of the `paths`, all that were asked for, is there: null where the parent is. None: it is not known which were."""
    row.pop("attributes", None)
    for name in _nested(row) if paths is None else _parents(tuple(paths)):
        parent = row.pop(name, None)
        if parent.__class__ is dict:
            for inner, held in flat(parent).items():
                row[f"{name}.{inner}"] = held
    for path in paths or ():
        if path not in row:
            row[path] = None
    id_ = row.get("Id")
    if id_.__class__ is str and len(id_) != 18:
        row["Id"] = to_18(id_)
    return row


def _nested(values: Row) -> list[str]:
    """Which of the values are rows."""
    return [name for name, value in values.items() if value.__class__ is dict and "attributes" in value]


@lru_cache(maxsize=256)
def _parents(paths: tuple[str, ...]) -> tuple[str, ...]:
    """The relationships that these paths begin with."""
    return tuple(dict.fromkeys(path.partition(".")[0] for path in paths))


def position_of(row: Row, stamp: str) -> Position:
    """A row's place in its window. Raises ValueError for a row without a stamp, which the server never sends."""
    at = parse_instant(row.get(stamp))
    if at is None:
        raise ValueError(f"a row without {stamp}")
    return Position(at, str(row["Id"]))


def records_of(rows: Iterable[Row], shape: Shape) -> tuple[RawRecord, ...]:
    """The rows of a page as records. They hold the rows themselves."""
    object_, stamp = shape.object, shape.stamp
    return tuple(
        RawRecord(
            object_,
            str(row["Id"]),
            row,
            parse_instant(row.get(stamp)),
            bool(row.get("IsDeleted")),
            to_18(str(row["MasterRecordId"])) if row.get("MasterRecordId") else None,
        )
        for row in rows
    )


def tombstone(object: str, id: str) -> RawRecord:
    """What is left of a record of which the org keeps no trace."""
    return RawRecord(object, id, {"Id": id, "IsDeleted": True}, None, is_deleted=True)
