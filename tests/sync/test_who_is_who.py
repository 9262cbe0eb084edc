"""Who is who over two CRMs, whole cycles long: companies, conversions, and opt-outs that count everywhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fake_house import House

from crmsync.identity.records import Evidence
from crmsync.sync.explain import explain
from crmsync.sync.facts import gather

NUMBER, OTHER_NUMBER = "7010705000725", "4011001098993"
TANAKA = {"family": "田中", "given": "太郎"}


def company(house: House, crm: str, **fields: Any) -> str:
    return house.crms[crm].insert("companies", made_at=house.clock.now().isoformat(), **fields)


def known_of(house: House, person: str) -> dict[str, Any]:
    rows = gather(house.workspace, house.clock.now()).persons.to_dicts()
    return next(row for row in rows if row["person_id"] == person)


def reasons(house: House, person: str) -> dict[str, tuple[str, str]]:
    """record → rule and what it rests on, as `explain` has them."""
    records = explain(house.workspace, person, house.clock.now()).records
    return {row["record"]: (row["rule"], Evidence.parse(row["evidence"]).via) for row in records}


# ------------------------------------------------------------------------------------------------------------ companies


def test_one_name_at_one_corporate_number_in_two_crms_is_one_person_and_explain_says_why(house: House) -> None:
    for crm in ("ma", "sfa"):
        company(house, crm, name="Acme", number=NUMBER)
    house.contact("ma", "t@gmail.com", **TANAKA, account="c0001")
    house.contact("sfa", "t@acme.example", **TANAKA, account="c0001")
    house.cycle()
    person = house.person_of("sfa", "c0001")
    assert reasons(house, person) == {"ma/contacts/c0001": ("new", ""), "sfa/contacts/c0001": ("corporate_number", NUMBER)}
    house.cycle()
    house.forget_writes()
    house.cycle()
    assert house.writes == []


def test_people_are_found_to_be_one_when_their_company_gets_its_number_later(house: House) -> None:
    for crm in ("ma", "sfa"):
        company(house, crm, name="Acme")
    house.contact("ma", "t@gmail.com", **TANAKA, account="c0001")
    house.contact("sfa", "t@acme.example", **TANAKA, account="c0001")
    house.cycle()
    assert house.person_of("ma", "c0001") != house.person_of("sfa", "c0001")
    for crm in ("ma", "sfa"):
        house.crms[crm].edit("companies", "c0001", number=NUMBER)
    house.cycle()
    assert house.person_of("ma", "c0001") == house.person_of("sfa", "c0001")


def test_a_number_emptied_in_a_crm_takes_no_link_back(house: House) -> None:
    test_one_name_at_one_corporate_number_in_two_crms_is_one_person_and_explain_says_why(house)
    for crm in ("ma", "sfa"):
        house.crms[crm].edit("companies", "c0001", number=None)
    house.ma.edit("contacts", "c0001", title="Director")
    house.cycle()
    assert house.person_of("ma", "c0001") == house.person_of("sfa", "c0001")


def test_two_mailboxes_of_one_name_at_one_company_wait_for_people(house: House) -> None:
    house.contact("ma", "t@acme.example", **TANAKA)
    house.contact("sfa", "taro@acme.example", **TANAKA)
    house.cycle()
    assert house.person_of("ma", "c0001") != house.person_of("sfa", "c0001")
    assert house.store.identity.reviews()["why"].to_list() == ["namesakes"]


@pytest.mark.parametrize("what", [{"phone": "03-1234-5678"}, {"zip": "〒100-0001"}])
def test_one_name_with_one_phone_or_postal_code_waits_for_people(house: House, what: dict[str, str]) -> None:
    house.contact("ma", "t@gmail.com", **TANAKA, **what)
    house.contact("sfa", "t@acme.example", **TANAKA, **what)
    house.cycle()
    assert house.person_of("ma", "c0001") != house.person_of("sfa", "c0001")
    assert len(house.store.identity.reviews()) == 1


# ------------------------------------------------------------------------------------------------------ leads and accounts


def with_account(house: House) -> str:
    """An account with its owner; gives the rep."""
    owner = "is2@home.example"
    company(house, "sfa", name="Acme", number=NUMBER, domain="acme.example", owner=house.users["sfa"][owner])
    return owner


@pytest.mark.parametrize("known_by", [{"email": "t@acme.example"}, {"email": "t@gmail.com", "number": f"T{NUMBER}"}])
def test_a_lead_without_a_company_s_record_gets_the_account_and_its_owner(house: House, known_by: dict[str, str]) -> None:
    owner = with_account(house)
    lead = house.contact("sfa", object_="leads", **known_by)
    house.cycle()
    known = known_of(house, house.person_of("sfa", lead, "leads"))
    assert (known["company_id"], known["account_owner"]) == (f"number:{NUMBER}", owner)


def test_a_lead_of_a_known_account_is_handed_to_the_account_s_owner(house: House) -> None:
    owner = with_account(house)
    lead = house.contact("sfa", "t@acme.example", "leads")
    house.visit("ma", house.contact("ma", "t@acme.example"))
    house.cycle()
    state = house.state(house.person_of("sfa", lead, "leads"))
    assert (state["owner"], state["owner_because"]) == (owner, "account_owner")


@pytest.mark.parametrize("number", [OTHER_NUMBER, "7010705000724", None])
def test_a_lead_of_a_free_mail_service_with_another_number_or_none_gets_no_account(house: House, number: str | None) -> None:
    with_account(house)
    lead = house.contact("sfa", "t@gmail.com", "leads", number=number)
    house.cycle()
    known = known_of(house, house.person_of("sfa", lead, "leads"))
    assert known["account_owner"] is None
    assert known["company_id"] == (f"number:{OTHER_NUMBER}" if number == OTHER_NUMBER else None)


def test_a_number_that_two_accounts_of_different_names_claim_gives_a_lead_neither(house: House) -> None:
    with_account(house)
    company(house, "sfa", name="Other", number=NUMBER)
    lead = house.contact("sfa", "t@gmail.com", "leads", number=NUMBER)
    house.cycle()
    assert known_of(house, house.person_of("sfa", lead, "leads"))["company_id"] is None


# ----------------------------------------------------------------------------------------------------------- conversions


def test_a_conversion_to_contact_account_and_opportunity_is_followed_in_one_cycle(house: House) -> None:
    """The CRM makes three records of the lead. The person goes on: same id, same clock, same task, same owner and score."""
    lead = house.contact("sfa", "t@acme.example", "leads", **TANAKA)
    house.visit("ma", house.contact("ma", "t@acme.example", **TANAKA))
    house.cycle()
    person = house.person_of("sfa", lead, "leads")
    before, clocks, tasks = house.state(person), house.clocks(person), house.tasks(open_only=False)
    house.clock.advance(timedelta(minutes=5))
    account = company(house, "sfa", name="Acme", domain="acme.example")
    owner = house.sfa.get("leads", lead)["owner"]  # type: ignore[index]  # it is there
    contact = house.contact("sfa", "t@acme.example", **TANAKA, account=account, owner=owner)
    house.sfa.insert("deals", contact=contact, made_at=house.clock.now().isoformat(), status="open", owner=owner)
    house.sfa.edit("leads", lead, converted=True, contact=contact)
    house.forget_writes()
    house.cycle()
    after = house.state(person)
    assert house.person_of("sfa", contact) == person
    assert house.store.identity.aliases() == {}
    assert reasons(house, person)["sfa/contacts/" + contact][0] == "vendor_link"
    assert (before["phase"], after["phase"]) == ("mql", "sql")  # the opportunity is the acceptance
    assert after["cycle"] == before["cycle"]
    assert house.sfa.get("contacts", contact)["score"] == house.ma.get("contacts", "c0001")["score"] == 15  # type: ignore[index]
    assert set(tasks) <= set(house.tasks(open_only=False))  # none made anew under another key
    assert [c["clock_id"] for c in clocks] == [
        c["clock_id"] for c in house.clocks(person, running=False) if c["kind"] == "first_approach"
    ]
    assert len(house.clocks(person)) == len(house.tasks()) == 1
    assert {change.object for change in house.sfa.writes} <= {"contacts", "tasks"}  # a converted lead is read-only
    house.cycle()
    house.forget_writes()
    house.cycle()
    assert house.writes == []


# ---------------------------------------------------------------------------------------------------------------- consent


@pytest.mark.parametrize("side", ["ma", "sfa"])
def test_an_opt_out_on_either_side_blocks_everything_on_both(house: House, side: str) -> None:
    """Even somebody who does all that an MQL needs: no hand-over, no task, no clock."""
    for crm in ("ma", "sfa"):
        house.contact(crm, "t@acme.example", opted_out="true" if crm == side else None)
    house.visit("ma", "c0001", "quote_request")
    house.visit("ma", "c0001")
    house.cycle()
    state = house.state(house.person_of("sfa", "c0001"))
    assert state["phase"] == "disqualified"
    assert house.tasks(open_only=False) == {}
    assert house.clocks(state["person_id"]) == []
    assert {house.crms[crm].get("contacts", "c0001")["phase"] for crm in ("ma", "sfa")} == {"disqualified"}  # type: ignore[index]


@pytest.mark.parametrize("side", ["ma", "sfa"])
def test_an_opt_out_while_the_baton_is_with_sales_stops_clock_and_task(house: House, side: str) -> None:
    contact = house.mql()
    house.cycle()
    person = house.person_of("sfa", contact)
    assert len(house.clocks(person)) == len(house.tasks()) == 1
    house.crms[side].edit("contacts", "c0001", opted_out="true")
    house.cycle()
    assert house.state(person)["phase"] == "disqualified"
    assert house.clocks(person) == []
    assert house.tasks() == {}


def test_an_opt_out_that_went_with_a_deleted_record_still_blocks(house: House) -> None:
    house.contact("ma", "t@acme.example", opted_out="true")
    contact = house.contact("sfa", "t@acme.example")
    house.cycle()
    house.ma.delete("contacts", "c0001")
    house.cycle()
    assert house.state(house.person_of("sfa", contact))["phase"] == "disqualified"
