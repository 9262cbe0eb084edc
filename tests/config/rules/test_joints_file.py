"""The joints between departments: each is owned on both sides, and all it refers to is there."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from crmsync.config.document import parse_document, read_document
from crmsync.config.rules import load_definitions
from crmsync.config.rules.joints import References, load_joints
from crmsync.config.rules.recycle import load_recycle
from crmsync.config.rules.sla import load_sla
from crmsync.decisions.agreement import render
from crmsync.decisions.gaps import CHECKS
from crmsync.decisions.joints import ENTRIES, LOOP
from crmsync.decisions.signing import Rules, digest_of
from crmsync.decisions.sla import DEPARTMENTS
from crmsync.decisions.team import Team
from crmsync.errors import FixConfig
from crmsync.figures.batons import BATONS
from crmsync.messages import LANGUAGES, say

RULES = Path(__file__).parents[3] / "mappings" / "rules"
SHIPPED = (RULES / "joints.yaml").read_text(encoding="utf-8")
RULES_BESIDE = References(load_sla(read_document(RULES / "sla.yaml")), load_recycle(read_document(RULES / "recycle.yaml")))
JOINTS = load_joints(parse_document(SHIPPED, "joints.yaml"), RULES_BESIDE)
KINDS = ["pricing_page", "case_page", "page_view", "document_request", "quote_request", "seminar", "card_exchange", "reply"]
KINDS += ["email_open", "email_click", "inbound_call"]


def problems(text: str, references: References = RULES_BESIDE) -> list[tuple[int, int, str]]:
    """(line, column, code) of everything wrong; each can be said in both languages."""
    with pytest.raises(FixConfig) as caught:
        load_joints(parse_document(text, "joints.yaml"), references)
    for found in caught.value.problems:
        assert all(say(found.code, language, **found.params) for language in LANGUAGES)
    return [(p.line, p.column, p.code) for p in caught.value.problems]


def place(text: str, marker: str) -> tuple[int, int]:
    """Line and column of the first character of this text."""
    before = text[: text.index(marker)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def test_the_loop_is_what_the_phase_machine_and_the_batons_go_over() -> None:
    assert set(LOOP) == {(baton.sender, baton.receiver) for baton in BATONS}
    assert {(b.phase, b.receiver) for b in BATONS} == {(phase, ends[1]) for ends, phases in LOOP.items() for phase in phases}
    assert {ends[1] for ends in ENTRIES} == set(DEPARTMENTS.values())


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("owner: Head of customer success", "owner: ' '", "joint_without_owner"),
        ("clock: first_meeting", "clock: first_contact", "joint_clock"),
        ("clock: kick_off", "clock: renewal", "joint_clock"),
        ("entry: bant ", "entry: won ", "joint_entry"),
        ("fallback: lost", "fallback: returned", "joint_fallback"),
        ("fallback: owners", "fallback: owner", "joint_fallback"),
        ("[rejected, unreached, silent]", "[rejected, unreached, silnt]", "no_such_reason"),
        ("[owner, due, bant, opportunity]", "[owner, due, bandt, opportunity]", "no_such_item"),
        ("[owner_not_given, wrong_role,", "[owner_not_given, wrong_rolle,", "no_such_gap"),
        ("[owner, due, contract_end]", "[owner, due, owner]", "duplicate"),
    ],
)
def test_a_slip_is_shown_where_it_stands(old: str, new: str, code: str) -> None:
    assert old in SHIPPED
    text = SHIPPED.replace(old, new)
    ((line, _, found),) = problems(text)
    assert found == f"rules.{code}"
    assert line == place(SHIPPED, old)[0]


def test_a_wrong_reference_is_shown_at_its_first_character_with_the_nearest_that_exists() -> None:
    text = SHIPPED.replace("fallback: lost", "fallback: losst")
    line, column = place(text, "losst")
    assert problems(text) == [(line, column, "rules.joint_fallback")]
    with pytest.raises(FixConfig) as caught:
        load_joints(parse_document(text, "joints.yaml"), RULES_BESIDE)
    assert "'lost'" in say(caught.value.problems[0].code, "en", **caught.value.problems[0].params)


def test_a_joint_that_is_left_out_is_missed_and_one_that_is_none_is_refused() -> None:
    without = SHIPPED[: SHIPPED.index("  lost:\n")].replace("fallback: lost", "fallback: owners")
    assert [code for _, _, code in problems(without)] == ["rules.joint_missing", *["rules.reason_at_no_joint"] * 7]
    other = SHIPPED.replace("to: {department: customer_success", "to: {department: inside_sales")
    assert {code for _, _, code in problems(other)} == {"rules.no_such_joint", "rules.joint_missing"}
    twice = SHIPPED + SHIPPED[SHIPPED.index("  lost:\n") :].replace("  lost:", "  lost_again:")
    assert [code for _, _, code in problems(twice)] == ["rules.joint_twice"]


def test_a_way_back_has_reasons_and_one_that_leads_on_has_none() -> None:
    text = SHIPPED.replace("    reasons: [lost, rejected, silent]\n", "    clock: kick_off\n")
    assert {code for _, _, code in problems(text)} == {
        "rules.joint_key",
        "rules.joint_without_reasons",
        "rules.reason_at_no_joint",
    }
    text = SHIPPED.replace("    fallback: owners", "    reasons: [lost]\n    fallback: owners")
    assert [code for _, _, code in problems(text)] == ["rules.joint_key"]


def test_where_another_document_cannot_be_read_its_own_problems_are_enough() -> None:
    text = SHIPPED.replace("clock: kick_off", "clock: renewal").replace("[lost, rejected, silent]", "[lost]")
    assert load_joints(parse_document(text, "joints.yaml"), References()).joints


def test_every_gap_of_somebody_in_play_lies_at_a_joint_with_two_owners() -> None:
    departments = [*DEPARTMENTS.values()]
    for check in CHECKS:
        for department in [check.department] if check.department else departments:
            joint = JOINTS.of_gap(check.gap, department)
            assert joint is not None, check.gap
            assert department in joint.ends
    assert JOINTS.of_gap("several_next_actions", None) is None
    back = JOINTS.of_gap("rejected_without_reason", "inside_sales")
    assert back is not None
    assert back.owners == ("Head of inside sales", "Head of marketing")


def test_the_paper_that_is_signed_names_both_owners_and_another_owner_is_another_paper() -> None:
    definitions = load_definitions([RULES], {"manager": 4, "executive": 8}, frozenset(KINDS))
    for language in LANGUAGES:
        paper = render(Rules(definitions, "d"), Team(()), language, date(2026, 6, 1))
        for joint in definitions.joints.joints:
            row = next(line for line in paper.split("\n") if line.startswith(f"| {getattr(joint.title, language)} |"))
            assert joint.sender.owner in row
            assert joint.receiver.owner in row
    first, *others = definitions.joints.joints
    renamed = replace(first, sender=replace(first.sender, owner="Head of growth"))
    changed = replace(definitions, joints=replace(definitions.joints, joints=(renamed, *others)))
    assert digest_of(definitions, Team(())) != digest_of(changed, Team(()))
