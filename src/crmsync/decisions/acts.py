"""What people did, by row number of the person: one pass over all touches from which windows, points and dates are reckoned.

Numbers group and join many times faster than ids, and rows that stand together by person are grouped without sorting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from crmsync.decisions.frames import instant

WHO = "who"
"""The row number of a person in a frame of persons."""


@dataclass(frozen=True, slots=True)
class Acts:
    """Acts known at an instant. `rows`: WHO, at, kind, and `act` (the row in `source`), all of one person together. `people` are
    the ids that WHO counts."""

    people: pl.Series
    source: pl.DataFrame
    rows: pl.DataFrame

    def of_kinds(self, kinds: Sequence[str]) -> pl.DataFrame:
        """The acts of these kinds."""
        # one comparison per kind: membership would first turn ten million kinds into texts
        return self.rows.filter(pl.any_horizontal(pl.col("kind") == kind for kind in kinds)) if kinds else self.rows.clear()

    def per_person(self, rows: pl.DataFrame, *measures: pl.Expr) -> pl.DataFrame:
        """One row per person who has any of `rows`: WHO and the measures."""
        return rows.group_by(WHO, maintain_order=True).agg(measures)

    def newest(self, rows: pl.DataFrame, identity: str) -> pl.DataFrame:
        """WHO, at, kind, act of each person's newest of `rows`; of several at one instant the one with the greatest id."""
        if rows.is_empty():
            return rows
        last = self.per_person(rows, pl.col("at").max())
        mine = rows.select(pl.col(WHO).rle_id()).to_series()
        newest = rows.filter(rows["at"] == last["at"].gather(mine))
        tied = newest[WHO].is_duplicated() if newest.height > last.height else None
        if tied is None:
            return newest
        ids = self.source[identity]
        among = newest.filter(tied).with_columns(ids.gather(newest.filter(tied)["act"]).alias("#id"))
        chosen = among.sort(WHO, "#id", nulls_last=False).unique(WHO, keep="last", maintain_order=True).drop("#id")
        return pl.concat([newest.filter(~tied), chosen]).sort(WHO)

    def only(self, people: pl.Series) -> Acts:
        """The acts of some of the people, who keep their numbers."""
        numbers = pl.DataFrame({"id": self.people}).with_row_index(WHO).filter(pl.col("id").is_in(people.implode()))
        return Acts(self.people, self.source, self.rows.join(numbers.select(WHO), on=WHO, how="semi", maintain_order="left"))


def number(people: pl.Series, acts: pl.DataFrame, now: datetime) -> Acts:
    """The acts up to `now` of these people (ids in order, each once). Acts of others are nobody's."""
    same = acts["person_id"].rle_id()
    heads = acts.select("person_id").filter((same != same.shift(1)).fill_null(True))
    index = pl.DataFrame({"person_id": people}).with_row_index(WHO)
    numbers = heads.join(index, on="person_id", how="left", maintain_order="left")[WHO]
    rows = pl.DataFrame(
        {
            WHO: numbers.gather(same),
            "at": acts["at"],
            "kind": acts["kind"].cast(pl.Categorical),
            "act": pl.int_range(acts.height, dtype=pl.UInt32, eager=True),
        }
    )
    known = (pl.col(WHO).is_not_null() & (pl.col("at") <= instant(now))).fill_null(False)
    rows = rows if rows.select(known.all()).item() else rows.filter(known)
    return Acts(people, acts, rows.with_columns(pl.col(WHO).set_sorted()) if rows[WHO].is_sorted() else rows.sort(WHO))
