"""The baton moves along the arrows, by evidence, and jumps are kept and flagged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from crmsync.decisions import phase


def released(case: Any, person_id: str = "p1") -> Any:
    """A person handed over to inside sales."""
    person = case.person(person_id).touched("pricing_page")
    case.decide()
    case.check(person_id, phase="mql")
    return person


def test_a_lead_that_meets_the_definition_is_handed_over_with_owner_clock_task_and_status(case: Any) -> None:
    case.person("p1").touched("pricing_page")
    case.decide()
    assert case.moves("p1") == ["unidentified->inquiry identified", "inquiry->mql released"]
    case.check(
        "p1", phase="mql", owner="is1@x.jp", department="inside_sales", clock="first_approach", gaps=[], definition="standard@1.0"
    )
    assert case.open_tasks("p1") == ["p1:first_approach:0:1"]
    wanted = case.desired("p1")
    assert (wanted["phase"], wanted["sales_status"], wanted["owner"], wanted["sla_state"]) == ("mql", "new", "is1@x.jp", "running")


def test_who_lacks_a_company_or_a_contact_takes_no_part(case: Any) -> None:
    case.person("p1", identified=False, missing=["contact"]).touched("quote_request").opportunity("o1")
    decided = case.decide()
    case.check("p1", phase="unidentified", owner=None, clock=None)
    assert decided.desired.is_empty()
    assert decided.moves.is_empty()


def test_who_becomes_identified_later_becomes_a_lead_then(case: Any) -> None:
    case.person("p1", identified=False)
    case.decide()
    case.edit("p1", identified=True).decide(days=1)
    assert case.moves("p1") == ["unidentified->inquiry identified"]
    case.check("p1", phase="inquiry", phase_at=case.now.astimezone(UTC))


def test_acceptance_with_bant_moves_to_field_sales_at_the_time_of_the_act(case: Any) -> None:
    person = released(case)
    at = case.now + timedelta(hours=2)
    person.approached(at=case.now + timedelta(hours=1)).accepted(at=at)
    case.decide(hours=5)
    assert case.moves("p1") == ["mql->sql accepted"]
    case.check("p1", phase="sql", phase_at=at.astimezone(UTC), owner="fs1@x.jp", department="field_sales", clock="first_meeting")
    assert case.desired("p1")["sales_status"] is None


def test_acceptance_without_bant_stays_and_is_a_gap(case: Any) -> None:
    released(case).status("accepted", at=case.now + timedelta(hours=1), need="yes")
    case.decide(hours=2)
    case.check("p1", phase="mql", gaps=["accepted_without_bant"])


def test_a_status_from_before_the_hand_over_accepts_nothing(case: Any) -> None:
    released(case).accepted(at=case.now - timedelta(hours=1))
    case.decide(hours=1)
    case.check("p1", phase="mql")
    assert case.desired("p1")["sales_status"] == "new"


def test_who_was_accepted_before_we_came_is_with_field_sales_already(case: Any) -> None:
    case.person("p1").touched("pricing_page").accepted(at=case.now - timedelta(days=3))
    case.decide()
    assert case.moves("p1")[1:] == ["inquiry->sql accepted (jump)"]


def test_an_opportunity_since_the_hand_over_accepts(case: Any) -> None:
    released(case).opportunity("o1", created=case.now + timedelta(hours=1), rep_id="fs1@x.jp")
    case.decide(hours=3)
    assert case.moves("p1") == ["mql->sql opportunity"]
    case.check("p1", opportunity_id="o1", owner="fs1@x.jp", owner_because="opportunity_owner")


def test_an_opportunity_made_and_won_between_two_looks_takes_both_arrows(case: Any) -> None:
    made, won = case.now + timedelta(hours=1), case.now + timedelta(hours=4)
    released(case).opportunity("o1", "won", created=made, closed_at=won)
    case.decide(hours=6)
    assert case.moves("p1") == ["mql->sql opportunity", "sql->closed_won won"]
    case.check("p1", phase="closed_won", phase_at=won.astimezone(UTC), owner="cs1@x.jp", clock="kick_off", gaps=[])


def test_a_customer_stays_a_customer(case: Any) -> None:
    case.person("p1").opportunity("o1", "won", created=case.now - timedelta(days=9), closed_at=case.now - timedelta(days=2))
    case.decide()
    case.check("p1", phase="closed_won")
    case.rows["opportunities"].append(
        {
            "person_id": "p1",
            "opportunity_id": "o2",
            "status": "lost",
            "created_at": case.now,
            "closed_at": case.now + timedelta(hours=1),
        }
    )
    case.edit("p1", opted_out=True, disqualification="student").decide(days=1)
    case.check("p1", phase="closed_won", clock=None, gaps=[])
    assert case.moves("p1") == []
    assert case.desired("p1")["nurture_list"] is None


@pytest.mark.parametrize(
    ("status", "target", "clock"),
    [("open", "sql", "first_meeting"), ("won", "closed_won", "kick_off"), ("lost", "closed_lost", None)],
)
def test_an_import_enters_where_its_opportunity_stands_flagged_and_with_no_clock_in_the_past(
    case: Any, status: str, target: str, clock: str | None
) -> None:
    closed = None if status == "open" else case.now - timedelta(days=10)
    case.person("p1").opportunity("o1", status, created=case.now - timedelta(days=20), closed_at=closed, lost_reason="timing")
    case.decide()
    because = {"open": "opportunity"}.get(status, status)
    assert case.moves("p1") == ["unidentified->inquiry identified", f"inquiry->{target} {because} (jump)"]
    case.check("p1", phase=target, clock=clock)
    at = case.now - timedelta(days=20 if status == "open" else 10)
    assert case.state("p1")["phase_at"] == at
    assert all(c["started_at"] == case.now for c in case.clocks("p1"))


def test_an_opportunity_older_than_the_record_dates_the_lead(case: Any) -> None:
    old = case.now - timedelta(days=400)
    case.person("p1").opportunity("o1", "won", created=old, closed_at=old + timedelta(days=30))
    decided = case.decide()
    assert decided.moves["at"].to_list() == [old, old + timedelta(days=30)]


def test_a_loss_waits_by_its_reason_and_then_comes_back(case: Any) -> None:
    case.person("p1").opportunity("o1", created=case.now - timedelta(days=5))
    case.decide()
    lost = case.now + timedelta(hours=1)
    case.edit_opportunity("o1", status="lost", closed_at=lost, lost_reason="timing").decide(hours=2)
    assert case.moves("p1") == ["sql->closed_lost lost"]
    case.check("p1", lost_reason="timing", not_before=lost.astimezone(UTC) + timedelta(days=90), owner=None, clock=None, gaps=[])
    case.decide(days=89)
    case.check("p1", phase="closed_lost")
    case.decide(days=2)
    case.check("p1", phase="recycled", recycle_reason="lost_timing", cycle=1)
    assert case.desired("p1")["nurture_list"] == "recycle_timing"


def test_a_loss_with_another_opportunity_open_loses_nobody(case: Any) -> None:
    person = case.person("p1").opportunity("o1", created=case.now - timedelta(days=5))
    case.decide()
    person.opportunity("o2", created=case.now)
    case.edit_opportunity("o1", status="lost", closed_at=case.now + timedelta(hours=1)).decide(hours=2)
    case.check("p1", phase="sql")


def test_a_loss_without_a_reason_is_a_gap_until_the_reason_comes(case: Any) -> None:
    case.person("p1").opportunity("o1", created=case.now - timedelta(days=5))
    case.decide()
    lost = case.now + timedelta(hours=1)
    case.edit_opportunity("o1", status="lost", closed_at=lost).decide(hours=2)
    case.check("p1", phase="closed_lost", gaps=["lost_without_reason"], not_before=lost.astimezone(UTC) + timedelta(days=90))
    case.edit_opportunity("o1", lost_reason="no_decision").decide(days=1)
    case.check("p1", gaps=[], not_before=lost.astimezone(UTC) + timedelta(days=60))


def test_a_reopened_opportunity_is_a_jump_that_is_kept(case: Any) -> None:
    case.person("p1").opportunity("o1", created=case.now - timedelta(days=5))
    case.decide()
    case.edit_opportunity("o1", status="lost", closed_at=case.now, lost_reason="timing").decide(hours=2)
    case.edit_opportunity("o1", status="open", closed_at=None, modified_at=case.now + timedelta(hours=1)).decide(hours=2)
    assert case.moves("p1") == ["closed_lost->sql opportunity (jump)"]
    case.check("p1", clock="first_meeting", gaps=[])


def test_a_rejection_goes_back_with_its_delay(case: Any) -> None:
    at = case.now + timedelta(hours=1)
    released(case).status("rejected", at=at, rejection_reason="timing")
    case.decide(hours=2)
    assert case.moves("p1") == ["mql->recycled rejected"]
    case.check(
        "p1",
        cycle=1,
        recycle_reason="rejected_timing",
        recycled_at=at.astimezone(UTC),
        not_before=at.astimezone(UTC) + timedelta(days=60),
    )
    assert [(c["kind"], c["cancelled_because"]) for c in case.clocks("p1")] == [("first_approach", "rejected")]


def test_a_rejection_without_reason_goes_back_too_and_is_a_gap_until_told(case: Any) -> None:
    at = case.now + timedelta(hours=1)
    released(case).status("rejected", at=at)
    case.decide(hours=2)
    case.check("p1", phase="recycled", recycle_reason="rejected_unknown", gaps=["rejected_without_reason"])
    case.edit("p1", rejection_reason="no_need").decide(days=1)
    case.check("p1", recycle_reason="rejected_no_need", not_before=at.astimezone(UTC) + timedelta(days=90), gaps=[])


def test_a_student_is_disqualified_until_a_person_says_otherwise(case: Any) -> None:
    released(case).status("rejected", at=case.now + timedelta(hours=1), rejection_reason="student")
    case.decide(hours=2)
    case.check("p1", phase="disqualified", owner=None, clock=None, gaps=[])
    case.decide(days=30)
    case.check("p1", phase="disqualified")
    case.edit("p1", sales_status="new", sales_status_at=case.now).decide(hours=1)
    assert case.moves("p1")[0] == "disqualified->inquiry revoked"


@pytest.mark.parametrize(
    ("facts", "because"),
    [
        ({"opted_out": True}, "opted_out"),
        ({"bounced": True, "phone": None}, "unreachable"),
        ({"disqualification": "competitor"}, "excluded_by_hand"),
    ],
)
def test_who_may_not_be_contacted_is_left_alone_and_comes_back_when_it_is_revoked(
    case: Any, facts: dict[str, Any], because: str
) -> None:
    released(case)
    case.edit("p1", **facts).decide(hours=1)
    assert case.moves("p1") == [f"mql->disqualified {because}"]
    assert case.clocks("p1")[0]["cancelled_because"] == because
    assert case.open_tasks("p1") == []
    case.edit("p1", opted_out=False, bounced=False, disqualification=None).decide(hours=1)
    assert "disqualified->inquiry revoked" in case.moves("p1")


def test_an_opt_out_ends_no_open_deal(case: Any) -> None:
    case.person("p1", opted_out=True).opportunity("o1")
    case.decide()
    case.check("p1", phase="sql", clock="first_meeting")
    case.edit_opportunity("o1", status="lost", closed_at=case.now, lost_reason="timing").decide(hours=1)
    case.check("p1", phase="disqualified")


def test_a_deleted_person_keeps_their_place_and_loses_their_clock(case: Any) -> None:
    released(case)
    case.edit("p1", is_deleted=True)
    decided = case.decide(hours=1)
    case.check("p1", phase="mql", clock=None)
    assert case.clocks("p1")[0]["cancelled_because"] == "deleted"
    assert decided.desired.is_empty()
    assert decided.gaps.is_empty()


def test_temperature_never_changes_the_phase(case: Any) -> None:
    for kind, person_id in ((None, "cold"), ("pricing_page", "warm"), ("quote_request", "hot")):
        person = case.person(person_id, title_rank=1)
        if kind:
            person.touched(kind)
    case.decide()
    for temperature in ("cold", "warm", "hot"):
        case.check(temperature, temperature=temperature, phase="inquiry")


def test_every_because_has_a_sentence_and_every_guard_a_row() -> None:
    from crmsync.decisions import returns
    from crmsync.decisions.recycle import Recycle
    from crmsync.messages import catalogue

    now = datetime(2026, 6, 1, tzinfo=UTC)
    words = {t.because for t in phase.TRANSITIONS}
    assert {f"transition.{word}" for word in words} <= set(catalogue())
    guards = {*phase.evidence_guards(now), *returns.guards(Recycle({}), now), "released"}
    assert guards == words


def test_the_diagram_shows_each_arrow_and_no_jump() -> None:
    drawn = phase.diagram()
    for source, target in phase.ARROWS:
        assert f"{source} --> {target}:" in drawn
    assert "inquiry --> sql" not in drawn


def test_the_table_has_each_arrow_and_no_row_twice() -> None:
    rows = [(t.source, t.because) for t in phase.TRANSITIONS]
    assert len(rows) == len(set(rows))
    assert {(t.source, t.target) for t in phase.TRANSITIONS} >= phase.ARROWS
    assert isinstance(pl.DataFrame(rows, orient="row"), pl.DataFrame)
