"""What some orgs have and others have not, over real HTTP: person accounts, several currencies, choices of several; and owners of
every kind."""

from __future__ import annotations

from typing import Any

import pytest
from salesforce_place import Place, place, task, update

from crmsync.model.changes import Change
from crmsync.sandbox.salesforce.config import OrgConfig

PERSONS = OrgConfig(person_accounts=True)


def phase(contact: str, **values: Any) -> Change:
    return update(contact, object="Contact", **values)


def contact_of(crm: Place, company: str = "A") -> str:
    account = crm.org.insert("Account", {"Name": company})
    return crm.org.insert("Contact", {"LastName": "Sato", "AccountId": account})


def test_person_accounts_are_seen_by_describe() -> None:
    with place(PERSONS) as crm:
        assert "IsPersonAccount" in crm.connector.describe(["Account"])["Account"].fields
    with place() as crm:
        assert "IsPersonAccount" not in crm.connector.describe(["Account"])["Account"].fields


def test_the_contact_of_a_person_account_is_written_by_way_of_its_account() -> None:
    with place(PERSONS) as crm:
        person = crm.org.add_person({"LastName": "Suzuki", "Email": "s@example.com"})
        ordinary = contact_of(crm)
        values: dict[str, Any] = {"crmsync_phase__c": "mql", "Email": "new@example.com", "LastName": "Suzuki-Sato"}
        receipts = crm.push(phase(person, **values), phase(ordinary, **values))
        assert {(receipt.outcome, receipt.record_id) for receipt in receipts.values()} == {
            ("written", person),
            ("written", ordinary),
        }
        for contact in (person, ordinary):
            row = crm.org.get("Contact", contact) or {}
            assert {name: row[name] for name in values} == values
        account = crm.org.get("Account", (crm.org.get("Contact", person) or {})["AccountId"]) or {}
        assert (account["crmsync_phase__pc"], account["PersonEmail"]) == ("mql", "new@example.com")


def test_persons_and_contacts_by_turns_fit_into_one_request() -> None:
    """A request takes ten runs of rows of one object at most."""
    with place(PERSONS) as crm:
        mixed = [crm.org.add_person({"LastName": f"p{n}"}) if n % 2 else contact_of(crm, f"c{n}") for n in range(40)]
        receipts = crm.push(*(phase(contact, crmsync_phase__c="mql") for contact in mixed))
        assert {receipt.outcome for receipt in receipts.values()} == {"written"}
        assert {receipt.record_id for receipt in receipts.values()} == set(mixed)
        assert crm.push(*(phase(contact, crmsync_phase__c="mql") for contact in mixed))[f"update {mixed[1]}"].outcome == "unchanged"


def test_a_person_edited_by_hand_meanwhile_is_a_conflict_like_any_other() -> None:
    with place(PERSONS) as crm:
        person = crm.org.add_person({"LastName": "Suzuki"})
        decided_on = crm.connector.read("Contact", [person], ["Email"])[person].modified_at
        crm.later(minutes=1)
        account = (crm.org.get("Contact", person) or {})["AccountId"]
        crm.org.update("Account", account, {"PersonEmail": "by@hand.example"})
        receipt = crm.push(update(person, object="Contact", expected=decided_on, crmsync_phase__c="mql"))[f"update {person}"]
        assert receipt.outcome == "conflict"


def test_a_currency_is_read_where_there_are_several_and_left_out_where_there_is_one() -> None:
    for several in (True, False):
        with place(OrgConfig(multi_currency=several)) as crm:
            more = {"CurrencyIsoCode": "USD"} if several else {}
            deal = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2024-05-01", "Amount": 10.5, **more}
            crm.org.insert("Opportunity", deal)
            (record,) = crm.pull("Opportunity", ("Amount", "CurrencyIsoCode"))
            assert record.fields.get("CurrencyIsoCode") == ("USD" if several else None)
            assert ("CurrencyIsoCode" in record.fields) is several


def test_choices_of_several_are_the_same_in_any_order() -> None:
    config = OrgConfig(extra_fields=(("Lead", "Interests__c multipicklist(255) rw = a|b|c"),))
    with place(config) as crm:
        lead = crm.lead(Interests__c="a;c")
        (record,) = crm.pull("Lead", ("Interests__c",))
        assert record.fields["Interests__c"] == "a;c"
        assert crm.push(update(lead, Interests__c="c;a"))[f"update {lead}"].outcome == "unchanged"
        assert crm.push(update(lead, Interests__c="c;b"))[f"update {lead}"].outcome == "written"


def test_a_lead_may_be_owned_by_a_queue_and_says_so() -> None:
    with place() as crm:
        queue = crm.org.add_queue("Inside sales", ["Lead"])
        lead = crm.lead()
        assert crm.push(update(lead, OwnerId=queue))[f"update {lead}"].outcome == "written"
        (record,) = crm.pull()
        assert (record.fields["OwnerId"], record.fields["Owner.Type"]) == (queue, "Queue")
        assert [one.id for one in crm.pull("Group", ("Name", "Type"))] == [queue]


def test_groups_that_are_no_queues_are_not_read() -> None:
    with place() as crm:
        crm.org.insert("Group", {"Name": "Everybody", "Type": "Regular"})
        assert crm.pull("Group", ("Name", "Type")) == []


@pytest.mark.parametrize("served", [["Lead", "Task"], ["Lead"]])
def test_a_task_goes_to_a_queue_that_takes_tasks_and_to_no_other(served: list[str]) -> None:
    with place() as crm:
        lead, queue = crm.lead(), crm.org.add_queue("Inside sales", served)
        receipt = crm.push(task("k", WhoId=lead, OwnerId=queue))["task k"]
        assert receipt.outcome == ("written" if "Task" in served else "rejected")
        if receipt.outcome == "rejected":
            assert (receipt.code, receipt.details["class"]) == ("FIELD_INTEGRITY_EXCEPTION", "owner")
            assert list(receipt.details["fields"]) == ["OwnerId"]


def test_an_inactive_user_is_read_as_such_keeps_old_records_and_is_given_no_new_ones() -> None:
    with place() as crm:
        gone = crm.org.add_user("Sato Ken", "sato@example.com")
        lead, other = crm.lead(OwnerId=gone), crm.lead("other")
        crm.org.update("User", gone, {"IsActive": False})
        users = {record.id: record for record in crm.pull("User", ("IsActive", "Email"))}
        assert users[gone].fields["IsActive"] is False
        assert crm.push(update(lead, Rating="Hot"))[f"update {lead}"].outcome == "written", "it stays with them"
        receipt = crm.push(update(other, OwnerId=gone, Rating="Hot"))[f"update {other}"]
        assert (receipt.outcome, receipt.code, receipt.details["class"]) == ("rejected", "INACTIVE_OWNER_OR_USER", "owner")


def test_a_convertedleads_task_is_a_conflict_for_the_contact_to_be_found() -> None:
    with place() as crm:
        lead = crm.lead()
        crm.org.convert_lead(lead)
        receipt = crm.push(task("k", WhoId=lead))["task k"]
        assert (receipt.outcome, receipt.code) == ("conflict", "CANNOT_UPDATE_CONVERTED_LEAD")


@pytest.mark.parametrize(("rule", "outcome"), [("alert", "written"), ("block", "rejected")])
@pytest.mark.parametrize("misspelt", [True, False])
def test_a_duplicate_rule_that_alerts_lets_us_pass_and_one_that_blocks_names_itself(
    rule: str, outcome: str, misspelt: bool
) -> None:
    with place(OrgConfig(duplicate_rule=rule, misspells_duplicate_result=misspelt)) as crm:
        crm.lead("first", Email="same@example.com")
        second = crm.lead("second")
        receipt = crm.push(update(second, Email="same@example.com"))[f"update {second}"]
        assert receipt.outcome == outcome
        assert receipt.code == ("" if outcome == "written" else "DUPLICATES_DETECTED")


def test_a_key_that_several_records_have_is_nobodys_to_pick() -> None:
    with place() as crm:
        twins = [crm.lead(f"n{n}", Email="same@example.com") for n in range(2)]
        change = Change(
            "u", "sf", "Lead", "upsert", update("", Rating="Hot").fields, "p", key_field="Email", key_value="same@example.com"
        )
        receipt = crm.push(change)["u"]
        assert (receipt.outcome, receipt.code) == ("rejected", "DUPLICATE_EXTERNAL_ID")
        assert all(lead in receipt.message for lead in twins), "the candidates, for a person to choose"
        assert not any(row.get("Rating") for row in crm.org.rows("Lead"))
