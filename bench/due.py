"""A million due times: the arithmetic of promises by columns, and held against the same day by day.

    python bench/due.py [--quick]

Every unit, several calendars, the sum in words beside each. What counts is the processor's time; a thousand rows are reckoned again
one by one.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import polars as pl

from common import Board, asked, leave
from crmsync.decisions.calendar import Calendars
from crmsync.decisions.frames import INSTANT
from crmsync.decisions.worktime import due_column
from decide import definitions

PROMISES = ((24.0, "clock_hours"), (8.0, "business_hours"), (3.0, "business_days"), (2.5, "business_hours"), (30.0, "clock_days"))
NOW = datetime(2026, 6, 3, 1, tzinfo=UTC)
CHECKED = 1_000


def main() -> None:
    rows = 100_000 if asked(__doc__ or "").quick else 1_000_000
    board, calendars = Board("due"), definitions(20).calendars
    starts = _starts(rows, sorted(calendars.by_name))
    due_column(starts.head(1_000), calendars)  # holidays are looked up once
    begun, worked = time.perf_counter(), time.process_time()
    found = due_column(starts, calendars)
    took, processor = time.perf_counter() - begun, time.process_time() - worked
    at_most = 2.0 * rows / 1_000_000
    board.put(f"{rows:,} due times, of processor", processor, at_most=at_most, detail=f"{took:.2f} s of wall", unit=" s")
    sample = found.gather_every(max(1, rows // CHECKED))
    wrong = sum(row["due_at"] != _by_days(row, calendars) for row in sample.iter_rows(named=True))
    board.put("due otherwise when reckoned day by day", wrong, at_most=0, detail=f"of {sample.height:,}")
    leave(board)


def _starts(rows: int, calendars: list[str]) -> pl.DataFrame:
    n = pl.col("n")
    promise = n % len(PROMISES)
    return pl.DataFrame({"n": pl.int_range(rows, eager=True)}).select(
        (pl.lit(NOW) - pl.duration(minutes=n.hash(1) % (365 * 1440))).cast(INSTANT).alias("started_at"),
        (n.hash(2) % len(calendars)).replace_strict(dict(enumerate(calendars)), return_dtype=pl.String).alias("calendar"),
        promise.replace_strict(dict(enumerate(amount for amount, _ in PROMISES)), return_dtype=pl.Float64).alias("amount"),
        promise.replace_strict(dict(enumerate(unit for _, unit in PROMISES)), return_dtype=pl.String).alias("unit"),
    )


def _by_days(row: dict[str, object], calendars: Calendars) -> datetime:
    """The due instant of one promise, window by window."""
    start, amount, unit, calendar = row["started_at"], row["amount"], row["unit"], calendars.named(str(row["calendar"]))
    assert isinstance(start, datetime)
    assert isinstance(amount, float)
    if unit == "business_hours":
        return calendar.add_business_hours(start, amount)[0]
    if unit == "business_days":
        return calendar.add_business_days(start, int(amount))[0]
    return start + timedelta(hours=amount * (24 if unit == "clock_days" else 1))


if __name__ == "__main__":
    main()
