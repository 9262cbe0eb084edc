"""The other opinion: what should have come out of the world's truth, worked out without a line of crmsync's core."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from plain_rules import MANAGER_POINTS, MANAGER_RANK, POINTS, THRESHOLD

from crmsync.sandbox.world.truth import Truth

TOKYO = ZoneInfo("Asia/Tokyo")
# Japan, 13 April to 30 June 2026, by hand: Showa Day, Greenery Day, Children's Day, and the substitute for Constitution Day.
HOLIDAYS = {(4, 29), (5, 4), (5, 5), (5, 6)}
OPENING = ((time(9), time(12)), (time(13), time(18)))


def score_at(truth: Truth, person: str, at: datetime) -> int:
    """Points of everything the person had done by `at`."""
    kinds = {touch.kind for touch in truth.touches(person) if touch.at <= at}
    manager = MANAGER_POINTS if truth.people[person].title_rank >= MANAGER_RANK else 0
    return manager + sum(points for kind, points in POINTS.items() if kind in kinds)


def qualifies_at(truth: Truth, person: str, at: datetime) -> bool:
    """Whether the plain definition holds for this person at this instant."""
    said_no = any(act.at <= at for act in truth.acts(person, "opted_out", "bounced"))
    return not truth.people[person].missing and not said_no and score_at(truth, person, at) >= THRESHOLD


def one_business_day_after(start: datetime) -> datetime:
    """The same time of day on the next day on which people work; from outside hours, from the next opening."""
    local = start.astimezone(TOKYO)
    if not _is_open(local):
        local = _next_opening(local)
    day = local + timedelta(days=1)
    while not _is_workday(day):
        day += timedelta(days=1)
    return day.astimezone(UTC)


def _is_workday(moment: datetime) -> bool:
    return moment.weekday() < 5 and (moment.month, moment.day) not in HOLIDAYS


def _is_open(moment: datetime) -> bool:
    return _is_workday(moment) and any(opens <= moment.time() < closes for opens, closes in OPENING)


def _next_opening(moment: datetime) -> datetime:
    """Minute by minute: slow, and plainly right."""
    moment = moment.replace(second=0, microsecond=0)
    while not _is_open(moment):
        moment += timedelta(minutes=1)
    return moment
