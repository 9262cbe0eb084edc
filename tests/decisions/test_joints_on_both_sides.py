"""At which joint a baton lies on the ground, and which joints there are at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmsync.config.document import read_document
from crmsync.config.rules.joints import References, load_joints
from crmsync.decisions.joints import LOOP, Joints

JOINTS = load_joints(read_document(Path(__file__).parent / "agreed" / "rules" / "joints.yaml"), References())


def test_the_loop_is_read_off_the_arrows_of_the_phases() -> None:
    assert dict(LOOP) == {
        ("field_sales", "customer_success"): ("closed_won",),
        ("field_sales", "marketing"): ("closed_lost", "recycled"),
        ("inside_sales", "field_sales"): ("sql",),
        ("inside_sales", "marketing"): ("recycled",),
        ("marketing", "inside_sales"): ("mql",),
    }


@pytest.mark.parametrize(
    ("gap", "department", "joint"),
    [
        ("no_owner", "inside_sales", "handed_over"),
        ("no_owner", "field_sales", "accepted"),
        ("no_owner", "customer_success", "won"),
        ("no_owner", "marketing", None),
        ("several_next_actions", None, None),
        ("won_without_cs", "customer_success", "won"),
        ("lost_without_reason", "field_sales", "lost"),
        ("lost_without_recycle_date", "marketing", "lost"),
        ("rejected_without_reason", "inside_sales", "returned"),
        ("accepted_without_bant", "inside_sales", "accepted"),
    ],
)
def test_a_gap_lies_where_the_baton_should_have_been_passed_on(gap: str, department: str | None, joint: str | None) -> None:
    found = JOINTS.of_gap(gap, department)
    assert (found and found.name) == joint


def test_where_nobody_said_who_owns_it_there_is_no_joint() -> None:
    assert Joints().of_gap("won_without_cs", "customer_success") is None
    assert JOINTS.between("customer_success", "marketing") is None
    assert JOINTS.between("inside_sales", "marketing") is JOINTS.of_gap("rejected_without_reason", "inside_sales")


def test_what_each_baton_carries_is_told_by_its_ends() -> None:
    assert JOINTS.carries["field_sales", "customer_success"] == ("owner", "due", "contract_end")
    assert len(JOINTS.carries) == len(JOINTS.joints) == 5
