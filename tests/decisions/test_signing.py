"""What both heads sign: one digest of all that was agreed. Nothing that decides can change under their signatures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crmsync.config.rules import load_definitions
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.qualification import Signature
from crmsync.decisions.signing import Lack, Rules, digest_of, reviewed_on
from crmsync.decisions.team import Absence, Rep, Team

RULES = Path(__file__).parents[2] / "mappings" / "rules"
KINDS = frozenset(
    {"pricing_page", "case_page", "page_view", "document_request", "quote_request", "seminar", "card_exchange", "reply"}
    | {"email_open", "email_click", "inbound_call"}
)
SHIPPED = load_definitions([RULES], {"staff": 1, "manager": 4, "executive": 8}, KINDS)
TEAM = Team(
    (
        Rep("is1@home.example", "One", "inside_sales", "tokyo", "Asia/Tokyo", 20),
        Rep("is2@home.example", "Two", "inside_sales", "tokyo", "Asia/Tokyo", 15),
    )
)


def signed(digest: str, *departments: str) -> Definitions:
    signatures = tuple(Signature(name, "Head", date(2026, 3, 20), digest) for name in departments)
    return replace(SHIPPED, qualification=replace(SHIPPED.qualification, signed_by=signatures))


WATCHES = {"alarms"}
"""Documents that decide nothing: they say when figures are to be looked at."""


@pytest.mark.parametrize("kind", sorted({file.stem for file in RULES.glob("*.yaml")} - WATCHES))
def test_a_change_in_any_document_of_the_rules_is_another_digest(tmp_path: Path, kind: str) -> None:
    changes = {
        "bant": ("count: 2", "count: 1"),
        "calendars": ("12:00", "12:30"),
        "qualification": ("minimum_score: 12", "minimum_score: 13"),
        "joints": ("owner: Head of field sales", "owner: Head of sales"),
        "nurture": ("apart_days: 7", "apart_days: 8"),
        "recycle": ("days: 90", "days: 91"),
        "routing": ("to: 1000}", "to: 999}"),
        "scoring": ("points: 10", "points: 11"),
        "sla": ("business_hours: 4", "business_hours: 5"),
        "targets": ("wins: 6", "wins: 7"),
        "temperature": ("enter: 30", "enter: 31"),
        "valve": ("largest_step: 0.25", "largest_step: 0.2"),
    }
    text = (RULES / f"{kind}.yaml").read_text(encoding="utf-8")
    before, after = changes[kind]
    if before not in text:
        pytest.fail(f"{kind}.yaml has no {before!r}: say another change")
    (tmp_path / f"{kind}.yaml").write_text(text.replace(before, after, 1), encoding="utf-8")
    changed = load_definitions([RULES, tmp_path], {"staff": 1, "manager": 4, "executive": 8}, KINDS)
    assert digest_of(changed, TEAM) != digest_of(SHIPPED, TEAM)


def test_a_comment_or_the_order_of_reps_is_the_same_digest_on_any_machine(tmp_path: Path) -> None:
    text = (RULES / "sla.yaml").read_text(encoding="utf-8")
    (tmp_path / "sla.yaml").write_text("# ours\n" + text, encoding="utf-8")
    again = load_definitions([RULES, tmp_path], {"staff": 1, "manager": 4, "executive": 8}, KINDS)
    assert digest_of(again, Team(TEAM.reps[::-1])) == digest_of(SHIPPED, TEAM)


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        ({"capacity_per_day": 21}, False),
        ({"weight": 2}, False),
        ({"department": "field_sales"}, False),
        ({"name": "One, married"}, True),
        ({"absences": (Absence(date(2026, 6, 1), date(2026, 6, 5)),)}, True),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_the_team_can_take_is_agreed_who_is_away_this_week_is_not(changes: dict[str, Any], is_same: bool) -> None:
    other = Team((replace(TEAM.reps[0], **changes), TEAM.reps[1]))
    assert (digest_of(SHIPPED, other) == digest_of(SHIPPED, TEAM)) is is_same


def test_signing_does_not_change_what_is_signed() -> None:
    digest = digest_of(SHIPPED, TEAM)
    assert digest_of(signed(digest, "marketing", "inside_sales"), TEAM) == digest
    assert digest_of(replace(SHIPPED, qualification=replace(SHIPPED.qualification, is_draft=True)), TEAM) == digest


def test_both_heads_must_have_signed_these_rules_and_no_others() -> None:
    digest = digest_of(SHIPPED, TEAM)
    assert Rules.of(signed(digest, "marketing", "inside_sales"), TEAM).lacks == ()
    assert Rules.of(signed(digest, "marketing"), TEAM).lacks == (Lack("inside_sales", "unsigned"),)
    assert Rules.of(signed("0" * 24, "inside_sales", "marketing"), TEAM).lacks == (
        Lack("marketing", "signed_other", "0" * 24, 1),
        Lack("inside_sales", "signed_other", "0" * 24, 0),
    )


def test_a_name_without_a_date_is_no_signature() -> None:
    digest = digest_of(SHIPPED, TEAM)
    blank = tuple(replace(one, signed_on=None) for one in signed(digest, "marketing", "inside_sales").qualification.signed_by)
    lacking = Rules.of(replace(SHIPPED, qualification=replace(SHIPPED.qualification, signed_by=blank)), TEAM).lacks
    assert [(lack.department, lack.why) for lack in lacking] == [("marketing", "unsigned"), ("inside_sales", "unsigned")]


def test_the_last_joint_review_is_when_the_later_of_both_heads_signed_whoever_else_does() -> None:
    days = {"marketing": date(2026, 4, 1), "inside_sales": date(2026, 4, 15), "field_sales": date(2026, 5, 1)}

    def reviewed(*departments: str) -> date | None:
        by = tuple(replace(one, signed_on=days[one.department]) for one in signed("", *departments).qualification.signed_by)
        return reviewed_on(replace(SHIPPED.qualification, signed_by=by))

    assert reviewed("marketing", "inside_sales", "field_sales") == days["inside_sales"]
    assert reviewed("marketing", "field_sales") is None
    assert reviewed("inside_sales", "field_sales") is None


def effective(rules: Definitions, day: date | None) -> Definitions:
    return replace(rules, qualification=replace(rules.qualification, effective_from=day))


def test_the_successor_takes_over_at_midnight_of_its_day_in_the_zone_of_the_targets() -> None:
    present, successor = Rules(SHIPPED, "present"), Rules(effective(SHIPPED, date(2026, 7, 1)), "next")
    midnight = datetime(2026, 6, 30, 15, tzinfo=UTC)
    assert present.in_force(successor, midnight - timedelta(microseconds=1)).digest == "present"
    assert present.in_force(successor, midnight).digest == "next"
    assert present.in_force(None, midnight).digest == "present"


@pytest.fixture
def keen(case: Any) -> Callable[[date | None], Any]:
    """Somebody who meets the definition, decided under one that is effective from a day."""
    case.person("p1").touched("pricing_page")

    def decided(day: date | None) -> Any:
        case.definitions = effective(case.definitions, day)
        return case.decide()

    return decided


def test_before_its_day_a_definition_hands_nobody_over_and_says_why(keen: Any, case: Any) -> None:
    made = keen(case.now.date() + timedelta(days=1))
    assert made.moves.filter(pl.col("target") == "mql").is_empty()
    assert made.qualification.select("qualifies", "released", "waiting_because").row(0) == (True, False, "not_in_force")
    assert made.wakes_at <= case.definitions.begins_at


def test_from_its_day_on_it_does(keen: Any, case: Any) -> None:
    assert keen(case.now.date()).qualification["released"].to_list() == [True]
