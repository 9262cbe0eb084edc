"""Writing over real HTTP: each change has one receipt, and the portal holds what the receipts say."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest

from crmsync.connect.contract import Need, PushBatch
from crmsync.errors import StopConnector
from crmsync.model.changes import Association
from crmsync.sandbox.faults import FaultKind
from crmsync.sandbox.hubspot.config import Limits, PortalConfig
from crmsync_hubspot.portal import Answer, Portal

Make = Callable[..., Any]
FREE = PortalConfig(limits=Limits(enforced=False))


def people(rig: Any, count: int, **properties: str) -> list[str]:
    return [rig.portal.create("contacts", {"email": f"p{n}@example.com"} | properties) for n in range(count)]


def writes(rig: Any) -> list[Any]:
    verbs = ("/batch/update", "/batch/upsert", "/batch/create", "/objects/2026-03/tasks")
    return [one for one in rig.requests if one.method == "POST" and one.url.path.endswith(verbs)]


def outcomes(receipts: list[Any]) -> list[str]:
    return [receipt.outcome for receipt in receipts]


def test_values_are_written_as_hubspot_takes_them(rig: Any) -> None:
    (contact,) = people(rig, 1, firstname="x")
    values = {
        "crmsync_phase": "mql",
        "crmsync_score": 15.0,
        "crmsync_sla_due": "2026-11-03T00:00:00Z",
        "firstname": None,
    }
    (receipt,) = rig.push(rig.change(contact, values))
    held = rig.portal.get("contacts", contact)
    assert (receipt.outcome, receipt.record_id) == ("written", contact)
    assert receipt.modified_at is not None
    assert (held["crmsync_phase"], held["crmsync_score"], held["firstname"]) == ("mql", "15", "")


def test_two_hundred_and_fifty_changes_go_in_three_batches(rig: Any) -> None:
    ids = people(rig, 250)
    receipts = rig.push(*(rig.change(id_, {"crmsync_phase": "mql"}) for id_ in ids))
    assert set(outcomes(receipts)) == {"written"}
    assert len(writes(rig)) == 3
    assert all("objectWriteTraceId" in row for one in writes(rig) for row in orjson.loads(one.content)["inputs"])


@pytest.fixture
def two_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch leaves when another is about to leave as well."""
    both, write = threading.Barrier(2, timeout=10.0), Portal.write

    def together(portal: Portal, object: str, verb: str, inputs: Sequence[Mapping[str, Any]]) -> Answer:
        both.wait()
        return write(portal, object, verb, inputs)

    monkeypatch.setattr(Portal, "write", together)


@pytest.mark.usefixtures("two_at_once")
def test_two_batches_are_on_their_way_at_once_and_no_record_is_in_both(rig: Any) -> None:
    ids = people(rig, 400)
    receipts = rig.push(*(rig.change(id_, {"crmsync_phase": "mql"}) for id_ in ids))
    assert [receipt.record_id for receipt in receipts] == ids
    assert set(outcomes(receipts)) == {"written"}
    sent = [row["id"] for one in writes(rig) for row in orjson.loads(one.content)["inputs"]]
    assert (len(writes(rig)), sorted(sent)) == (4, sorted(ids))


@pytest.mark.usefixtures("two_at_once")
def test_what_was_written_beside_a_call_that_stops_the_connection_has_its_receipts(rig: Any) -> None:
    ids = people(rig, 200)
    rig.hub.describe(["contacts"])
    rig.fault(FaultKind.LIMIT, "/batch/update$", detail="DAILY", headers=(), calls=(1,))
    batch, told = PushBatch("contacts", tuple(rig.change(id_, {"crmsync_phase": "mql"}) for id_ in ids)), list[str]()
    with pytest.raises(StopConnector, match=r"connect\.quota"):
        told.extend(str(receipt.record_id) for receipt in rig.hub.push(batch))
    assert told == [id_ for id_ in ids if rig.portal.get("contacts", id_).get("crmsync_phase") == "mql"]


def test_what_is_so_already_is_not_written(rig: Any) -> None:
    (contact,) = people(rig, 1, crmsync_phase="mql", crmsync_score="15")
    (receipt,) = rig.push(rig.change(contact, {"crmsync_phase": "mql", "crmsync_score": 15}))
    assert receipt.outcome == "unchanged"
    assert writes(rig) == []


def test_a_record_that_was_edited_since_the_decision_is_left_alone(rig: Any) -> None:
    (contact,) = people(rig, 1)
    seen = rig.hub.read("contacts", [contact], ("email",))[contact].modified_at
    rig.advance(minutes=1)
    rig.portal.update("contacts", contact, {"hs_lead_status": "UNQUALIFIED"})
    (receipt,) = rig.push(rig.change(contact, {"crmsync_phase": "mql"}, expected=seen))
    assert (receipt.outcome, receipt.code) == ("conflict", "moved")
    assert writes(rig) == []


def test_a_record_as_it_was_decided_on_is_written(rig: Any) -> None:
    (contact,) = people(rig, 1)
    seen = rig.hub.read("contacts", [contact], ("email",))[contact].modified_at
    assert outcomes(rig.push(rig.change(contact, {"crmsync_phase": "mql"}, expected=seen))) == ["written"]


def forget_options(rig: Any, object: str, name: str) -> None:
    """As if the portal had not listed the options of a property: then only HubSpot itself can refuse one."""
    schema = rig.hub._catalogue.schema(object)
    free = replace(schema.fields[name], options=None)
    rig.hub._catalogue._schemas[object] = replace(schema, fields={**schema.fields, name: free})


def test_one_bad_row_costs_the_others_nothing(rig: Any) -> None:
    ids = people(rig, 5)
    changes = [rig.change(id_, {"crmsync_phase": "mql"}) for id_ in ids]
    changes[2] = rig.change(ids[2], {"crmsync_phase": "no_such_phase"})
    forget_options(rig, "contacts", "crmsync_phase")
    receipts = rig.push(*changes)
    assert outcomes(receipts) == ["written", "written", "rejected", "written", "written"]
    assert (receipts[2].code, receipts[2].details["properties"]) == ("INVALID_OPTION", ["crmsync_phase"])
    assert len(writes(rig)) == 1


def test_an_option_that_the_portal_does_not_have_is_refused_before_it_is_sent_and_says_which_it_has(rig: Any) -> None:
    ids = people(rig, 2)
    bad, good = rig.push(rig.change(ids[0], {"crmsync_temperature": "boiling"}), rig.change(ids[1], {"crmsync_temperature": "hot"}))
    assert (bad.outcome, bad.code, bad.details["properties"]) == ("rejected", "INVALID_OPTION", ["crmsync_temperature"])
    assert bad.message == "crmsync_temperature: boiling is none of hot, warm, cold"
    assert good.outcome == "written"
    assert [len(orjson.loads(one.content)["inputs"]) for one in writes(rig)] == [1]


def test_an_option_that_an_admin_added_since_is_taken(rig: Any) -> None:
    (contact,) = people(rig, 1)
    rig.push(rig.change(contact, {"crmsync_temperature": "hot"}))
    need = Need("contacts", "crmsync_temperature", "choice", "Temperature", ("boiling",))
    rig.hub._vendor.update_property_options(
        "contacts", need.field, [{"label": "Boiling", "value": "boiling", "displayOrder": 0, "hidden": False}]
    )
    assert outcomes(rig.push(rig.change(contact, {"crmsync_temperature": "boiling"}))) == ["written"]


def test_definitions_are_read_again_once_for_a_whole_push(rig: Any) -> None:
    ids = people(rig, 50)
    rig.hub.describe(["contacts"])
    rig.forget()
    receipts = rig.push(*(rig.change(id_, {"no_such_property": "x"}) for id_ in ids))
    assert {receipt.code for receipt in receipts} == {"PROPERTY_DOESNT_EXIST"}
    assert len(rig.requests) == 1


def test_twenty_thousand_would_cost_full_batches_only(rig: Any) -> None:
    """Stages that go back and forth, and rows without one, each fill their own batches."""
    ids = people(rig, 250, lifecyclestage="opportunity")
    wanted = [
        {"lifecyclestage": "lead"},
        {"lifecyclestage": "customer"},
        {"crmsync_phase": "mql"},
        {"lifecyclestage": "opportunity"},
    ]
    rig.hub.describe(["contacts"])
    rig.forget()
    receipts = rig.push(*(rig.change(id_, wanted[n % 4]) for n, id_ in enumerate(ids)))
    assert Counter(outcomes(receipts)) == {"written": 188, "unchanged": 62}
    back, forward, stages = 63, 125, 126
    compares, written, read_back = 3, -(-forward // 100) + 2 * -(-back // 100), -(-stages // 100)
    assert len(rig.requests) == compares + written + read_back


def test_a_batch_that_is_refused_whole_is_narrowed_down_to_the_bad_row(rig: Any) -> None:
    """Where multi-status is not granted: a 400 without any row, until the bad row stands alone."""
    ids = people(rig, 8)
    body = b'{"status":"error","category":"VALIDATION_ERROR","message":"no"}'
    rig.fault(FaultKind.ANSWER, "/contacts/batch/update$", calls=(1, 2, 4, 6), status=400, body=body)
    receipts = rig.push(*(rig.change(id_, {"crmsync_phase": "mql"}) for id_ in ids))
    assert sorted(outcomes(receipts)) == ["rejected"] + ["written"] * 7
    assert sum(held.get("crmsync_phase") == "mql" for held in rig.portal.rows("contacts")) == 7


def test_one_record_named_twice_goes_out_in_two_batches(rig: Any) -> None:
    (contact,) = people(rig, 1)
    one = rig.change(contact, {"crmsync_phase": "mql"}, key="a")
    two = rig.change(contact, {"crmsync_score": 9}, key="b")
    assert outcomes(rig.push(one, two)) == ["written", "written"]
    assert len(writes(rig)) == 2


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"no_such_property": "x"}, "PROPERTY_DOESNT_EXIST"),
        ({"hs_analytics_num_page_views": "9"}, "READ_ONLY_VALUE"),
        ({"lifecyclestage": "no_such_stage"}, "INVALID_OPTION"),
        ({"crmsync_score": float("nan")}, "INVALID_NUMBER"),
        ({"crmsync_score": "many"}, "INVALID_NUMBER"),
        ({"crmsync_sla_due": "tomorrow"}, "INVALID_DATE"),
        ({"firstname": "x" * 65_537}, "VALUE_TOO_LONG"),
    ],
)
def test_what_cannot_be_written_is_refused_before_it_is_sent(rig: Any, values: dict[str, Any], code: str) -> None:
    (contact,) = people(rig, 1, lifecyclestage="opportunity")
    (receipt,) = rig.push(rig.change(contact, values))
    assert (receipt.outcome, receipt.code) == ("rejected", code)
    assert writes(rig) == []
    assert rig.portal.get("contacts", contact)["lifecyclestage"] == "opportunity"


def test_a_property_that_was_made_since_is_known_at_once(rig_of: Make) -> None:
    rig = rig_of(config=replace(FREE, provisioned=False))
    (contact,) = people(rig, 1)
    assert outcomes(rig.push(rig.change(contact, {"crmsync_phase": "mql"}))) == ["rejected"]
    need = Need("contacts", "crmsync_phase", "choice", "Phase", ("inquiry", "mql"))
    assert rig.hub.provision([need], apply=True)[0].state == "created"
    assert outcomes(rig.push(rig.change(contact, {"crmsync_phase": "mql"}))) == ["written"]


def test_a_record_that_is_gone_is_refused_and_a_merged_one_names_its_winner(rig: Any) -> None:
    one, two, gone = people(rig, 3)
    winner = rig.portal.merge("contacts", one, two)
    rig.portal.archive("contacts", gone)
    merged, missing = rig.push(*(rig.change(id_, {"crmsync_phase": "mql"}) for id_ in (one, gone)))
    assert (merged.outcome, merged.code, merged.details["replaced_by"]) == ("conflict", "merged", winner)
    assert (missing.outcome, missing.code) == ("rejected", "OBJECT_NOT_FOUND")


def test_an_email_that_another_contact_has_is_refused_with_that_contact(rig: Any) -> None:
    one, two = people(rig, 2)
    (receipt,) = rig.push(rig.change(one, {"email": "p1@example.com"}))
    assert (receipt.outcome, receipt.details["existing_id"]) == ("rejected", two)


def test_a_stage_moves_forward_in_one_request(rig: Any) -> None:
    (contact,) = people(rig, 1, lifecyclestage="lead")
    assert outcomes(rig.push(rig.change(contact, {"lifecyclestage": "marketingqualifiedlead"}))) == ["written"]
    assert rig.portal.get("contacts", contact)["lifecyclestage"] == "marketingqualifiedlead"
    assert len(writes(rig)) == 1


def test_a_stage_moves_back_in_two_and_only_those_that_go_back(rig: Any) -> None:
    ids = people(rig, 4, lifecyclestage="opportunity")
    wanted = ["lead", "customer", "lead", "marketingqualifiedlead"]
    changes = [rig.change(i, {"lifecyclestage": w, "crmsync_phase": "recycled"}) for i, w in zip(ids, wanted, strict=True)]
    assert set(outcomes(rig.push(*changes))) == {"written"}
    assert [rig.portal.get("contacts", id_)["lifecyclestage"] for id_ in ids] == wanted
    assert {rig.portal.get("contacts", id_)["crmsync_phase"] for id_ in ids} == {"recycled"}
    assert sorted(len(orjson.loads(one.content)["inputs"]) for one in writes(rig)) == [1, 3, 3]


def test_a_bad_row_in_a_step_back_leaves_its_stage_as_it_was(rig: Any) -> None:
    (contact,) = people(rig, 1, lifecyclestage="opportunity")
    forget_options(rig, "contacts", "crmsync_phase")
    (receipt,) = rig.push(rig.change(contact, {"lifecyclestage": "lead", "crmsync_phase": "no_such_phase"}))
    assert receipt.outcome == "rejected"
    assert rig.portal.get("contacts", contact)["lifecyclestage"] == "opportunity"


def test_a_step_back_that_fails_in_the_middle_is_said_to_have_left_the_stage_empty(rig: Any) -> None:
    (contact,) = people(rig, 1, lifecyclestage="opportunity")
    rig.fault(FaultKind.HTML_502, "/batch/update$", calls=tuple(range(2, 20)))
    (receipt,) = rig.push(rig.change(contact, {"lifecyclestage": "lead"}))
    assert (receipt.outcome, receipt.code) == ("retry", "LEFT_EMPTY")
    rig.faults.clear()
    assert outcomes(rig.push(rig.change(contact, {"lifecyclestage": "lead"}))) == ["written"]
    assert rig.portal.get("contacts", contact)["lifecyclestage"] == "lead"


def test_a_stage_that_hubspot_takes_and_does_not_change_is_told_by_reading_it_back(rig: Any) -> None:
    """The order of the stages as we know it can be old: what then looks like a step forward is taken and not made."""
    (contact,) = people(rig, 1, lifecyclestage="opportunity")
    real = rig.hub._catalogue.schema("contacts")
    stage = real.fields["lifecyclestage"]
    old = replace(stage, options=("opportunity", "lead"))
    rig.hub._catalogue._schemas["contacts"] = replace(real, fields={**real.fields, "lifecyclestage": old})
    (receipt,) = rig.push(rig.change(contact, {"lifecyclestage": "lead"}))
    assert (receipt.outcome, receipt.code) == ("rejected", "unchanged_after_write")


def test_a_stage_that_stays_empty_although_hubspot_said_yes_is_not_called_written(rig: Any) -> None:
    (contact,) = people(rig, 1, lifecyclestage="opportunity")
    said = orjson.dumps({"status": "COMPLETE", "results": [{"id": contact, "properties": {"lifecyclestage": "lead"}}]})
    rig.fault(FaultKind.ANSWER, "/batch/update$", calls=(2,), status=200, body=said)
    (receipt,) = rig.push(rig.change(contact, {"lifecyclestage": "lead"}))
    assert (receipt.outcome, receipt.code) == ("rejected", "unchanged_after_write")


def test_a_tired_batch_is_halved(rig: Any) -> None:
    ids = people(rig, 40)
    rig.fault(FaultKind.HTML_502, "/batch/update$", calls=tuple(range(1, 6)))
    assert set(outcomes(rig.push(*(rig.change(id_, {"crmsync_phase": "mql"}) for id_ in ids)))) == {"written"}


def test_an_update_whose_answer_is_lost_is_sent_again(rig: Any) -> None:
    (contact,) = people(rig, 1)
    rig.fault(FaultKind.LOST_ANSWER, "/batch/update$", calls=(1,))
    assert outcomes(rig.push(rig.change(contact, {"crmsync_phase": "mql"}))) == ["written"]


def test_a_portal_that_stays_down_leaves_every_change_to_be_tried_again(rig: Any) -> None:
    ids = people(rig, 3)
    rig.hub.describe(["contacts"])
    rig.fault(FaultKind.HTML_502, "/batch/read$")
    assert outcomes(rig.push(*(rig.change(id_, {"crmsync_phase": "mql"}) for id_ in ids))) == ["retry"] * 3


def test_the_daily_limit_in_the_middle_stops_the_connection(rig: Any) -> None:
    (contact,) = people(rig, 1)
    rig.fault(FaultKind.LIMIT, "/batch/update$", detail="DAILY", headers=())
    with pytest.raises(StopConnector, match=r"connect\.quota"):
        rig.push(rig.change(contact, {"crmsync_phase": "mql"}))


def test_tasks_are_made_once_by_our_key_and_linked_to_their_contact(rig: Any) -> None:
    contacts = people(rig, 3)
    receipts = rig.push(*(rig.task(f"sla-{id_}", id_) for id_ in contacts))
    assert outcomes(receipts) == ["written"] * 3
    for contact, receipt in zip(contacts, receipts, strict=True):
        assert rig.portal.get("tasks", receipt.record_id)["crmsync_key"] == f"sla-{contact}"
        assert rig.portal.associated("tasks", receipt.record_id, "contacts") == [contact]


def test_a_second_push_of_the_same_tasks_writes_nothing(rig: Any) -> None:
    contacts = people(rig, 3)
    tasks = [rig.task(f"sla-{id_}", id_) for id_ in contacts]
    first = rig.push(*tasks)
    rig.forget()
    second = rig.push(*tasks)
    assert outcomes(second) == ["unchanged"] * 3
    assert [r.record_id for r in second] == [r.record_id for r in first]
    assert writes(rig) == []


def test_an_upsert_whose_answer_is_lost_makes_one_task_and_still_links_it(rig: Any) -> None:
    contacts = people(rig, 2)
    rig.fault(FaultKind.LOST_ANSWER, "/tasks/batch/upsert$", calls=(1,))
    receipts = rig.push(*(rig.task(f"sla-{id_}", id_) for id_ in contacts))
    assert outcomes(receipts) == ["written"] * 2
    assert len(list(rig.portal.rows("tasks"))) == 2
    assert [rig.portal.associated("tasks", r.record_id, "contacts") for r in receipts] == [[c] for c in contacts]


def test_a_worker_that_died_before_the_link_mends_it_when_it_tries_again(rig: Any) -> None:
    (contact,) = people(rig, 1)
    rig.fault(FaultKind.HTML_502, "/0-27/0-1/batch/create$", calls=tuple(range(1, 6)))
    (first,) = rig.push(rig.task("sla-1", contact))
    assert (first.outcome, first.code) == ("retry", "ASSOCIATION_FAILED")
    (second,) = rig.push(rig.task("sla-1", contact))
    assert (second.outcome, second.record_id) == ("unchanged", first.record_id)
    assert rig.portal.associated("tasks", second.record_id, "contacts") == [contact]


def test_a_task_that_a_rep_closed_is_never_opened_again_by_a_late_repetition(rig: Any) -> None:
    (contact,) = people(rig, 1)
    (first,) = rig.push(rig.task("sla-1", contact))
    rig.portal.update("tasks", first.record_id, {"hs_task_status": "COMPLETED"})
    (again,) = rig.push(rig.task("sla-1", contact))
    assert (again.outcome, again.code, again.record_id) == ("conflict", "exists_already", first.record_id)
    assert rig.portal.get("tasks", first.record_id)["hs_task_status"] == "COMPLETED"


def test_a_task_for_a_contact_that_is_gone_says_that_its_link_failed(rig: Any) -> None:
    good, gone = people(rig, 2)
    rig.portal.archive("contacts", gone)
    fine, bad = rig.push(rig.task("sla-1", good), rig.task("sla-2", gone))
    assert fine.outcome == "written"
    assert (bad.outcome, bad.code) == ("rejected", "ASSOCIATION_FAILED")
    assert bad.record_id is not None


def test_a_link_that_hubspot_has_no_type_for_is_refused_before_anything_is_made(rig: Any) -> None:
    wanted = replace(rig.task("sla-1", ""), associations=(Association("tickets", "1"),))
    (receipt,) = rig.push(wanted)
    assert (receipt.outcome, receipt.code) == ("rejected", "ASSOCIATION_UNKNOWN")
    assert list(rig.portal.rows("tasks")) == []


def test_one_bad_task_costs_the_others_nothing(rig: Any) -> None:
    contacts = people(rig, 3)
    tasks = [rig.task(f"sla-{id_}", id_) for id_ in contacts]
    tasks[1] = rig.task("sla-bad", contacts[1], hs_task_priority="URGENT")
    forget_options(rig, "tasks", "hs_task_priority")
    assert outcomes(rig.push(*tasks)) == ["written", "rejected", "written"]


def test_tasks_are_updated_by_id_like_all_else(rig: Any) -> None:
    (contact,) = people(rig, 1)
    (made,) = rig.push(rig.task("sla-1", contact))
    closing = rig.change(made.record_id, {"hs_task_status": "COMPLETED"}, object="tasks")
    assert outcomes(rig.push(closing)) == ["written"]


PLAIN_KEY = replace(FREE, unique_properties_on_tasks=False)


def test_without_a_unique_property_tasks_are_made_one_by_one_with_their_link(rig_of: Make) -> None:
    rig = rig_of(config=PLAIN_KEY)
    contacts = people(rig, 3)
    tasks = [rig.task(f"SLA-{id_}", id_) for id_ in contacts]
    receipts = rig.push(*tasks)
    assert outcomes(receipts) == ["written"] * 3
    assert [rig.portal.associated("tasks", r.record_id, "contacts") for r in receipts] == [[c] for c in contacts]
    rig.advance(minutes=2)
    again = rig.push(*tasks)
    assert outcomes(again) == ["unchanged"] * 3
    assert len(list(rig.portal.rows("tasks"))) == 3


def test_where_nothing_is_upserted_tasks_are_made_one_by_one(rig_of: Make) -> None:
    rig = rig_of(config=FREE)
    contacts = people(rig, 3)
    missing = {"status": 404, "body": b'{"status":"error","message":"resource not found"}'}
    rig.fault(FaultKind.ANSWER, "/tasks/batch/upsert$", **missing)
    for expected in ("written", "unchanged"):
        assert outcomes(rig.push(*(rig.task(f"sla-{id_}", id_) for id_ in contacts))) == [expected] * 3
        rig.advance(minutes=2)
    assert len(list(rig.portal.rows("tasks"))) == 3


def test_without_a_unique_property_a_lost_create_is_unknown_and_never_sent_again_blindly(rig_of: Make) -> None:
    rig = rig_of(config=PLAIN_KEY)
    (contact,) = people(rig, 1)
    rig.fault(FaultKind.LOST_ANSWER, "/objects/2026-03/tasks$", method="POST", calls=(1,))
    (lost,) = rig.push(rig.task("sla-1", contact))
    assert lost.outcome == "unknown"
    (early,) = rig.push(rig.task("sla-1", contact))
    assert (early.outcome, early.code) == ("unknown", "WAITING_FOR_INDEX")
    rig.advance(minutes=2)
    (late,) = rig.push(rig.task("sla-1", contact))
    assert late.outcome == "unchanged"
    assert len(list(rig.portal.rows("tasks"))) == 1


def test_without_a_unique_property_a_create_that_was_cut_before_it_arrived_is_sent_once_the_index_shows_none(rig_of: Make) -> None:
    rig = rig_of(config=PLAIN_KEY)
    (contact,) = people(rig, 1)
    rig.fault(FaultKind.CUT_BEFORE, "/objects/2026-03/tasks$", method="POST", calls=(1,))
    assert outcomes(rig.push(rig.task("sla-1", contact))) == ["unknown"]
    rig.advance(minutes=2)
    assert outcomes(rig.push(rig.task("sla-1", contact))) == ["written"]
    assert len(list(rig.portal.rows("tasks"))) == 1


def test_without_any_key_property_no_task_is_made(rig_of: Make) -> None:
    rig = rig_of(config=replace(FREE, provisioned=False))
    (contact,) = people(rig, 1)
    (receipt,) = rig.push(rig.task("sla-1", contact))
    assert (receipt.outcome, receipt.code) == ("rejected", "KEY_FIELD_MISSING")
    assert list(rig.portal.rows("tasks")) == []


def test_a_portals_own_rules_are_a_reason_to_refuse_under_2026_09(rig_of: Make) -> None:
    ruled = replace(FREE, required_by_rule=(("contacts", "crmsync_phase", "disqualified", "crmsync_rejection_reason"),))
    new, old = rig_of(config=ruled, options={"api_version": "2026-09"}, is_dated=False), rig_of(config=ruled)
    found = {}
    for name, rig in {"2026-09": new, "2026-03": old}.items():
        (contact,) = people(rig, 1)
        (found[name],) = rig.push(rig.change(contact, {"crmsync_phase": "disqualified"}))
    assert (found["2026-09"].outcome, found["2026-09"].code) == ("rejected", "MISSING_CONDITIONAL_REQUIRED_PROPERTY")
    assert found["2026-03"].outcome == "written"


NEEDS = (
    Need("contacts", "crmsync_phase", "choice", "Phase", ("inquiry", "mql")),
    Need("contacts", "crmsync_score", "number", "Score"),
    Need("tasks", "crmsync_key", "text", "Key", is_unique=True),
    Need("deals", "crmsync_contract_end", "date", "Contract end"),
)


def test_provision_shows_what_is_missing_and_makes_it_only_when_asked(rig_of: Make) -> None:
    rig = rig_of(config=replace(FREE, provisioned=False))
    assert [step.state for step in rig.hub.provision(NEEDS, apply=False)] == ["missing"] * 4
    assert all(one.method == "GET" for one in rig.requests)
    assert [step.state for step in rig.hub.provision(NEEDS, apply=True)] == ["created"] * 4
    assert [step.state for step in rig.hub.provision(NEEDS, apply=True)] == ["present"] * 4
    assert rig.hub.describe(["tasks"])["tasks"].fields["crmsync_key"].unique


def test_provision_adds_options_and_keeps_those_that_are_there(rig: Any) -> None:
    (need,) = [Need("contacts", "crmsync_temperature", "choice", "Temperature", ("hot", "lukewarm"))]
    assert rig.hub.provision([need], apply=True)[0].state == "created"
    options = rig.hub.describe(["contacts"])["contacts"].fields["crmsync_temperature"].options
    assert set(options) == {"hot", "warm", "cold", "lukewarm"}


def test_provision_without_the_scope_is_refused_in_the_vendors_words(rig_of: Make) -> None:
    scopes = tuple(s for s in PortalConfig().credentials.scopes if not (s.startswith("crm.schemas") and s.endswith("write")))
    rig = rig_of(config=replace(FREE, provisioned=False, credentials=replace(FREE.credentials, scopes=scopes)))
    (step,) = rig.hub.provision(NEEDS[:1], apply=True)
    assert step.state == "refused"
    assert "MISSING_SCOPES" in step.message
