"""The files on SLA, routing, recycle, calendars, BANT and the team: the shipped ones load, mistakes are shown where they stand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from crmsync.config.document import Document, parse_document, read_document
from crmsync.config.rules.bant import load_bant
from crmsync.config.rules.calendars import load_calendars
from crmsync.config.rules.nurture import load_nurture
from crmsync.config.rules.recycle import load_recycle
from crmsync.config.rules.routing import load_routing
from crmsync.config.rules.sla import load_sla
from crmsync.config.rules.team import load_team
from crmsync.decisions.sla import DEPARTMENTS
from crmsync.errors import FixConfig
from crmsync.messages import LANGUAGES, say

RULES = Path(__file__).parents[3] / "mappings" / "rules"
CALENDARS = load_calendars(read_document(RULES / "calendars.yaml"))
PROGRAMMES = load_recycle(read_document(RULES / "recycle.yaml")).programmes()
LOADERS: dict[str, Callable[[Document], Any]] = {
    "bant": load_bant,
    "calendars": load_calendars,
    "nurture": lambda document: load_nurture(document, PROGRAMMES),
    "recycle": load_recycle,
    "routing": load_routing,
    "sla": load_sla,
    "team": lambda document: load_team(document, CALENDARS),
}


def shipped(name: str) -> str:
    return (RULES / f"{name}.yaml").read_text(encoding="utf-8")


def problems(name: str, text: str) -> list[tuple[int, int, str]]:
    """(line, column, code) of everything wrong; each can be said in both languages."""
    with pytest.raises(FixConfig) as caught:
        LOADERS[name](parse_document(text, f"{name}.yaml"))
    for found in caught.value.problems:
        assert all(say(found.code, language, **found.params) for language in LANGUAGES)
    return [(p.line, p.column, p.code) for p in caught.value.problems]


def test_in_each_phase_the_shipped_clocks_follow_each_other_without_an_end() -> None:
    sla = load_sla(read_document(RULES / "sla.yaml"))
    for phase in DEPARTMENTS:
        rule = sla.first(phase)
        seen = set()
        while rule is not None and rule.kind not in seen:
            seen.add(rule.kind)
            rule = sla.rule(rule.next) if rule.next else None
        seen |= {r.kind for r in sla.clocks if r.instead_of in seen and sla.rule(r.next or "")}
        assert seen == {r.kind for r in sla.clocks if r.phase == phase}


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("    before_contract_end: 90        # days: due on that day ...\n", "", "rules.renewal_pair"),
        ("    instead_of: customer_care\n", "", "rules.renewal_pair"),
        ("    instead_of: customer_care", "    instead_of: verdict", "rules.clock_follows"),
    ],
)
def test_a_clock_before_a_contract_ends_names_the_one_it_takes_the_place_of(old: str, new: str, code: str) -> None:
    text = (RULES / "sla.yaml").read_text(encoding="utf-8")
    assert old in text
    assert [found for _, _, found in problems("sla", text.replace(old, new))] == [code]


def test_the_shipped_waits_are_those_of_the_guide() -> None:
    waits = {key: policy.delay for key, policy in load_recycle(read_document(RULES / "recycle.yaml")).policies.items()}
    assert [waits[f"lost_{w}"].days for w in ("timing", "budget", "competitor", "no_decision", "unknown")] == [90, 60, 180, 60, 90]
    assert (waits["lost_budget"].counted_from, waits["lost_competitor"].counted_from) == ("fiscal_year", "contract_end")


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("sla", ("business_hours: 4", "business_hours: 4, clock_hours: 4"), ["rules.one_unit"]),
        ("sla", ("temperature: hot, ", ""), ["rules.due_for_all"]),
        ("sla", ("    then: verdict\n", "    then: kick_off\n"), ["rules.clock_follows"]),
        ("sla", ("    then: verdict\n", ""), ["rules.clock_ends"]),
        ("sla", ("    starts: phase                  # at the hand-over\n", ""), ["rules.clock_starts"]),
        ("sla", ("temperature: hot", "temperature: lukewarm"), ["config.wrong_value"]),
        ("sla", ("lapse: silent", "lapsed: silent"), ["config.unknown_key"]),
        ("sla", ("if: on_hold = 'waiting_for_customer'}", "if: on_hold = 1}"), ["condition.mixed"]),
        ("sla", (", until: call_after}", "}"), ["rules.hold_always"]),
        ("sla", (", until: call_after}", ", until: call_after, clocks: [kick_off, renewal, verdicts]}"), ["config.wrong_value"]),
        ("bant", ("count: 2", "count: 4"), ["rules.too_many_others"]),
        ("bant", ('"yes"', '"no"'), ["config.wrong_value"]),
        ("routing", ('"6-20", from: 6, to: 20', '"1-5", from: 60, to: 20'), ["rules.duplicate", "rules.not_above"]),
        ("routing", ("[mql]", "[inquiry]"), ["config.wrong_value"]),
        ("recycle", ("  unknown: {wait: {days: 90}, list: recycle_timing}\n", ""), ["rules.no_unknown_reason"]),
        (
            "recycle",
            ("{days: 90}, list: recycle_timing}\n  budget", "{days: 90, before_contract_end: 1}}\n  budget"),
            ["rules.one_wait"],
        ),
        ("recycle", ("no_decision: {wait", "no_decision: {goes: disqualified, wait"), ["rules.lost_comes_back"]),
        ("recycle", ("time_zone: Asia/Tokyo", "time_zone: Tokyo/Asia"), ["rules.unknown_zone"]),
        ("nurture", ("lists: {}", "lists: {wram: Nurture, upsell: ' '}"), ["rules.no_list_name", "rules.unknown_programme"]),
        ("nurture", ("lists: {}", "lists: {warm: Nurture, upsell: nurture}"), ["rules.duplicate"]),
        ("nurture", ("most: 4", "most: 0"), ["config.wrong_value"]),
        ("calendars", ("default: tokyo", "default: osaka"), ["rules.unknown_calendar"]),
        ("calendars", ("    time_zone: Asia/Tokyo\n", ""), ["rules.calendar_needs"]),
        ("calendars", ("    time_zone: Asia/Tokyo\n", "    based_on: osaka\n"), ["rules.unknown_calendar"]),
        ("calendars", ("    time_zone: Asia/Tokyo\n", "    based_on: tokyo\n"), ["rules.calendar_circle"]),
        ("calendars", ("Asia/Tokyo", "Asia/Kanto"), ["rules.unknown_zone"]),
        ("calendars", ("holidays: JP", "holidays: XX"), ["rules.unknown_country"]),
        ("calendars", ('["09:00-12:00", "13:00-18:00"]', "[]"), ["rules.never_open"]),
        ("calendars", ('"13:00-18:00"', '"11:00-18:00"'), ["rules.hours_out_of_order"]),
        ("calendars", ('"01-03"', '"2027-01-03"'), ["rules.no_day"]),
        ("calendars", ('"12-29"', '"12-32"'), ["rules.no_day"]),
    ],
)
def test_a_mistake_is_named(name: str, change: tuple[str, str], expected: list[str]) -> None:
    text = shipped(name)
    assert change[0] in text
    codes = [code for _, _, code in problems(name, text.replace(change[0], change[1], 1))]
    assert set(expected) <= set(codes)


def test_every_mistake_is_shown_at_once_where_it_stands() -> None:
    text = "required: {need: maybe}\nothers: {count: 9, at_leest: yes}\n"
    assert problems("bant", text) == [(1, 12, "config.wrong_value"), (2, 10, "config.wrong_value"), (2, 20, "config.unknown_key")]


TEAM = """
reps:
  - email: Sato@Example.com
    name: 佐藤
    department: inside_sales
    languages: [ja, en]
    manager: Boss@example.com
    absences:
      - {from: 2026-05-01, to: 2026-05-03}
      - {from: 2026-05-04, to: 2026-05-08}
  - {email: ito@example.com, name: 伊藤, department: field_sales, weight: 2, cap: 30, calendar: tokyo}
"""


def test_the_team_file_says_who_is_there_today() -> None:
    team = load_team(parse_document(TEAM, "team.yaml"), CALENDARS)
    frame = team.frame({"sato@example.com": True}, datetime(2026, 5, 1, 20, tzinfo=UTC))  # the 2nd in Tokyo
    ito, sato = frame.to_dicts()
    assert (sato["rep_id"], sato["is_active"], sato["absent_until"], sato["manager"]) == (
        "sato@example.com",
        True,
        date(2026, 5, 8),
        "boss@example.com",
    )
    assert (ito["is_active"], ito["absent_until"], ito["weight"], ito["cap"], ito["calendar"]) == (False, None, 2, 30, "tokyo")


@pytest.mark.parametrize(
    ("at", "until"),
    [
        (datetime(2026, 4, 30, 12, tzinfo=UTC), None),
        (datetime(2026, 5, 8, 14, tzinfo=UTC), date(2026, 5, 8)),
        (datetime(2026, 5, 8, 15, tzinfo=UTC), None),
    ],
)
def test_an_absence_begins_and_ends_at_midnight_where_the_rep_lives(at: datetime, until: date | None) -> None:
    team = load_team(parse_document(TEAM, "team.yaml"), CALENDARS)
    assert team.frame({}, at).to_dicts()[1]["absent_until"] == until


def test_team_mistakes_are_named() -> None:
    text = (
        TEAM.replace("ito@example.com", "SATO@example.com")
        .replace("calendar: tokyo", "calendar: mars")
        .replace("to: 2026-05-03", "to: 2026-04-03")
    )
    assert {code for _, _, code in problems("team", text)} == {"rules.duplicate", "rules.unknown_calendar", "rules.not_above"}
