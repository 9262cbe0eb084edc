"""The entries of the decision log: of each person the decision as JSON, made by columns. The text is what orjson writes of the same
rows as dicts, to the last byte; made from rows it costs four times as much, and a million of them at once some ten gigabytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from crmsync.decisions.aligned import in_order
from crmsync.decisions.frames import Decisions

_AT_ONCE = 20_000
_MILLISECOND = 1_000  # in microseconds


@dataclass(frozen=True, slots=True)
class Entries:
    """The entries in the log of those of whom something else is wanted now: `changed` are their desired values with the reasons in
    words."""

    changed: pl.DataFrame
    decisions: Decisions

    def pieces(self) -> Iterator[pl.DataFrame]:
        """person_id, body (JSON in UTF-8), in order of persons, some thousands at a time."""
        changed = in_order(self.changed)
        parts = [in_order(frame) for frame in (self.decisions.scores, self.decisions.qualification)]
        reasons = in_order(self.decisions.reasons) if changed.height else pl.DataFrame()
        for piece in changed.iter_slices(_AT_ONCE):
            scores, verdicts = (_objects(_beside(part, piece)) for part in parts)
            yield _bodies(_objects(piece), scores, _lists(_beside(reasons, piece)), verdicts)

    def by_person(self) -> dict[str, bytes]:
        """All of them at once, for comparing."""
        return dict(row for piece in self.pieces() for row in piece.iter_rows())


def _beside(frame: pl.DataFrame, piece: pl.DataFrame) -> pl.DataFrame:
    """The rows from the first person of the piece to the last; both frames are in order of persons."""
    persons = frame["person_id"]
    begin = persons.search_sorted(piece["person_id"][0], side="left")
    end = persons.search_sorted(piece["person_id"][-1], side="right")
    return frame.slice(begin, end - begin)


def _bodies(desired: pl.DataFrame, scores: pl.DataFrame, reasons: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    named = {"score": scores, "reasons": reasons, "qualification": verdicts}
    whole = desired.rename({"text": "desired"})
    for name, frame in named.items():
        whole = whole.join(frame.rename({"text": name}), on="person_id", how="left", maintain_order="left")
    parts: list[pl.Expr] = [pl.lit('{"desired":'), pl.col("desired")]
    for name, nothing in (("score", "{}"), ("reasons", "[]"), ("qualification", "{}")):
        parts += [pl.lit(f',"{name}":'), pl.col(name).fill_null(nothing)]
    return whole.select("person_id", pl.concat_str(*parts, pl.lit("}")).cast(pl.Binary).alias("body"))


def _objects(rows: pl.DataFrame) -> pl.DataFrame:
    """person_id, text: each row as a JSON object."""
    return _told(rows).select(rows["person_id"], pl.struct(rows.columns).struct.json_encode().alias("text"))


def _lists(rows: pl.DataFrame) -> pl.DataFrame:
    """person_id, text: the rows of each person as a JSON array of objects that do not name the person."""
    others = [name for name in rows.columns if name != "person_id"]
    texts = _told(rows).select("person_id", pl.struct(others).struct.json_encode().alias("text"))
    return texts.group_by("person_id", maintain_order=True).agg(pl.format("[{}]", pl.col("text").str.join(",")).alias("text"))


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
