"""What changes do not tell, over real HTTP: formulas, permissions, and records that left without a trace."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
from salesforce_place import LEAD, Place, place

from crmsync.messages import LANGUAGES, say
from crmsync.sandbox.faults import Fault, FaultKind
from crmsync.sandbox.salesforce.config import Formula, OrgConfig

DAY = 24


def age_in_days(row: Mapping[str, Any], now: datetime) -> int:
    return (now - datetime.fromisoformat(row["CreatedDate"])).days


GRADED = OrgConfig(formulas=(Formula("Lead", "Age__c double(3,0)", age_in_days),))
FIELDS = (*LEAD, "Age__c")


def ages(crm: Place) -> list[float]:
    return sorted(record.fields["Age__c"] for record in crm.stored["Lead"].values())


def test_a_formula_that_a_mapping_reads_is_read_again_every_day() -> None:
    with place(GRADED) as crm:
        for n in range(3):
            crm.lead(f"n{n}")
        crm.later(minutes=20)
        crm.pull(fields=FIELDS)
        crm.later(hours=DAY - 1)
        assert crm.pull(fields=FIELDS) == []
        crm.later(hours=2)
        assert len(crm.pull(fields=FIELDS)) == 3
        assert ages(crm) == [1, 1, 1]
        crm.later(hours=1)
        assert crm.pull(fields=FIELDS) == [], "once a day"


def test_a_mapping_without_formulas_is_never_swept() -> None:
    with place(GRADED) as crm:
        crm.lead()
        crm.later(minutes=20)
        crm.pull()
        crm.later(days=3)
        assert crm.pull() == []


def test_the_refresh_may_be_switched_off() -> None:
    with place(GRADED, formula_refresh_hours=0) as crm:
        crm.lead()
        crm.later(minutes=20)
        crm.pull(fields=FIELDS)
        crm.later(days=3)
        assert crm.pull(fields=FIELDS) == []


def test_a_refresh_that_was_interrupted_begins_again() -> None:
    with place(OrgConfig(formulas=GRADED.formulas, largest_page=10)) as crm:
        for n in range(25):
            crm.lead(f"n{n}")
        crm.pull(fields=FIELDS)
        crm.later(days=2)
        crm.pull(fields=FIELDS, pages=2)
        assert crm.cursors["Lead"]["kept"]["owes"] == ["formulas"]
        crm.later(hours=1)
        crm.pull(fields=FIELDS)
        assert ages(crm) == [2] * 25
        assert crm.cursors["Lead"]["kept"]["owes"] == []


def test_a_field_that_vanishes_is_named_once_and_costs_that_field_only() -> None:
    with place() as crm:
        lead = crm.lead(Email="a@example.com")
        crm.pull()
        crm.org.hide_field("Lead", "Email")
        crm.org.hide_field("Lead", "Rating")
        crm.later(hours=1)
        crm.org.update("Lead", lead, {"Company": "B"})
        crm.later(hours=1)
        (record,) = crm.pull()
        assert record.fields["Company"] == "B"
        assert "Email" not in record.fields, "left out, and not nulled"
        (notice,) = crm.notices
        assert notice.params == {"connection": "sf", "object": "Lead", "fields": "Email, Rating"}
        crm.later(hours=1)
        crm.pull()
        assert len(crm.notices) == 1
        for language in LANGUAGES:
            assert "Email, Rating" in say(notice.code, language, **notice.params)


def test_a_field_that_comes_back_or_is_newly_mapped_is_fetched_for_every_record() -> None:
    with place() as crm:
        ids = [crm.lead(f"n{n}", Email=f"n{n}@example.com", Title="CEO") for n in range(3)]
        crm.org.hide_field("Lead", "Email")
        crm.pull()
        crm.org.show_field("Lead", "Email")
        crm.later(days=2)
        crm.pull("User", ("Name",))  # its answer tells that a day is over: describe is asked anew
        crm.pull()
        assert [crm.stored["Lead"][lead].fields["Email"] for lead in ids] == [f"n{n}@example.com" for n in range(3)]
        crm.later(hours=1)
        crm.pull(fields=(*LEAD, "Title"))
        assert {record.fields["Title"] for record in crm.stored["Lead"].values()} == {"CEO"}
        crm.later(hours=1)
        assert crm.pull(fields=(*LEAD, "Title")) == []
        assert not crm.notices
        assert crm.pull(fields=("Company",)) == [], "fewer fields are no reason"
        assert not crm.notices


@pytest.mark.parametrize("bulk", [0, 1])
def test_a_pause_longer_than_the_recycle_bin_finds_what_left_meanwhile(bulk: int) -> None:
    with place(OrgConfig(largest_page=10), bulk_query_from=bulk) as crm:
        ids = [crm.lead(f"n{n}") for n in range(35)]
        crm.later(minutes=20)
        crm.pull()
        for lead in ids[:3]:
            crm.org.delete("Lead", lead)
        crm.later(days=20)
        crm.org.delete("Lead", ids[3])
        changed = ids[10]
        crm.org.update("Lead", changed, {"Rating": "Hot"})
        crm.later(hours=1)
        seen = {record.id: record for record in crm.pull()}
        assert {lead for lead, record in seen.items() if record.is_deleted} == set(ids[:4])
        assert set(seen) == {*ids[:4], changed}, "the others are only counted"
        assert set(crm.known("Lead")) == set(ids[4:])
        crm.later(hours=1)
        assert crm.pull() == []


def test_a_short_pause_asks_for_no_sweep() -> None:
    with place(lag_seconds=0, overlap_seconds=0) as crm:
        crm.lead()
        crm.pull()
        crm.later(days=13)
        spent = len(crm.app.service.log)
        crm.pull()
        fresh = [one.path for one in list(crm.app.service.log)[spent:]]
        assert [path for path in fresh if "/query" in path] == ["/services/data/v66.0/queryAll"] * 2, "one refused for its session"


def test_a_sweep_that_fails_is_still_owed() -> None:
    with place(OrgConfig(largest_page=10)) as crm:
        gone, *_ = [crm.lead(f"n{n}") for n in range(25)]
        crm.pull()
        crm.org.delete("Lead", gone)
        crm.later(days=20)
        crm.faults.add(Fault(FaultKind.HTML_502, "/query/"))
        with pytest.raises(Exception, match="retry"):
            crm.pull()
        assert gone in crm.known("Lead")
        crm.faults.clear()
        crm.later(hours=1)
        crm.pull()
        assert gone not in crm.known("Lead")


def test_a_queue_that_was_deleted_is_missed_within_a_day() -> None:
    """Groups go without a trace: there is no IsDeleted to ask for."""
    with place() as crm:
        queue = crm.org.add_queue("Old", ["Lead"])
        kept = crm.org.add_queue("New", ["Lead"])
        crm.pull("Group", ("Name",))
        crm.org.delete("Group", queue)
        crm.later(hours=25)
        crm.pull("Group", ("Name",))
        assert crm.known("Group") == [kept]


def test_a_hard_deleted_record_is_found_after_the_gap_and_a_visible_one_is_never_taken_for_gone() -> None:
    with place() as crm:
        gone, kept = crm.lead("gone"), crm.lead("kept")
        crm.pull()
        crm.org.tables["Lead"].forget(gone)
        crm.later(days=16)
        crm.pull()
        assert crm.known("Lead") == [kept]
