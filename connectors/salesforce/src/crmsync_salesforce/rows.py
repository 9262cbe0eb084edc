"""Rows as the server sends them, and as records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
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


def flat(row: Row, paths: Sequence[str] = ()) -> dict[str, Any]:
    """A row with parents' fields under their paths (`Owner.Type`), ids in 18 characters, and without the server's addressing.
    Each of the `paths` is there, null where the parent is."""
    values: dict[str, Any] = {**dict.fromkeys(paths), **row}
    values.pop("attributes", None)
    parents = {path.partition(".")[0] for path in paths}
    for name in parents:
        if values.get(name) is None:
            values.pop(name, None)
    # Of most rows nothing is left that nests: the values are looked at once, without a call for each.
    for name in [name for name, value in values.items() if value.__class__ is dict]:
        if "attributes" in values[name] or name in parents:
            values.update({f"{name}.{inner}": held for inner, held in flat(values.pop(name)).items()})
    if isinstance(values.get("Id"), str):
        values["Id"] = to_18(values["Id"])
    return values


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
