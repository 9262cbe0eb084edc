"""What is known of some persons alone is what is known of them among everyone, and costs no look at anybody else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fake_house import House
from known_alone import check_alone, check_each_alone

from crmsync.model.entities import Touch
from crmsync.model.records import RecordRef
from crmsync.sync.explain import find_person
from crmsync.sync.facts import gather


@pytest.fixture
def peopled(house: House) -> House:
    """Colleagues, a call, a case, an owner set by hand."""
    acme = house.sfa.insert("companies", made_at=house.clock.now().isoformat(), name="Acme", domain="acme.example")
    first = house.mql()
    house.cycle()
    second = house.mql("sato@acme.example")
    house.sfa.edit("contacts", second, account=acme)
    house.cycle(later=timedelta(hours=3))
    other = next(id_ for rep, id_ in house.users["sfa"].items() if rep.startswith("is"))
    house.sfa.edit("contacts", first, owner=other)
    house.call("sfa", "is1@home.example", contact=first)
    house.sfa.insert("deals", contact=second, made_at=house.clock.now().isoformat(), status="open", owner=other)
    house.cycle(later=timedelta(hours=1))
    return house


def test_a_person_is_known_alone_as_among_everyone(peopled: House) -> None:
    check_each_alone(peopled)


def test_a_colleague_who_has_an_owner_counts_though_nobody_asked_for_them(peopled: House) -> None:
    newcomer = peopled.contact("sfa", "suzuki@acme.example", company="Acme")
    peopled.cycle(later=timedelta(hours=1))
    person = peopled.person_of("sfa", newcomer)
    known = gather(peopled.workspace, peopled.clock.now(), [person]).persons.row(0, named=True)
    assert known["account_owner"] is not None
    check_alone(peopled.workspace, peopled.clock.now(), person)


def _form(house: House, number: int, email: str) -> None:
    """A form that bears nothing but an address."""
    form = Touch(RecordRef("ma", "forms", str(number)), house.clock.now(), "document_request", house.clock.now(), email=email)
    with house.store.transaction() as db:
        house.store.entities.save(db, [form])


def test_an_address_that_two_persons_have_leads_a_visit_to_neither(house: House) -> None:
    one = house.contact("sfa", "info@acme.example", family="田中", given="太郎")
    house.contact("sfa", "info@acme.example", family="佐藤", given="花子")
    house.cycle()
    _form(house, 1, "info@acme.example")
    assert len(set(house.store.identity.links()["person_id"])) == 2
    assert gather(house.workspace, house.clock.now()).touches.is_empty()
    check_alone(house.workspace, house.clock.now(), house.person_of("sfa", one))


def test_a_form_that_bears_an_address_alone_reaches_whoever_has_it(house: House) -> None:
    one, _ = (house.contact("sfa", email) for email in ("a@one.example", "b@two.example"))
    house.cycle()
    for number, email in enumerate(("a@one.example", "b@two.example", "c@three.example")):
        _form(house, number, email)
    known = gather(house.workspace, house.clock.now(), [house.person_of("sfa", one)])
    assert known.touches["touch_id"].to_list() == ["ma/forms/0"]
    check_each_alone(house)


def test_what_a_call_no_longer_names_is_not_known_of_the_person_it_named(house: House) -> None:
    one, two = house.contact("sfa", "a@one.example"), house.contact("sfa", "b@two.example")
    house.cycle()
    call = house.call("sfa", "is1@home.example", contact=one)
    house.cycle()
    house.sfa.edit("calls", call, contact=two)
    house.cycle()
    for contact, known in ((one, 0), (two, 1)):
        person = house.person_of("sfa", contact)
        assert gather(house.workspace, house.clock.now(), [person]).approaches.height == known
        check_alone(house.workspace, house.clock.now(), person)


def test_a_person_is_found_by_id_address_record_and_bare_id(house: House) -> None:
    contact = house.contact("sfa", "a@acme.example")
    house.cycle()
    person = house.person_of("sfa", contact)
    for text in (person, "a@acme.example", " A@ACME.example", f"sfa/contacts/{contact}", contact):
        assert find_person(house.workspace, text) == person, text
    assert find_person(house.workspace, "nobody") is None
