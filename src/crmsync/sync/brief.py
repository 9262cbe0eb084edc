"""The brief that comes with a task: what a rep needs to start, in the rep's language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from crmsync.messages import Language, catalogue, name_of, say

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
        arithmetic=task["arithmetic"] or "—",
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
    day = _WEEKDAYS[language][local.weekday()]
    if language == "ja":
        return f"{local.year}年{local.month}月{local.day}日({day}) {local:%H:%M}"
    return f"{day} {local.day} {local:%b %Y %H:%M}"
