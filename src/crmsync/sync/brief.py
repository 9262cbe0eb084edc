"""The brief that comes with a task: what a rep needs to start, in the rep's language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from crmsync.messages import Language, catalogue, name_of, say

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")  # %b speaks the server's language
_UNITS = ("business_hour", "business_day", "clock_hour", "clock_day")
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)[+-]\d\d:\d\d")
_HOLD = re.compile(r"(\S+) - (?:(\d\S+) )?([a-z][a-z0-9_]*)(?=, | = )")
_DAY = re.compile(r"(\d{4}-\d\d-\d\d)( [^,]*)")
_WEEKDAYS = {"ja": "月火水木金土日", "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")}


def subject(kind: str, person: Mapping[str, Any], language: Language) -> str:
    """The task's subject line."""
    return say(_known("task.subject", kind), language, name=person["name"] or "—", company=person["company_name"] or "—")


def body(
    kind: str, task: Mapping[str, Any], wish: Mapping[str, Any], score: Mapping[str, Any], zone: str, language: Language
) -> str:
    """Why this person, why now, what they did, what to say next. `zone` is the owner's time zone."""
    last_touch = name_of("touch", score.get("last_touch_kind"), language)
    return say(
        "task.body",
        language,
        reason=wish.get(f"reason_{language}") or "—",
        temperature=name_of("temperature", wish.get("temperature"), language),
        last_touch=last_touch,
        last_touch_at=moment(score.get("last_touch_at"), zone, language),
        due=moment(task["due_at"], zone, language),
        arithmetic=arithmetic(task["arithmetic"], language),
        say=say(_known("task.say", kind), language, last_touch=last_touch),
    )


def _known(group: str, kind: str) -> str:
    """The text of this clock, or that of the rolling one for a clock that only this configuration has."""
    return f"{group}.{kind}" if f"{group}.{kind}" in catalogue() else f"{group}.next_activity"


def moment(at: datetime | None, zone: str, language: Language) -> str:
    """An instant as its reader writes it: 2026年5月7日(木) 17:00, Thu 7 May 2026 17:00."""
    if at is None:
        return "—"
    local = at.astimezone(ZoneInfo(zone))
    return f"{day_of(local.date(), language)} {local:%H:%M}"


def day_of(day: date, language: Language) -> str:
    """A day as its reader writes it: 2026年5月7日(木), Thu 7 May 2026."""
    weekday = _WEEKDAYS[language][day.weekday()]
    if language == "ja":
        return f"{day.year}年{day.month}月{day.day}日({weekday})"
    return f"{weekday} {day.day} {_MONTHS[day.month - 1]} {day.year}"


def arithmetic(text: str | None, language: Language) -> str:
    """How a due time came about ("2026-04-30T17:00+09:00 + 1 business day = …; skipped 2026-05-03 憲法記念日"), as its reader
    writes it. A weekend says no more than its weekday does."""
    if not text:
        return "—"
    told = _HOLD.sub(lambda found: _held(found, language), text)
    told = _INSTANT.sub(lambda found: f"{_short_day(found[1], language)} {found[2]}", told)
    told = _DAY.sub(lambda found: _short_day(found[1], language) + ("" if found[2] == " weekend" else found[2]), told)
    if language == "en":  # what the core prints already
        return told
    for unit in _UNITS:
        told = re.sub(rf"{unit.replace('_', ' ')}s?\b", say(f"brief.{unit}", language), told)
    return told.replace("; skipped ", say("brief.skipped", language)).replace("; on hold ", say("brief.on_hold", language))


def _held(found: re.Match[str], language: Language) -> str:
    """One hold: from when until when, and why."""
    end = found[2] or say("brief.until_further", language)
    return f"{found[1]} – {end}: {name_of('hold', found[3], language)}"


def _short_day(iso: str, language: Language) -> str:
    day = date.fromisoformat(iso)
    weekday = _WEEKDAYS[language][day.weekday()]
    return f"{day.month}/{day.day}({weekday})" if language == "ja" else f"{weekday} {day.day} {_MONTHS[day.month - 1]}"
