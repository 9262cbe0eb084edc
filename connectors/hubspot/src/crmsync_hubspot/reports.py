"""When a report is read, which days it is asked for, and what its cursor says. Pure: the time is an argument.

Reports are what figures need and nobody acts on: they are read some times a day, and cost nothing in the cycles between. One that
is refused (a plan or a scope that the account does not have) is asked for again a day later, and rests alone.

    read       {"read_at": …}, of visits also {"through": last day, "since": first day with visitors, "told": {day: [sources]}}
    refused    {…as before, "refused_at": …, "why": …}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from crmsync.model.records import RawRecord
from crmsync_hubspot.values import instant, iso

# How often a portal that refused a report is asked again: its plan, or our scopes, may have grown.
ASK_AGAIN = timedelta(days=1)
# Numbers of the last days still move: today's of course, and HubSpot files sessions anew when it learns where they came from.
AGAIN_DAYS = 7
# One answer may have 500 points in time (413); far fewer are never too much work (501).
DAYS_PER_CALL = 100
# Where no source has a visitor on a day, the day itself is told: it was counted, and nobody came.
NO_SOURCE = "-"
_DAY = timedelta(days=1)

Cursor = Mapping[str, Any]
Row = Mapping[str, Any]


def is_due(cursor: Cursor, now: datetime, every: timedelta) -> bool:
    """Whether the report is to be read. One that stands under a time to come was read by a clock that was set back."""
    refused_at, read_at = instant(cursor.get("refused_at")), instant(cursor.get("read_at"))
    last, pause = (refused_at, ASK_AGAIN) if refused_at else (read_at, every)
    return last is None or not last <= now < last + pause


def read(now: datetime, **more: Any) -> dict[str, Any]:
    """The cursor of a report that was read."""
    return {"read_at": iso(now), **more}


def refused(cursor: Cursor, now: datetime, why: str) -> dict[str, Any]:
    """The cursor of a report that was refused, with all that it knew."""
    return {**cursor, "refused_at": iso(now), "why": why}


@dataclass(frozen=True, slots=True)
class Told:
    """What visits told so far: through which day, since which one anybody came, and the sources of the last days."""

    through: date | None = None
    since: date | None = None
    sources: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, cursor: Cursor) -> Told:
        return cls(_day_of(cursor.get("through")), _day_of(cursor.get("since")), cursor.get("told") or {})

    def dump(self) -> dict[str, Any]:
        days = {name: day.isoformat() for name, day in (("through", self.through), ("since", self.since)) if day}
        return {**days, "told": dict(self.sources)}

    def stretches(self, today: date, first_days: int) -> Iterator[tuple[date, date]]:
        """The days to ask for, in parts that one call can answer: the last ones again, and all since."""
        first = today - first_days * _DAY if self.through is None else min(self.through, today) - (AGAIN_DAYS - 1) * _DAY
        while first <= today:
            last = min(first + (DAYS_PER_CALL - 1) * _DAY, today)
            yield first, last
            first = last + _DAY


def visit_records(answer: Mapping[str, Any], first: date, last: date, told: Told) -> tuple[list[RawRecord], Told]:
    """One record for each source of each day, and what is told with them. A source that told of a day before and does not any more
    has no visitors there now. Before anybody ever came a day says nothing: a site may not be tracked at all."""
    rows = {str(day)[:10]: tuple(_rows(found)) for day, found in answer.items()}
    began = min((day for day, found in rows.items() if found and first.isoformat() <= day <= last.isoformat()), default=None)
    since = told.since or (date.fromisoformat(began) if began else None)
    records: list[RawRecord] = []
    sources = dict(told.sources)
    for offset in range((last - first).days + 1):
        day = first + offset * _DAY
        if since is None or day < since:
            continue
        name = day.isoformat()
        found = {str(row["breakdown"]): row for row in rows.get(name, ())}
        before: dict[str, Row] = {source: {} for source in told.sources.get(name, ())}
        of_day = {**before, **found} or {NO_SOURCE: {}}
        records += [_record(name, source, row) for source, row in of_day.items()]
        sources[name] = list(of_day)
    kept = (last - (AGAIN_DAYS - 1) * _DAY).isoformat()
    return records, Told(last, since, {day: names for day, names in sources.items() if day >= kept})


def _day_of(text: Any) -> date | None:
    return date.fromisoformat(str(text)) if text else None


def _rows(found: Any) -> Iterator[Row]:
    return (row for row in found or () if isinstance(row, Mapping) and row.get("breakdown"))


def _record(day: str, source: str, row: Row) -> RawRecord:
    counts = {name: row.get(name) or 0 for name in ("visitors", "visits", "rawViews")}
    return RawRecord("visits", f"{day}/{source}", {"day": day, "breakdown": source, **counts}, None)
