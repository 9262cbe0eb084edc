"""The entries of the decision log: of each person the decision as JSON, made by columns.

What is null is left out, and of the score what each rule gave: the reasons say it. That nothing is said and given is most of a
decision, and a cycle writes an entry for whoever's score differs. The reasons stand by columns: their names are told once. `unpack`
gives all of it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import polars as pl

from crmsync.decisions.aligned import beside, in_order
from crmsync.decisions.frames import DESIRED, QUALIFICATION, REASONS, SCORES, Decisions

_AT_ONCE = 20_000
_MILLISECOND = 1_000  # in microseconds
_WANTED = (*DESIRED, "reason_ja", "reason_en")
_OF_A_REASON = tuple(name for name in REASONS if name != "person_id")


@dataclass(frozen=True, slots=True)
class Entries:
    """The entries in the log of those of whom something else is wanted now: `changed` are their desired values with the reasons in
    words."""

    changed: pl.DataFrame
    decisions: Decisions

    def pieces(self) -> Iterator[pl.DataFrame]:
        """person_id, body (JSON in UTF-8), in order of persons, some thousands at a time."""
        changed = in_order(self.changed)
        scores, verdicts = (
            in_order(frame.select(schema.keys()))
            for frame, schema in ((self.decisions.scores, SCORES), (self.decisions.qualification, QUALIFICATION))
        )
        reasons = in_order(self.decisions.reasons) if changed.height else pl.DataFrame()
        for piece in changed.iter_slices(_AT_ONCE):
            yield _bodies(
                _objects(piece, "desired"),
                _objects(_beside(scores, piece), "score"),
                _lists(_beside(reasons, piece), "reasons"),
                _objects(_beside(verdicts, piece), "qualification"),
            )

    def by_person(self) -> dict[str, bytes]:
        """All of them at once, for comparing."""
        return dict(row for piece in self.pieces() for row in piece.iter_rows())


def unpack(body: bytes) -> dict[str, Any]:
    """What an entry says: `desired`, `score` and `qualification` with all their columns, or {} where the person had no row;
    `reasons`, a list of rows. Instants are texts."""
    told = orjson.loads(body)
    reasons = told.get("reasons", {})
    return {
        "desired": _whole(told["desired"], _WANTED),
        "score": _whole(told.get("score"), SCORES),
        "reasons": [dict(zip(reasons, row, strict=True)) for row in zip(*reasons.values(), strict=True)],
        "qualification": _whole(told.get("qualification"), QUALIFICATION),
    }


def _whole(told: Mapping[str, Any] | None, names: Iterable[str]) -> dict[str, Any]:
    return {} if told is None else {**dict.fromkeys(names), **told}


def _beside(frame: pl.DataFrame, piece: pl.DataFrame) -> pl.DataFrame:
    """The rows from the first person of the piece to the last; both frames are in order of persons."""
    persons = frame["person_id"]
    begin = persons.search_sorted(piece["person_id"][0], side="left")
    end = persons.search_sorted(piece["person_id"][-1], side="right")
    return frame.slice(begin, end - begin)


def _bodies(*parts: pl.DataFrame) -> pl.DataFrame:
    """person_id, body: of each person in the first of the parts what all of them say."""
    whole = parts[0]
    for part in parts[1:]:
        whole = beside(whole, part)
    names = [name for name in whole.columns if name != "person_id"]
    told = [pl.lit(f'{mark}"{name}":') + pl.col(name) for mark, name in zip("{,,,", names, strict=True)]
    return whole.select("person_id", pl.concat_str(*told, pl.lit("}"), ignore_nulls=True).cast(pl.Binary).alias("body"))


def _objects(rows: pl.DataFrame, called: str) -> pl.DataFrame:
    """person_id, `called`: each row as a JSON object without what is null. The person, who comes first, never is; and no text holds
    such a name: its quotes are escaped there."""
    nulls = {column.name: column.null_count() for column in rows}
    filled = [name for name, count in nulls.items() if not count or count < rows.height]
    gone = [f',"{name}":null' for name in filled if nulls[name]]
    text = pl.struct(filled).struct.json_encode()
    told = text.str.replace_many(gone, [""] * len(gone)) if gone else text
    return _told(rows).select(rows["person_id"], told.alias(called))


def _lists(rows: pl.DataFrame, called: str) -> pl.DataFrame:
    """person_id, `called`: the rows of each person as one JSON object, each column in it an array."""
    if rows.is_empty():
        return pl.DataFrame(schema={"person_id": pl.String, called: pl.String})
    listed = _told(rows).group_by("person_id", maintain_order=True).agg(_OF_A_REASON)
    return listed.select("person_id", pl.struct(_OF_A_REASON).struct.json_encode().alias(called))


def _told(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with instants as orjson writes them where Polars would not: it leaves out the last three digits of whole
    milliseconds."""
    micros = {name: pl.col(name).dt.microsecond() for name, kind in rows.schema.items() if isinstance(kind, pl.Datetime)}
    odd = rows.select(((part != 0) & (part % _MILLISECOND == 0)).any().alias(name) for name, part in micros.items())
    return rows.with_columns(
        pl.when(micros[name] == 0)
        .then(pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%S+00:00"))
        .otherwise(pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00"))
        for name in odd.columns
        if odd[name][0]
    )
