"""Temperatures over time: how many get warmer and how fast, and whether the mix is that of an honest definition.

70 to 90 of a hundred leads that are acquired are cold or warm. Far more hot ones: the definition of hot is too loose; hardly any
for weeks: it is too strict, or nothing is done to warm them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import polars as pl

from crmsync.figures.alarms import TemperatureLimits
from crmsync.figures.period import Period
from crmsync.figures.sheet import Column, Note, Sheet
from crmsync.figures.stays import DAY

TEMPERATURES = ("hot", "warm", "cold")
WITH_MARKETING_OR_SALES = ("inquiry", "mql", "sql", "recycled", "closed_lost")
"""Phases whose people still have something to decide: customers and the excluded are no part of the mix."""

Alarm = Literal["too_many_hot", "too_few_hot"]


def spells(history: pl.DataFrame) -> pl.DataFrame:
    """person_id, temperature, since, until (null: still), became: one row per time that somebody had a temperature. `history` has
    person_id, temperature, since: each change, in any order, the same one perhaps more than once."""
    changes = history.drop_nulls(["temperature", "since"]).unique(["person_id", "since"], keep="last", maintain_order=True)
    told = changes.sort("person_id", "since")
    return told.select(
        "person_id",
        "temperature",
        "since",
        pl.col("since").shift(-1).over("person_id").alias("until"),
        pl.col("temperature").shift(-1).over("person_id").alias("became"),
    )


def warming(spelled: pl.DataFrame, period: Period) -> pl.DataFrame:
    """was, became, changes, share (of all that ended being `was` in the period), median_days: what people became, and how long they
    had been what they were."""
    ended = spelled.filter(period.holds("until").fill_null(False)).filter(pl.col("temperature") != pl.col("became"))
    length = (pl.col("until") - pl.col("since")).dt.total_microseconds() / DAY
    counted = (
        ended.with_columns(length.alias("#days"))
        .group_by(pl.col("temperature").alias("was"), "became")
        .agg(pl.len().alias("changes"), pl.col("#days").median().alias("median_days"))
    )
    share = pl.col("changes") / pl.col("changes").sum().over("was")
    return (
        counted.with_columns(share.alias("share")).select("was", "became", "changes", "share", "median_days").sort("was", "became")
    )


@dataclass(frozen=True, slots=True)
class Mix:
    """How many were hot, warm and cold at an instant, of those acquired lately who still had something to decide."""

    at: datetime
    hot: int
    warm: int
    cold: int

    @property
    def leads(self) -> int:
        return self.hot + self.warm + self.cold

    @property
    def hot_share(self) -> float | None:
        """None over nobody."""
        return self.hot / self.leads if self.leads else None


def mixes(
    spelled: pl.DataFrame, stayed: pl.DataFrame, now: datetime, limits: TemperatureLimits, weeks: int | None = None
) -> tuple[Mix, ...]:
    """The mix at `now` and at the same time of each of the weeks before, the newest first: `weeks` in all, else as many as the
    limits look at."""
    instants = (now - timedelta(weeks=week) for week in range(weeks or limits.weeks))
    return tuple(_mix(spelled, stayed, at, timedelta(days=limits.acquired_days)) for at in instants)


def alarm(mixed: tuple[Mix, ...], limits: TemperatureLimits) -> Alarm | None:
    """Too many hot ones now, or too few at every instant of `mixed`; None over too few leads to say."""
    if not mixed or any(mix.leads < limits.least_leads for mix in mixed[:1]):
        return None
    shares = [mix.hot_share for mix in mixed if mix.leads >= limits.least_leads and mix.hot_share is not None]
    if shares[0] > limits.too_many_hot:
        return "too_many_hot"
    is_long = len(shares) >= limits.weeks and all(share < limits.too_few_hot for share in shares)
    return "too_few_hot" if is_long else None


def _mix(spelled: pl.DataFrame, stayed: pl.DataFrame, at: datetime, lately: timedelta) -> Mix:
    came = stayed.filter((pl.col("because") == "identified") & (pl.col("entered_at") > at - lately)).select("person_id")
    inside = stayed.filter(
        pl.col("phase").is_in(WITH_MARKETING_OR_SALES) & (pl.col("entered_at") <= at) & (pl.col("left_at") > at).fill_null(True)
    )
    held = spelled.join(came, on="person_id", how="semi").filter((pl.col("since") <= at) & (pl.col("until") > at).fill_null(True))
    counts = dict(held.join(inside.select("person_id").unique(), on="person_id")["temperature"].value_counts().iter_rows())
    return Mix(at, *(counts.get(temperature, 0) for temperature in TEMPERATURES))


WARMING = (
    Column("was", "word", "temperature"),
    Column("became", "word", "temperature"),
    Column("changes"),
    Column("share", "share"),
    Column("median_days", "days"),
)
MIX = (Column("at", "instant"), Column("hot"), Column("warm"), Column("cold"), Column("hot_share", "share"))


def warmth_sheets(
    spelled: pl.DataFrame, stayed: pl.DataFrame, period: Period, now: datetime, limits: TemperatureLimits
) -> tuple[Sheet, Sheet]:
    """Changes of the period, and the mix week by week with its alarm, as sheets."""
    mixed = mixes(spelled, stayed, now, limits)
    found = alarm(mixed, limits)
    share = mixed[0].hot_share
    shown = {"share": f"{share or 0:.0%}", "weeks": limits.weeks}
    codes = {"too_many_hot": "figures.too_many_hot", "too_few_hot": "figures.too_few_hot"}
    notes = [Note(codes[found], shown)] if found else []
    rows = [(mix.at, mix.hot, mix.warm, mix.cold, mix.hot_share) for mix in mixed]
    schema: dict[str, pl.DataType | type[pl.DataType]] = {"at": pl.Datetime("us", "UTC"), "hot_share": pl.Float64}
    schema = {name: schema.get(name, pl.Int64) for name in ("at", *TEMPERATURES, "hot_share")}
    return (
        Sheet.of("warming", WARMING, warming(spelled, period)),
        Sheet.of("mix", MIX, pl.DataFrame(rows, schema=schema, orient="row"), *notes),
    )
