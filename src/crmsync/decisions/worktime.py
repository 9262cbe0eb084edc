"""Due times for many rows at once: the arithmetic of `calendar.py`, by columns.

The windows of a calendar stand in a table with the business time that has gone by before each; an instant becomes a position
on that line and back. Positions are microseconds of business time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache

import polars as pl

from crmsync.decisions.aligned import in_order
from crmsync.decisions.calendar import BusinessCalendar, Calendars
from crmsync.decisions.frames import INSTANT

HOUR = 3_600_000_000
UNITS = {"clock_hours": "clock hour", "clock_days": "clock day", "business_hours": "business hour", "business_days": "business day"}
_SLACK_DAYS = 60


def due_column(frame: pl.DataFrame, calendars: Calendars) -> pl.DataFrame:
    """Add `due_at` and `arithmetic` to rows of `started_at`, `calendar`, `amount` and `unit` (a DueUnit). An unknown calendar
    is the default one. Rows keep their order."""
    numbered = frame.with_row_index("#")
    parts = []
    for calendar, rows in _by_calendars(numbered, calendars):
        for unit, same in _each(rows, "unit"):
            parts.append(_arithmetic(_due(same, str(unit), calendar), str(unit), calendar))
    if not parts:
        return frame.with_columns(pl.lit(None, dtype=INSTANT).alias("due_at"), pl.lit(None, dtype=pl.String).alias("arithmetic"))
    return _together(parts)


def business_share(frame: pl.DataFrame, calendars: Calendars, percents: tuple[int, ...]) -> pl.DataFrame:
    """Add `at_<percent>` to rows of `started_at`, `due_at` and `calendar`: when so much of the business time between the two has
    gone by. Where there is none between, the share is of clock time."""
    numbered = frame.with_row_index("#")
    parts = []
    for calendar, rows in _by_calendars(numbered, calendars):
        parts.append(_shares(rows, calendar, percents))
    if not parts:
        return frame.with_columns(pl.lit(None, dtype=INSTANT).alias(f"at_{p}") for p in percents)
    return _together(parts)


def clock_share(percent: int) -> pl.Expr:
    """When so much of the clock time between `started_at` and `due_at` has gone by."""
    length = (pl.col("due_at") - pl.col("started_at")).dt.total_microseconds()
    return pl.col("started_at") + pl.duration(microseconds=length * percent // 100)


def _by_calendars(rows: pl.DataFrame, calendars: Calendars) -> Iterator[tuple[BusinessCalendar, pl.DataFrame]]:
    """The rows by the calendar that they name."""
    for name, same in _each(rows, "calendar"):
        yield calendars.named(None if name is None else str(name)), same


def _each(rows: pl.DataFrame, column: str) -> Iterator[tuple[object, pl.DataFrame]]:
    """The rows by their value in this column; mostly all have the same."""
    if rows[column].n_unique() == 1:
        yield rows[column][0], rows
        return
    for (value,), same in rows.group_by([column], maintain_order=True):
        yield value, same


def _together(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """What was apart, in the order of `#`."""
    return in_order(pl.concat(parts), "#").drop("#")


def _due(rows: pl.DataFrame, unit: str, calendar: BusinessCalendar) -> pl.DataFrame:
    if unit in ("clock_hours", "clock_days"):
        micros = (pl.col("amount") * HOUR * (24 if unit == "clock_days" else 1)).cast(pl.Int64)
        return rows.with_columns((pl.col("started_at") + pl.duration(microseconds=micros)).alias("due_at"))
    largest = float(rows["amount"].max() or 0)  # type: ignore[arg-type]  # a number column
    days = math.ceil(largest if unit == "business_days" else largest / 4) * 3 + _SLACK_DAYS
    table = _table(rows, calendar, days)
    return _business_hours(rows, table) if unit == "business_hours" else _business_days(rows, table, calendar)


def _business_hours(rows: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    position = _position("started_at", table) + (pl.col("amount") * HOUR).cast(pl.Int64)
    # a column of its own: what stands twice in an expression is worked out twice
    placed = rows.with_columns(position.alias("position"))
    return placed.with_columns(_instant(pl.col("position"), table).alias("due_at")).drop("position")


def _business_days(rows: pl.DataFrame, table: pl.DataFrame, calendar: BusinessCalendar) -> pl.DataFrame:
    days = table.group_by("day", maintain_order=True).agg(
        pl.col("date").first(), pl.col("opens").first().alias("day_opens"), pl.col("closes").last().alias("day_closes")
    )
    # the window that is open at the start, or the next to open
    window = _among(table, pl.lit(table["closes"]).search_sorted(pl.col("started_at"), side="right"))
    placed = rows.with_columns(window.alias("window"))
    opening, day = (_of(table, name, pl.col("window")) for name in ("opens", "day"))
    begun = placed.with_columns(
        pl.max_horizontal("started_at", opening).dt.convert_time_zone(calendar.time_zone).dt.time().alias("wall"),
        _among(days, day + pl.col("amount").cast(pl.Int64)).alias("day"),
    )
    date, opens, closes = (_of(days, name, pl.col("day")) for name in ("date", "day_opens", "day_closes"))
    wanted = (
        date.dt.combine(pl.col("wall")).dt.replace_time_zone(calendar.time_zone, ambiguous="earliest", non_existent="null")
    ).dt.convert_time_zone("UTC")
    due_at = wanted.fill_null(opens).clip(opens, closes).cast(INSTANT).alias("due_at")
    return begun.with_columns(due_at).drop("window", "day", "wall")


def _shares(rows: pl.DataFrame, calendar: BusinessCalendar, percents: tuple[int, ...]) -> pl.DataFrame:
    span = (rows["due_at"].max() - rows["started_at"].min()).days  # type: ignore[operator,union-attr]  # instants, never null
    days = math.ceil(span * max(percents, default=100) / 100) + _SLACK_DAYS
    table = _table(rows, calendar, days)
    placed = rows.with_columns(_position("started_at", table).alias("from"), _position("due_at", table).alias("to"))
    length = pl.col("to") - pl.col("from")
    shares = {percent: _instant(pl.col("from") + length * percent // 100, table) for percent in percents}
    return placed.with_columns(
        pl.when(length > 0).then(share).otherwise(clock_share(percent)).alias(f"at_{percent}") for percent, share in shares.items()
    ).drop("from", "to")


def _position(column: str, table: pl.DataFrame) -> pl.Expr:
    """How much business time lies before the instant in this column, counted from the start of the table."""
    window = _among(table, pl.lit(table["opens"]).search_sorted(pl.col(column), side="right").cast(pl.Int64) - 1)
    since = (pl.col(column) - _of(table, "origin", window)).dt.total_microseconds()
    return pl.min_horizontal(since, _of(table, "until", window)).fill_null(0)


def _instant(position: pl.Expr, table: pl.DataFrame) -> pl.Expr:
    """The first instant at which this much business time has gone by: at closing time rather than at the next opening."""
    window = _among(table, pl.lit(table["before"]).search_sorted(position, side="left").cast(pl.Int64) - 1)
    return _of(table, "origin", window) + pl.duration(microseconds=position)


def _among(table: pl.DataFrame, row: pl.Expr) -> pl.Expr:
    """The number of a row of the table; null where it has no such row."""
    return pl.when((row >= 0) & (row < table.height)).then(row)


def _of(table: pl.DataFrame, column: str, row: pl.Expr) -> pl.Expr:
    """The value in this row of the table."""
    return pl.lit(table[column]).gather(row)


def _table(rows: pl.DataFrame, calendar: BusinessCalendar, days: int) -> pl.DataFrame:
    earliest, latest = rows["started_at"].min(), rows["started_at"].max()
    if not isinstance(earliest, datetime) or not isinstance(latest, datetime):
        raise ValueError("a clock has no start")
    first = calendar.local_day(earliest) - timedelta(days=1)
    last = calendar.local_day(latest) + timedelta(days=days)
    # whole months, so that the same table serves many decisions
    return _windows(calendar, first.replace(day=1), (last.replace(day=1) + timedelta(days=31)).replace(day=1))


@lru_cache(maxsize=128)
def _windows(calendar: BusinessCalendar, first: date, last: date) -> pl.DataFrame:
    """Every window from `first` to `last`: opens, closes, business time before it and until it closes, when that would have begun
    (`origin`) had it been business time all along, its date and the number of its day."""
    spans = [
        (day, opens, closes)
        for day in (first + timedelta(days=n) for n in range((last - first).days + 1))
        for opens, closes in calendar.hours_of(day)
    ]
    schema = {"date": pl.Date(), "opens": INSTANT, "closes": INSTANT}
    length = (pl.col("closes") - pl.col("opens")).dt.total_microseconds()
    before = length.cum_sum() - length
    return pl.DataFrame(spans, schema=schema, orient="row").with_columns(
        before.alias("before"),
        length.cum_sum().alias("until"),
        (pl.col("opens") - pl.duration(microseconds=before)).alias("origin"),
        pl.col("date").rle_id().cast(pl.Int64).alias("day"),
    )


def _arithmetic(rows: pl.DataFrame, unit: str, calendar: BusinessCalendar) -> pl.DataFrame:
    """Add the sum as it can be printed, in the calendar's zone; language-neutral but for the names of holidays."""

    def local(column: str) -> pl.Expr:
        return pl.col(column).dt.convert_time_zone(calendar.time_zone)

    def shown(column: str) -> pl.Expr:
        return local(column).dt.strftime("%Y-%m-%dT%H:%M%:z")

    amount = (
        pl.when(pl.col("amount") % 1 == 0)
        .then(pl.col("amount").cast(pl.Int64).cast(pl.String))
        .otherwise(pl.col("amount").cast(pl.String))
    )
    plural = pl.when(pl.col("amount") == 1).then(pl.lit("")).otherwise(pl.lit("s"))
    text = pl.concat_str(
        shown("started_at"), pl.lit(" + "), amount, pl.lit(f" {UNITS[unit]}"), plural, pl.lit(" = "), shown("due_at")
    )
    if unit.startswith("clock"):
        return rows.with_columns(text.alias("arithmetic"))
    ends = rows.select(local("started_at").dt.date().alias("first"), local("due_at").dt.date().alias("last"))
    skipped = ends.unique(maintain_order=True).with_columns(
        pl.struct("first", "last").map_elements(lambda s: _skipped(calendar, s["first"], s["last"]), pl.String).alias("skipped")
    )
    told = pl.concat([rows, ends], how="horizontal").join(skipped, on=["first", "last"], how="left", maintain_order="left")
    return told.with_columns(pl.concat_str(text, pl.col("skipped")).alias("arithmetic")).drop("first", "last", "skipped")


def _skipped(calendar: BusinessCalendar, first: date, last: date) -> str:
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    told = [f"{day.isoformat()} {why}" for day in days if (why := calendar.closed_because(day)) is not None]
    return "; skipped " + ", ".join(told) if told else ""


def moved(frame: pl.DataFrame, holds: pl.DataFrame, calendars: Calendars) -> pl.DataFrame:
    """Rows of `clock_id`, `promised_at`, `calendar` and `#clock` with `due_at` moved by the time on hold: working time, or where
    `#clock` is true all of it. `holds`: clock_id, begin, end, apart from each other. Rows keep their order."""
    numbered = frame.drop("due_at", strict=False).with_row_index("#")
    parts = []
    for (name, is_clock), rows in numbered.group_by(["calendar", "#clock"], maintain_order=True):
        mine = holds.join(rows, on="clock_id", how="semi")
        calendar = calendars.named(None if name is None else str(name))
        parts.append(_by_clock(rows, mine) if is_clock or mine.is_empty() else _by_calendar(rows, mine, calendar))
    return _together(parts)


def _by_clock(rows: pl.DataFrame, holds: pl.DataFrame) -> pl.DataFrame:
    spent = holds.group_by("clock_id").agg((pl.col("end") - pl.col("begin")).sum().alias("spent"))
    moved_by = pl.col("spent").fill_null(pl.duration(microseconds=0))
    joined = rows.join(spent, on="clock_id", how="left", maintain_order="left")
    return joined.with_columns((pl.col("promised_at") + moved_by).cast(INSTANT).alias("due_at")).drop("spent")


def _by_calendar(rows: pl.DataFrame, holds: pl.DataFrame, calendar: BusinessCalendar) -> pl.DataFrame:
    """A hold outside of working hours adds nothing."""
    table = _held_table(rows, holds, calendar)
    held = _position("end", table) - _position("begin", table)
    spent = holds.with_columns(held.alias("spent")).group_by("clock_id").agg(pl.col("spent").sum())
    joined = rows.join(spent, on="clock_id", how="left").with_columns(pl.col("spent").fill_null(0))
    placed = joined.with_columns((_position("promised_at", table) + pl.col("spent")).alias("position"))
    due_at = pl.when(pl.col("spent") > 0).then(_instant(pl.col("position"), table)).otherwise("promised_at").cast(INSTANT)
    return placed.with_columns(due_at.alias("due_at")).drop("spent", "position")


def _held_table(rows: pl.DataFrame, holds: pl.DataFrame, calendar: BusinessCalendar) -> pl.DataFrame:
    """The windows from the first hold or promise to long after the last: a hold moves a due time by no more days than twice its
    own, closed days included."""
    instants = pl.concat([holds["begin"], holds["end"], rows["promised_at"]])
    longest = holds.group_by("clock_id").agg((pl.col("end") - pl.col("begin")).sum().alias("held"))["held"].max()
    first, last = instants.min(), instants.max()
    if not isinstance(first, datetime) or not isinstance(last, datetime) or not isinstance(longest, timedelta):
        raise ValueError("a clock on hold has no due time")
    after = timedelta(days=longest.days * 2 + _SLACK_DAYS)
    return _windows(calendar, calendar.local_day(first) - timedelta(days=8), calendar.local_day(last) + after)
