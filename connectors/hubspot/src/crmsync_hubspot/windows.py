"""Which stretch of time an increment reads, and the cursors that say so. Pure: server time is an argument.

    backfill   {"phase": "backfill", "started": …, "after": …}                 everything, listed by id
    increment  {"phase": "increment", "since": …, "until": …, "after_id": …}    a frozen window, keyset by id
    settled    {"until": …, "wide": …, "bin": …, "sweep": …}                   waiting for the next call

The search index runs some seconds behind writes. So a window ends `settle` before now, begins `overlap` before the last one
ended, and once per `trailing` begins that much earlier still: a late row is seen by the wide window at the latest, without a
second pass of its own. Reading a row twice is harmless; the cursor moves only when the whole window is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from crmsync_hubspot.values import instant, iso, millis

# A modified filter at 1970 answers 500; no HubSpot record is older than the company (2005).
FLOOR = datetime(2005, 1, 1, tzinfo=UTC)
SEARCH_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Lags:
    """How far windows keep from the present and reach into the past."""

    settle: timedelta = timedelta(seconds=5)
    overlap: timedelta = timedelta(minutes=5)
    trailing: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Bin:
    """How far the recycle bin has been read: `read_at` is the start of the last full pass; while one runs, `started` and
    `after` (HubSpot's page cursor) say where it is."""

    read_at: datetime
    started: datetime | None = None
    after: str | None = None

    def is_due(self, now: datetime, every: timedelta) -> bool:
        """A pass that was begun goes on; another begins `every` after the last one."""
        return self.started is not None or now - self.read_at >= every


@dataclass(frozen=True, slots=True)
class Sweep:
    """When everything was last listed anew, to find what no window and no bin tells of: `done_at` is the start of the last full
    pass; while one runs, `started`, `after` (HubSpot's page cursor) and `last_id` (the last record listed) say where it is."""

    done_at: datetime
    started: datetime | None = None
    after: str | None = None
    last_id: int = 0

    def is_due(self, now: datetime, every: timedelta) -> bool:
        """A pass that was begun goes on; another begins `every` after the last one. Zero turns sweeps off."""
        return every > timedelta(0) and (self.started is not None or now - self.done_at >= every)


@dataclass(frozen=True, slots=True)
class Settled:
    """Everything modified up to `until` is stored; the last wide window ended at `wide`."""

    until: datetime
    wide: datetime
    bin: Bin
    sweep: Sweep


@dataclass(frozen=True, slots=True)
class Window:
    """A frozen stretch [since, until], both ends included, read by id from `after_id`; `then` holds when it is all stored."""

    since: datetime
    until: datetime
    then: Settled
    after_id: int = 0


@dataclass(frozen=True, slots=True)
class Backfill:
    """Everything, listed; `started` is when it began, which is where increments begin."""

    started: datetime
    after: str | None = None


State = Backfill | Window | Settled


def first_state(started: datetime) -> Backfill:
    """Where a stream without a cursor begins."""
    return Backfill(started)


def after_backfill(backfill: Backfill) -> Settled:
    """Increments and the recycle bin go on from when the backfill began."""
    return settled_at(backfill.started)


def settled_at(at: datetime) -> Settled:
    """Where everything is stored as of `at`."""
    return Settled(at, at, Bin(at), Sweep(at))


def likely_since(settled: Settled, hint: datetime | None, lags: Lags) -> datetime:
    """Where the next window begins, before HubSpot's clock is known: by `hint`, the time of its last answer, which may be old.
    A window that is wide by an old time is wide by a later one."""
    return next_window(settled, hint or settled.until, lags).since


def next_window(settled: Settled, now: datetime, lags: Lags) -> Window:
    """The window that begins where `settled` ended and ends `settle` before `now`; never backwards."""
    until = max(now - lags.settle, settled.until)
    wide_due = lags.trailing > timedelta(0) and until - settled.wide >= lags.trailing
    reach = min(settled.until, settled.wide - lags.trailing) if wide_due else settled.until
    since = max(reach - lags.overlap, FLOOR)
    return Window(since, until, replace(settled, until=until, wide=until if wide_due else settled.wide))


def search_body(
    modified: str, since: datetime, until: datetime | None, after_id: int, properties: tuple[str, ...]
) -> dict[str, Any]:
    """One page of a window (`until` None: up to now). Sorting and paging by id passes the cap of 10,000 results per query, also
    where more rows than that share one millisecond. All five keys are sent: HubSpot's own SDK types require them."""
    bounds = [
        (modified, "GTE", millis(since)),
        (modified, "LTE", millis(until) if until else None),
        ("hs_object_id", "GT", after_id),
    ]
    filters = [{"propertyName": name, "operator": how, "value": str(value)} for name, how, value in bounds if value is not None]
    return {
        "filterGroups": [{"filters": filters}],
        "sorts": ["hs_object_id"],
        "properties": list(properties),
        "limit": SEARCH_LIMIT,
        "after": "0",
    }


def dump(state: State) -> dict[str, Any]:
    """The state as a cursor of JSON values."""
    if isinstance(state, Backfill):
        return {"phase": "backfill", "started": iso(state.started), "after": state.after}
    if isinstance(state, Window):
        place = {"phase": "increment", "since": iso(state.since), "until": iso(state.until), "after_id": str(state.after_id)}
        return place | {"then": dump(state.then)}
    return {
        "until": iso(state.until),
        "wide": iso(state.wide),
        "bin": _dump_bin(state.bin),
        "sweep": _dump_sweep(state.sweep),
    }


def load(cursor: Mapping[str, Any] | None) -> State | None:
    """Read what `dump` wrote; None for no cursor. Raises ValueError for one that is not ours."""
    if not cursor:
        return None
    phase = cursor.get("phase")
    if phase == "backfill":
        return Backfill(_time(cursor, "started"), cursor.get("after"))
    if phase == "increment":
        return Window(_time(cursor, "since"), _time(cursor, "until"), _settled(cursor["then"]), int(cursor["after_id"]))
    return _settled(cursor)


def _settled(cursor: Mapping[str, Any]) -> Settled:
    until = _time(cursor, "until")
    held = cursor.get("bin") or {}
    bin_ = Bin(instant(held.get("read_at")) or until, instant(held.get("started")), held.get("after"))
    swept = cursor.get("sweep") or {}
    sweep = Sweep(
        instant(swept.get("done_at")) or until,
        instant(swept.get("started")),
        swept.get("after"),
        int(swept.get("last_id") or 0),
    )
    return Settled(until, instant(cursor.get("wide")) or until, bin_, sweep)


def _dump_bin(bin_: Bin) -> dict[str, Any]:
    started = {"started": iso(bin_.started), "after": bin_.after} if bin_.started else {}
    return {"read_at": iso(bin_.read_at)} | started


def _dump_sweep(sweep: Sweep) -> dict[str, Any]:
    started = {"started": iso(sweep.started), "after": sweep.after, "last_id": str(sweep.last_id)} if sweep.started else {}
    return {"done_at": iso(sweep.done_at)} | started


def _time(cursor: Mapping[str, Any], key: str) -> datetime:
    found = instant(cursor.get(key))
    if found is None:
        raise ValueError(f"cursor without {key}")
    return found
