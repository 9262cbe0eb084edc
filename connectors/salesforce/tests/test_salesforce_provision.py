"""Fields that mappings want, on orgs that lack them: listed first, then made and made visible, over real HTTP; and for a user who
may not, the list for an admin."""

from __future__ import annotations

from dataclasses import replace

import pytest
from salesforce_place import Place, place, task

from crmsync.connect.contract import Need
from crmsync.errors import CrmsyncError
from crmsync.messages import LANGUAGES, say
from crmsync.sandbox.faults import Fault, FaultKind
from crmsync.sandbox.salesforce.config import ASSIGNMENTS, CUSTOMIZE, PERMISSION_SETS, RIGHTS, VIEW_SETUP, OrgConfig
from crmsync_salesforce.definitions import absent, words_of

STOCK = OrgConfig(provisioned=False)
PHASE = Need("Lead", "crmsync_phase__c", "choice", "Phase", ("mql", "sql"))
KEY = Need("Activity", "crmsync_key__c", "text", "Key", is_unique=True)
NEEDS = (
    PHASE,
    KEY,
    Need("Lead", "crmsync_score__c", "number", "Score"),
    Need("Contact", "crmsync_talk__c", "long_text", "Talk"),
    Need("Account", "crmsync_due__c", "datetime", "Due"),
    Need("Opportunity", "crmsync_end__c", "date", "End"),
)


def states(crm: Place, *needs: Need, apply: bool = False) -> list[str]:
    return [step.state for step in crm.connector.provision(needs or NEEDS, apply=apply)]


def asks(crm: Place, *needs: Need, apply: bool = False) -> list[str]:
    return [ask.code for step in crm.connector.provision(needs or NEEDS, apply=apply) for ask in step.asks]


def test_a_plan_lists_what_is_missing_and_sends_nothing_but_questions() -> None:
    with place(STOCK) as crm:
        assert states(crm) == ["missing"] * len(NEEDS)
        assert asks(crm) == ["connect.ask_field"] * len(NEEDS)
        assert crm.asked("", "POST") == [request for request in crm.asked("", "POST") if "oauth2" in request]


def test_what_is_applied_is_seen_used_and_not_made_again() -> None:
    with place(STOCK) as crm:
        assert states(crm, apply=True) == ["created"] * len(NEEDS)
        made = len(crm.asked("", "POST"))
        assert states(crm, apply=True) == ["present"] * len(NEEDS)
        assert len(crm.asked("", "POST")) == made
        lead = crm.lead()
        assert crm.push(task("k1", WhoId=lead))["task k1"].outcome == "written"
        assert crm.push(task("k1", WhoId=lead))["task k1"].outcome == "written"
        assert len(list(crm.org.rows("Task"))) == 1, "the key is an external id: a second upsert finds the first"


def test_who_is_signed_in_is_asked_where_the_resource_map_does_not_tell() -> None:
    with place(STOCK) as crm:
        crm.faults.add(Fault(FaultKind.ANSWER, r"^/services/data/v[\d.]+/?$", status=200, body=b'{"sobjects": "/s"}'))
        assert states(crm, apply=True) == ["created"] * len(NEEDS)


def test_one_field_on_activity_serves_tasks_and_events() -> None:
    with place(STOCK) as crm:
        both = (replace(KEY, object="Task"), replace(KEY, object="Event"))
        assert states(crm, *both, apply=True) == ["created", "created"]
        assert len(crm.asked("CustomField", "POST")) == 1


def test_a_choice_takes_its_values_and_no_others() -> None:
    with place(STOCK) as crm:
        states(crm, PHASE, apply=True)
        assert crm.connector.describe(["Lead"])["Lead"].fields["crmsync_phase__c"].options == ("mql", "sql")


def test_a_field_that_is_there_and_hidden_is_granted_and_not_made() -> None:
    with place(STOCK) as crm:
        states(crm, PHASE, apply=True)
        crm.org.delete("PermissionSetAssignment", next(crm.org.rows("PermissionSetAssignment"))["Id"])
        assert asks(crm, PHASE) == ["connect.ask_access"]
        assert states(crm, PHASE, apply=True) == ["created"]
        assert len(crm.asked("CustomField", "POST")) == 1


def test_a_field_that_may_only_be_read_is_granted_for_editing_with_the_next_one() -> None:
    with place(STOCK) as crm:
        states(crm, PHASE, apply=True)
        grant = next(crm.org.rows("FieldPermissions"))["Id"]
        crm.org.update("FieldPermissions", grant, {"PermissionsRead": False, "PermissionsEdit": False})
        assert states(crm, PHASE, apply=True) == ["created"]
        assert crm.connector.describe(["Lead"])["Lead"].fields["crmsync_phase__c"].writable


def test_values_that_a_choice_lacks_are_added_to_those_it_has() -> None:
    with place(STOCK) as crm:
        states(crm, PHASE, apply=True)
        more = replace(PHASE, options=("sql", "recycled"))
        assert [step.message for step in crm.connector.provision([more], apply=False)] == ["recycled"]
        assert states(crm, more, apply=True) == ["created"]
        options = crm.connector.describe(["Lead"])["Lead"].fields["crmsync_phase__c"].options
        assert options == ("mql", "sql", "recycled")


def test_a_field_of_another_kind_is_left_alone_and_told() -> None:
    config = replace(STOCK, extra_fields=(("Lead", "crmsync_phase__c datetime rw"), ("Task", "crmsync_key__c string(40) rw")))
    with place(config) as crm:
        assert states(crm, PHASE, KEY, apply=True) == ["refused", "refused"]
        assert asks(crm, PHASE, KEY) == ["connect.ask_field_changed"] * 2
        assert crm.asked("CustomField", "POST") == []


@pytest.mark.parametrize(
    ("lacking", "expected"),
    [
        (CUSTOMIZE, "connect.ask_field"),
        (PERMISSION_SETS, "connect.ask_access"),
        (ASSIGNMENTS, "connect.ask_access"),
    ],
)
def test_a_user_who_may_not_gets_the_list_for_an_admin(lacking: str, expected: str) -> None:
    with place(replace(STOCK, integration_rights=RIGHTS - {lacking})) as crm:
        steps = crm.connector.provision(NEEDS, apply=True)
        assert [step.state for step in steps] == ["refused"] * len(NEEDS)
        assert all("INSUFFICIENT_ACCESS" in step.message for step in steps)
        assert [ask.code for step in steps for ask in step.asks] == [expected] * len(NEEDS)


def test_a_user_who_may_not_look_into_setup_can_set_up_all_the_same() -> None:
    with place(replace(STOCK, integration_rights=RIGHTS - {VIEW_SETUP})) as crm:
        assert states(crm, apply=True) == ["created"] * len(NEEDS)
        crm.org.delete("PermissionSetAssignment", next(crm.org.rows("PermissionSetAssignment"))["Id"])
        assert states(crm, apply=True) == ["created"] * len(NEEDS), "a field that exists already is only granted"


QUEUE = Need("Group", "Inside sales", "queue", "Inside sales", ("Lead", "Task"))


def test_a_queue_is_made_once_and_takes_what_it_is_given() -> None:
    with place(STOCK) as crm:
        assert asks(crm, QUEUE) == ["connect.ask_queue"]
        assert states(crm, QUEUE, PHASE, apply=True) == ["created", "created"]
        assert states(crm, QUEUE, apply=True) == ["present"]
        (queue,) = crm.org.rows("Group")
        lead = crm.lead()
        crm.org.update("Lead", lead, {"OwnerId": queue["Id"]})
        crm.org.insert("Task", {"Subject": "Call", "WhoId": lead, "OwnerId": queue["Id"]})


def test_a_queue_that_is_there_in_another_case_is_only_given_what_it_does_not_take_yet() -> None:
    with place(STOCK) as crm:
        crm.org.add_queue("INSIDE SALES", ["Lead"])
        assert [step.message for step in crm.connector.provision([QUEUE], apply=False)] == ["Task"]
        assert states(crm, QUEUE, apply=True) == ["created"]
        assert [row["SobjectType"] for row in crm.org.rows("QueueSobject")] == ["Lead", "Task"]
        assert len(list(crm.org.rows("Group"))) == 1


def test_a_queue_that_we_may_not_make_is_asked_for() -> None:
    with place(replace(STOCK, integration_rights=RIGHTS - {CUSTOMIZE})) as crm:
        assert states(crm, QUEUE, apply=True) == ["refused"]
        assert asks(crm, QUEUE, apply=True) == ["connect.ask_queue"]


@pytest.mark.parametrize("kind", [FaultKind.LOST_ANSWER, FaultKind.HTML_502, FaultKind.CUT_BEFORE])
@pytest.mark.parametrize("call", range(1, 5))
def test_broken_off_anywhere_the_next_run_goes_on_and_nothing_is_made_twice(kind: FaultKind, call: int) -> None:
    with place(STOCK) as crm:
        crm.faults.add(Fault(kind, "/tooling/sobjects|/sobjects/Perm|/composite/sobjects", "POST", calls=(call,)))
        for _ in range(3):
            try:
                found = states(crm, PHASE, KEY, apply=True)
            except CrmsyncError:
                continue
        assert set(found) <= {"created", "present"}
        assert crm.faults.strikes
        assert len(list(crm.org.rows("PermissionSet"))) == 1
        assert len(list(crm.org.rows("FieldPermissions"))) == 2


def test_what_is_asked_of_an_admin_says_all_that_setup_wants_to_know() -> None:
    assert words_of(KEY) == "Text(255), Unique (case-sensitive), External ID"
    assert words_of(PHASE) == "Picklist (mql, sql; restricted)"
    for language in LANGUAGES:
        ask = absent(PHASE)
        text = say(ask.code, language, **ask.params)
        assert all(word in text for word in ("Lead", "crmsync_phase__c", "Phase", "mql, sql"))
