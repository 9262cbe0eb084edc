"""Clocks that stand still for a while, with the reason: the customer asked to wait, they are to be called after a date, their rep
is away. The due time moves by the working time on hold, so that nobody is late for time they were not to use.

A clock remembers its holds as "begin/end/reason" in UTC, one after the other; the end is missing where nobody knows it yet. A hold
whose end is known moves the due time at once, any other when it is over. What was promised first is kept, and the due time is
reckoned from it anew each time: however often a hold is lengthened or ended early, it counts once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cached_property

import polars as pl

from crmsync.decisions import worktime
from crmsync.decisions.calendar import Calendars
from crmsync.decisions.frames import CLOCKS, INSTANT, conform, instant
from crmsync.decisions.sla import HoldRule

_RUNNING = pl.col("met_at").is_null() & pl.col("cancelled_at").is_null()
_FORM = "%Y-%m-%dT%H:%M:%SZ"
_TOLD = "; on hold "
_SHOWN = "%Y-%m-%dT%H:%M%:z"


@dataclass(frozen=True)
class Waiting:
    """What the holds of one decision go by. `people` is the frame that conditions run on."""

    rules: tuple[HoldRule, ...]
    people: pl.DataFrame
    reps: pl.DataFrame
    calendars: Calendars
    now: datetime

    @cached_property
    def asked_for(self) -> pl.Series:
        """The ids of those for whom a condition holds, whichever clock it is."""
        asked = [_may_hold(rule, self.now) for rule in self.rules if not rule.away]
        return self.people.filter(pl.any_horizontal(asked))["person_id"] if asked else self.people["person_id"].clear()

    @cached_property
    def absences(self) -> pl.DataFrame:
        """owner, #back_at: midnight after the last day of an absence, where the rep is."""
        away = self.reps.filter(pl.col("absent_until").is_not_null()).select("rep_id", "absent_until", "calendar").unique("rep_id")
        rows = [
            (rep, datetime.combine(last + timedelta(days=1), time(), self.calendars.named(calendar).zone))
            for rep, last, calendar in away.iter_rows()
        ]
        return pl.DataFrame(rows, schema={"owner": pl.String, "#back_at": INSTANT}, orient="row")


def is_on_hold(now: datetime) -> pl.Expr:
    """Whether a clock stands still at this instant."""
    end = _last(1)
    return (pl.col("holds").is_not_null() & ((end == "") | (end > instant(now).dt.strftime(_FORM)))).fill_null(False)


def has_open_hold() -> pl.Expr:
    """Whether a clock stands still, and nobody knows until when: its due time has yet to be moved."""
    return (_last(1) == "").fill_null(False)


def hold(clocks: pl.DataFrame, waiting: Waiting) -> pl.DataFrame:
    """The clocks with the holds that begin and end now, and with due times that have moved accordingly."""
    maybe = _concerned(clocks, waiting)
    if maybe.is_empty():
        return clocks
    wanted = _wanted(maybe, waiting)
    concerned = wanted.filter(pl.col("#reason").is_not_null() | is_on_hold(waiting.now))
    changed = concerned.with_columns(_holds_after(waiting.now).alias("#holds")).filter(pl.col("#holds").ne_missing(pl.col("holds")))
    if changed.is_empty():
        return clocks
    moved = conform(_moved(changed.with_columns(pl.col("#holds").alias("holds")), waiting), CLOCKS)
    return pl.concat([clocks.join(moved, on="clock_id", how="anti"), moved]).sort("clock_id")


def intervals(rows: pl.DataFrame) -> pl.DataFrame:
    """clock_id, begin, end: the holds of these clocks whose ends are known, clipped to the clock's start; what overlaps is one."""
    each = rows.select("clock_id", "started_at", pl.col("holds").str.split(" ")).explode("holds")
    parts = pl.col("holds").str.split("/")
    known = each.with_columns(
        pl.max_horizontal(_instant(parts.list.get(0, null_on_oob=True)), "started_at").alias("begin"),
        _instant(parts.list.get(1, null_on_oob=True)).alias("end"),
    ).filter(pl.col("end") > pl.col("begin"))
    ordered = known.select("clock_id", "begin", "end").sort("clock_id", "begin", "end")
    reach = pl.col("end").cum_max().over("clock_id").shift().over("clock_id")
    begins_anew = (reach.is_null() | (pl.col("begin") > reach)).cum_sum().alias("#run")
    runs = ordered.with_columns(begins_anew).group_by("clock_id", "#run", maintain_order=True)
    return runs.agg(pl.col("begin").min(), pl.col("end").max()).drop("#run")


# ------------------------------------------------------------------------------------------------------------- inside


def _concerned(clocks: pl.DataFrame, waiting: Waiting) -> pl.DataFrame:
    """The running clocks that stand still, or may have to: hardly any. Everything else looks at these alone."""
    held = _RUNNING & pl.col("holds").is_not_null()
    people = waiting.asked_for
    owners = waiting.absences["owner"] if any(rule.away for rule in waiting.rules) else pl.Series([], dtype=pl.String)
    if people.is_empty() and owners.is_empty():
        return clocks.clear() if clocks["holds"].null_count() == clocks.height else clocks.filter(held)
    may_begin = _RUNNING & pl.col("breached_at").is_null()
    wanted = pl.col("person_id").is_in(people.implode()) | pl.col("owner").is_in(owners.implode()).fill_null(False)
    return clocks.filter(held | (may_begin & wanted))


def _may_hold(rule: HoldRule, now: datetime) -> pl.Expr:
    """What a rule says of a person, whichever clock it is."""
    is_ahead = pl.col(rule.until) > instant(now) if rule.until else pl.lit(value=True)
    return _holds_for(rule) & is_ahead.fill_null(False)


def _wanted(running: pl.DataFrame, waiting: Waiting) -> pl.DataFrame:
    """The running clocks with `#reason` and `#until` of the first rule that holds for each."""
    people = waiting.people.join(running, on="person_id", how="semi")
    # conditions speak of persons: what each rule says of them is found once, and stands beside their clocks
    said = people.select(
        "person_id",
        *(_holds_for(rule).alias(f"#{n}") for n, rule in enumerate(waiting.rules)),
        *(pl.col(name).alias(f"#until:{name}") for name in sorted({r.until for r in waiting.rules if r.until})),
    )
    frame = running.join(said, on="person_id", how="left", maintain_order="left")
    frame = frame.join(waiting.absences, on="owner", how="left", maintain_order="left")
    now = instant(waiting.now)
    reason, until = pl.lit(None, dtype=pl.String), pl.lit(None, dtype=INSTANT)
    for number, rule in reversed(list(enumerate(waiting.rules))):
        end = pl.col(f"#until:{rule.until}") if rule.until else pl.col("#back_at") if rule.away else None
        fits = pl.col(f"#{number}").fill_null(False)
        fits &= pl.col("kind").is_in(rule.kinds) if rule.kinds else True
        fits &= (end > now).fill_null(False) if end is not None else True
        reason = pl.when(fits).then(pl.lit(rule.reason)).otherwise(reason)
        until = pl.when(fits).then(end if end is not None else pl.lit(None, dtype=INSTANT)).otherwise(until)
    return frame.with_columns(reason.alias("#reason"), until.cast(INSTANT).alias("#until"))


def _holds_for(rule: HoldRule) -> pl.Expr:
    return rule.condition.expression() if rule.condition is not None else pl.lit(value=True)


def _holds_after(now: datetime) -> pl.Expr:
    """The holds as they are from now on. A clock that is over due is not put on hold: the promise is broken."""
    at_now = instant(now).dt.strftime(_FORM)
    end = pl.col("#until").dt.strftime(_FORM).fill_null("")
    on_hold, is_same = is_on_hold(now), _last(2) == pl.col("#reason")
    before = pl.col("holds").str.split(" ").list
    others = before.head(before.len() - 1).list.join(" ")
    begin = pl.max_horizontal(instant(now), "started_at").dt.strftime(_FORM)
    ended = _joined(others, pl.concat_str(_last(0), at_now, _last(2), separator="/"))
    fresh = pl.concat_str(begin, end, pl.col("#reason"), separator="/")
    may_begin = (pl.col("due_at") > instant(now)) & pl.col("breached_at").is_null()
    return (
        pl.when(on_hold & pl.col("#reason").is_null())
        .then(ended)
        .when(on_hold & is_same)
        .then(_joined(others, pl.concat_str(_last(0), end, _last(2), separator="/")))
        .when(on_hold)
        .then(_joined(ended, fresh))
        .when(pl.col("#reason").is_not_null() & may_begin)
        .then(_joined(pl.col("holds"), fresh))
        .otherwise("holds")
    )


def _joined(first: pl.Expr, second: pl.Expr) -> pl.Expr:
    return pl.when(first.fill_null("") == "").then(second).otherwise(pl.concat_str(first, second, separator=" "))


def _last(part: int) -> pl.Expr:
    """The begin (0), end (1) or reason (2) of a clock's last hold."""
    return pl.col("holds").str.split(" ").list.last().str.split("/").list.get(part, null_on_oob=True)


def _instant(text: pl.Expr) -> pl.Expr:
    return text.str.to_datetime(_FORM, strict=False, time_unit="us").dt.replace_time_zone("UTC").cast(INSTANT)


def _moved(changed: pl.DataFrame, waiting: Waiting) -> pl.DataFrame:
    """Due times reckoned anew from what was promised, and the sum as it can be printed."""
    calendars = waiting.reps.select(pl.col("rep_id").alias("owner"), "calendar").unique("owner", keep="first", maintain_order=True)
    promised = changed.with_columns(pl.coalesce("promised_at", "due_at").alias("promised_at")).join(
        calendars, on="owner", how="left", maintain_order="left"
    )
    in_clock_time = pl.col("arithmetic").str.contains(" clock ", literal=True).fill_null(False)
    moved = worktime.moved(promised.with_columns(in_clock_time.alias("#clock")), intervals(promised), waiting.calendars)
    return moved.with_columns(_told(moved, waiting.calendars))


def _told(moved: pl.DataFrame, calendars: Calendars) -> pl.Series:
    """The arithmetic with the holds in it, in the zone of each clock's calendar."""
    return pl.Series(
        "arithmetic",
        [_one_told(row, calendars) for row in moved.select("arithmetic", "holds", "due_at", "calendar").iter_rows(named=True)],
        dtype=pl.String,
    )


def _one_told(row: dict[str, object], calendars: Calendars) -> str:
    zone = calendars.named(str(row["calendar"]) if row["calendar"] else None).zone
    spans = []
    for text in str(row["holds"]).split(" "):
        begin, end, reason = text.split("/")
        ends = f" - {_local(datetime.fromisoformat(end), zone)}" if end else " -"
        spans.append(f"{_local(datetime.fromisoformat(begin), zone)}{ends} {reason}")
    due = row["due_at"]
    base = str(row["arithmetic"] or "").split(_TOLD)[0]
    assert isinstance(due, datetime)  # noqa: S101 - a clock has a due time
    return f"{base}{_TOLD}{', '.join(spans)} = {_local(due, zone)}"


def _local(at: datetime, zone: object) -> str:
    return at.astimezone(zone).isoformat(timespec="minutes")  # type: ignore[arg-type]  # a ZoneInfo
