"""Erasure: no trace is left in any table, figures stay as they were, and nobody comes back by a re-pull."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fake_house import House, mappings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlmodel import SQLModel

from crmsync.errors import StopConnector
from crmsync.model.records import RawRecord
from crmsync.store.erasing import TREATMENT
from crmsync.store.journal import unpacked
from crmsync.sync.forget import forget, prepare_forgetting, readmit
from crmsync.sync.review import review

WHO = "zaizen@acme.example"
# What she is called: nobody else in the house is.
SIGNS = ("zaizen", "Zaizen", "Goro", "090-8765-4321", "+819087654321")


def _her(house: House) -> tuple[str, str]:
    """Somebody in both CRMs with a deal, a call, a former address and a colleague."""
    lead = house.contact("ma", WHO, family="Zaizen", given="Goro")
    house.visit("ma", lead)
    contact = house.contact("sfa", WHO, family="Zaizen", given="Goro")
    house.mql("colleague@acme.example")
    house.cycle()
    house.call("sfa", "is1@home.example", contact=contact)
    house.sfa.insert("deals", contact=contact, made_at=house.clock.now().isoformat(), status="open", owner=None)
    house.sfa.edit("contacts", contact, email="goro.zaizen@elsewhere.example", need="yes")
    house.cycle()
    house.sfa.edit("contacts", contact, email=WHO)
    house.cycle()
    return lead, contact


def _forget(house: House, text: str = WHO) -> None:
    house.clock.advance(timedelta(minutes=1))
    forget(house.workspace, text, house.clock.now())


def _text(value: object) -> str:
    """A value as it could be read, packed frames included."""
    if isinstance(value, bytes) and not value.startswith(b"{"):
        return str(unpacked(value).to_dicts())
    return value.decode() if isinstance(value, bytes) else str(value)


def _traces(house: House, *signs: str) -> list[tuple[str, str]]:
    """(table, column) of every value that shows one of these signs."""
    found = []
    with house.store.transaction() as db:
        for table in SQLModel.metadata.sorted_tables:
            for row in db.execute(select(table)).mappings():
                for name, value in row.items():
                    text = _text(value)
                    found += [(table.name, name) for sign in signs if sign in text]
    return sorted(set(found))


def _figures(house: House) -> Any:
    day = house.clock.now().date()
    found = review(house.workspace, day - timedelta(days=30), day + timedelta(days=1), house.clock.now())
    return found.chain.steps, found.chain.recycled, found.board.drop("running", "cancelled").to_dicts()


def test_every_table_says_what_becomes_of_it() -> None:
    assert set(TREATMENT) == set(SQLModel.metadata.tables)


def test_no_trace_is_left_in_any_table(house: House) -> None:
    _, contact = _her(house)
    person = house.person_of("sfa", contact)
    ours = [f"sfa/contacts/{contact}", "ma/contacts/c0001"]
    before = _traces(house, *SIGNS, person, *ours)
    assert len({table for table, _ in before}) >= 8
    _forget(house)
    assert _traces(house, *SIGNS, person, *ours) == []


def test_she_is_found_by_id_and_by_record_as_well(house: House) -> None:
    _, contact = _her(house)
    _forget(house, f"sfa/contacts/{contact}")
    assert _traces(house, *SIGNS) == []


def test_forgetting_is_shown_in_numbers_and_changes_nothing(house: House) -> None:
    _her(house)
    found = prepare_forgetting(house.workspace, WHO, house.clock.now())
    assert (found.records, found.addresses, found.mentions) == (2, 2, 1)
    assert found.events >= 3
    assert _traces(house, *SIGNS) != []


def test_figures_stay_as_they_were(house: House) -> None:
    _her(house)
    before = _figures(house)
    counts = {step.name: step.count for step in before[0]}
    assert (counts["leads"], counts["opportunities"]) == (2, 1)
    _forget(house)
    assert _figures(house) == before
    house.cycle()
    assert _figures(house) == before


def test_other_people_stay_as_they_were(house: House) -> None:
    _her(house)
    colleague = house.person_of("sfa", "c0002")
    state, clocks = house.state(colleague), house.clocks(colleague)
    _forget(house)
    house.forget_writes()
    house.cycle()
    assert (house.state(colleague), house.clocks(colleague)) == (state, clocks)
    assert house.writes == []


def test_a_re_pull_from_scratch_brings_nothing_back(house: House) -> None:
    lead, contact = _her(house)
    _forget(house)
    house.ma.edit("contacts", lead, title="Director")
    house.sfa.edit("contacts", contact, note="spoke to Goro Zaizen")
    house.call("sfa", "is1@home.example", contact=contact)
    house.visit("ma", lead)
    with house.store.transaction() as db:
        db.execute(SQLModel.metadata.tables["cursor"].delete())
    house.cycle()
    house.reopen(dict(mappings()))  # everything staged is read anew
    house.cycle()
    assert _traces(house, *SIGNS, f"sfa/contacts/{contact}") == []


def test_a_task_of_ours_that_was_never_read_back_stays_out(house: House) -> None:
    """It names her in its subject, and the CRM shows it to us for the first time after she was forgotten."""
    house.visit("ma", house.contact("ma", WHO, family="Zaizen", given="Goro"))
    house.contact("sfa", WHO, family="Zaizen", given="Goro")
    house.cycle()
    assert any("Zaizen" in fields["subject"] for fields in house.tasks().values())
    _forget(house)
    house.cycle()
    assert _traces(house, *SIGNS) == []


def test_her_record_stays_out_whichever_way_it_comes(house: House) -> None:
    """Also where it was read by its id, past the gate of a pull."""
    _, contact = _her(house)
    _forget(house)
    record = RawRecord("contacts", contact, {"email": WHO}, house.clock.now())
    assert house.store.staging.stage_read("sfa", [record], house.clock.now()).new == 0
    assert _traces(house, *SIGNS) == []


def test_a_new_record_with_her_address_stays_out(house: House) -> None:
    _her(house)
    _forget(house)
    house.contact("sfa", f" {WHO.upper()} ", family="Zaizen")
    house.cycle()
    assert _traces(house, *SIGNS, WHO.upper()) == []


def test_an_address_that_somebody_else_has_too_keeps_nobody_out(house: House) -> None:
    _her(house)
    other = house.contact("sfa", WHO, family="Smith", given="Ann")
    house.cycle()
    _forget(house, "ma/contacts/c0001")
    assert house.sfa.get("contacts", other) is not None
    house.cycle()
    assert house.person_of("sfa", other)


def test_nothing_is_written_to_a_crm_and_none_is_asked(house: House) -> None:
    _her(house)
    house.forget_writes()
    for crm in house.crms.values():
        crm.trouble.is_down = True
    house.reopen()
    _forget(house)
    assert house.writes == []
    assert _traces(house, *SIGNS) == []


def test_the_cycles_after_it_are_quiet(house: House) -> None:
    _her(house)
    _forget(house)
    house.cycle()
    house.forget_writes()
    house.cycle()
    assert house.writes == []


def test_who_comes_back_can_be_let_in_again(house: House) -> None:
    _, contact = _her(house)
    _forget(house)
    assert readmit(house.workspace, WHO) > 2
    house.sfa.edit("contacts", contact, title="Back again")
    house.cycle()
    assert house.person_of("sfa", contact)
    assert readmit(house.workspace, WHO) == 0


def test_what_others_do_right_after_it_is_not_missed(house: House) -> None:
    """Versions are read by their numbers: the number of an erased one must not be given out again."""
    _her(house)
    house.sfa.edit("contacts", "c0001", note="the newest version of all is hers")
    house.cycle()
    _forget(house)
    house.visit("ma", house.contact("ma", "new@acme.example"))
    house.contact("sfa", "new@acme.example")
    house.cycle()
    assert {"mql"} == {row.get("phase") for row in house.sfa.live("contacts").values() if row["email"] == "new@acme.example"}


def test_nobody_by_that_name_is_said_without_repeating_it(house: House) -> None:
    with pytest.raises(StopConnector) as stopped:
        prepare_forgetting(house.workspace, "x@y.example", house.clock.now())
    assert "x@y.example" not in str(stopped.value.params)


ACTS = st.lists(st.sampled_from(["edit", "visit", "call", "deal", "again", "scratch"]), min_size=1, max_size=4)


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_whatever_the_crms_go_on_to_say_she_never_returns(tmp_path_factory: pytest.TempPathFactory, acts: list[str]) -> None:
    house = House(tmp_path_factory.mktemp("house"))
    try:
        lead, contact = _her(house)
        _forget(house)
        for act in acts:
            match act:
                case "edit":
                    house.sfa.edit("contacts", contact, note="Zaizen again")
                case "visit":
                    house.visit("ma", lead)
                case "call":
                    house.call("sfa", "is1@home.example", contact=contact)
                case "deal":
                    house.sfa.insert("deals", contact=contact, made_at=house.clock.now().isoformat(), status="open", owner=None)
                case "again":
                    house.contact("ma", WHO, family="Zaizen")
                case _:
                    with house.store.transaction() as db:
                        db.execute(SQLModel.metadata.tables["cursor"].delete())
            house.cycle()
        assert _traces(house, *SIGNS, f"sfa/contacts/{contact}") == []
    finally:
        house.workspace.close()
