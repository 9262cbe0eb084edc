"""Which nurture programme somebody belongs on (DOMAIN.md §3, §7): one at a time, or none. Programmes are lists of the MA.

    who                                                    programme
    opted out, or their mail bounces                       none: consent comes first
    hot, or sales works with them                          none: nobody is sent promotions while a rep talks to them
    recycled                                               that of the recycle reason, else that of the temperature
    inquiry, lost                                          that of the temperature
    recycled, inquiry, lost, silent for too long           the one that keeps them in touch, where they have no other
    customer nobody looked after in time                   upsell, unless more is being sold to them already
    everyone else                                          none

Who would be put into programmes too often waits outside until it is time: selling at people is no advice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from crmsync.decisions import recycle
from crmsync.decisions.aligned import ROW, beside, put_back
from crmsync.decisions.clocks import RUNNING
from crmsync.decisions.frames import STATE, Facts, conform, instant
from crmsync.decisions.recycle import Recycle

_FORM = "%Y-%m-%dT%H:%M:%S%.6f"


@dataclass(frozen=True, slots=True)
class Frequency:
    """At most `most` enrolments within `days`, and `apart_days` from one to the next. The list of those who stalled does not count:
    to be kept in touch is owed to them."""

    most: int
    days: int
    apart_days: int = 0


@dataclass(frozen=True, slots=True)
class Nurture:
    """The nurture document. `lists`: programme → the name of its list in the MA; a programme without one is shown in the person's
    field alone. What stands on the lists is read anew after `read_back_hours`."""

    lists: Mapping[str, str] = field(default_factory=dict)
    frequency: Frequency | None = None
    read_back_hours: int = 24


def enrol(
    state: pl.DataFrame,
    clocks: pl.DataFrame,
    scores: pl.DataFrame,
    facts: Facts,
    rules: Rules,
    now: datetime,
    faded_at: datetime | None = None,
) -> pl.DataFrame:
    """STATE with the programme of each person now, and the enrolments that still count. Silences and waits have lasted until
    `faded_at` (None: now)."""
    faded = faded_at or now
    known = facts.persons.select("person_id", "opted_out", "bounced", "sales_status", "sales_status_at")
    frame = beside(beside(state, known), scores.select("person_id", "last_touch_at"))
    for part in (_selling(facts), _neglected(clocks)):
        frame = frame.join(part, on="person_id", how="left", maintain_order="left")
    wished = frame.with_columns(_wish(rules.recycle, faded).alias("#wish"))
    return conform(_capped(wished, rules, now, faded), STATE)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the choice of a programme goes by."""

    recycle: Recycle
    nurture: Nurture


def _selling(facts: Facts) -> pl.DataFrame:
    """Who is in an open opportunity."""
    return facts.opportunities.filter(pl.col("status") == "open").select("person_id", pl.lit(True).alias("#selling")).unique()


def _neglected(clocks: pl.DataFrame) -> pl.DataFrame:
    """Customers whose running care is over due."""
    late = clocks.filter(RUNNING & (pl.col("kind") == "customer_care") & pl.col("breached_at").is_not_null())
    return late.select("person_id", pl.lit(True).alias("#neglected")).unique()


def _wish(rules: Recycle, faded_at: datetime) -> pl.Expr:
    none = pl.lit(None, dtype=pl.String)
    by_temperature = pl.col("temperature").replace_strict(dict(rules.lists), default=None, return_dtype=pl.String)
    silent = pl.col("opted_out").fill_null(False) | pl.col("bounced").fill_null(False)
    worked = (pl.col("sales_status") == "working") & (pl.col("sales_status_at") >= pl.col("phase_at"))
    # whoever was given back hot is to be nurtured all the same: only what they did since speaks for sales
    hot = (pl.col("temperature") == "hot") & ((pl.col("phase") == "inquiry") | (pl.col("last_touch_at") > pl.col("phase_at")))
    with_sales = hot | pl.col("#selling") | worked
    return (
        pl.when(silent | ((pl.col("phase") != "closed_won") & with_sales.fill_null(False)))
        .then(none)
        .when(pl.col("phase") == "recycled")
        .then(pl.coalesce(recycle.nurture(rules, "recycle_reason"), by_temperature, _stalled(rules, faded_at)))
        .when(pl.col("phase").is_in(["inquiry", "closed_lost"]))
        .then(pl.coalesce(by_temperature, _stalled(rules, faded_at)))
        .when((pl.col("phase") == "closed_won") & pl.col("#neglected") & ~pl.col("#selling").fill_null(False))
        .then(pl.lit(rules.upsell_list, dtype=pl.String))
    )


def _stalled(rules: Recycle, faded_at: datetime) -> pl.Expr:
    """The list of those who did nothing for too long."""
    if rules.stalled_days is None:
        return pl.lit(None, dtype=pl.String)
    quiet_since = pl.max_horizontal("last_touch_at", "phase_at")
    is_over = quiet_since <= instant(faded_at - timedelta(days=rules.stalled_days))
    return pl.when(is_over).then(pl.lit(rules.stalled_list, dtype=pl.String))


def _capped(frame: pl.DataFrame, rules: Rules, now: datetime, faded_at: datetime) -> pl.DataFrame:
    """`nurture_list` as wished, but for those who would be enrolled too often. Hardly anybody is enrolled at any one time: only of
    those are the earlier enrolments read."""
    wish, before, frequency = pl.col("#wish"), pl.col("nurture_list"), rules.nurture.frequency
    told = frame.with_row_index(ROW)
    settled = told.with_columns(wish.alias("nurture_list"))
    if frequency is None:
        return settled
    counts = wish.is_not_null() & wish.ne_missing(pl.lit(rules.recycle.stalled_list, dtype=pl.String))
    enrolled = told.filter(counts & wish.ne_missing(before)).with_columns(_recent(frequency, faded_at).alias("#recent"))
    may = _may(frequency, faded_at)
    with_this = pl.concat_list(pl.col("#recent"), instant(now).dt.strftime(_FORM))
    changed = enrolled.select(
        ROW,
        pl.when(may).then(wish).alias("nurture_list"),
        pl.when(may).then(with_this).otherwise("#recent").list.join(" ").alias("enrolments"),
    )
    return put_back(settled, changed)


def _recent(frequency: Frequency, faded_at: datetime) -> pl.Expr:
    """The earlier enrolments that a cap may still count, as they are written: equal forms, so texts compare as instants do."""
    reach = instant(faded_at - timedelta(days=max(frequency.days, frequency.apart_days))).dt.strftime(_FORM)
    written = pl.col("enrolments").fill_null("").str.split(" ")
    return written.list.filter(pl.element() > reach)


def _may(frequency: Frequency, faded_at: datetime) -> pl.Expr:
    """Whether there is room for one more enrolment."""
    since = instant(faded_at - timedelta(days=frequency.days)).dt.strftime(_FORM)
    lately = instant(faded_at - timedelta(days=frequency.apart_days)).dt.strftime(_FORM)
    within = pl.col("#recent").list.eval(pl.element() > since).list.sum().fill_null(0)
    near = pl.col("#recent").list.eval(pl.element() > lately).list.any().fill_null(False)
    return (within < frequency.most) & ~near
