"""The ledger of overrides: what people set after us, told from everything else that changes, and how long it stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from fake_house import House, mappings

from crmsync.sync.overrides import override_counts
from crmsync.sync.undo import prepare_undo, send_undo
from crmsync.sync.workspace import Moment


def _ledger(house: House) -> list[dict[str, Any]]:
    return house.store.overrides.frame().to_dicts()


def _reassigned(house: House) -> tuple[str, str, str]:
    """A contact whose owner a person has replaced: its id, our owner, theirs."""
    contact = house.mql()
    house.cycle()
    house.cycle()
    ours = house.sfa.get("contacts", contact)["owner"]
    theirs = next(id_ for rep, id_ in house.users["sfa"].items() if rep.startswith("is") and id_ != ours)
    house.sfa.edit("contacts", contact, owner=theirs)
    house.cycle()
    return contact, ours, theirs


def test_an_owner_that_somebody_replaced_is_an_override(house: House) -> None:
    contact, ours, theirs = _reassigned(house)
    (row,) = [row for row in _ledger(house) if row["connection"] == "sfa"]
    assert (row["record_id"], row["source"], row["ours"], row["theirs"]) == (contact, "owner", f'"{ours}"', f'"{theirs}"')
    assert row["person_id"] == house.person_of("sfa", contact)
    assert row["cause"]
    assert row["definition"]


def test_it_is_told_once(house: House) -> None:
    _reassigned(house)
    before = _ledger(house)
    house.cycle()
    house.reopen()
    house.cycle()
    assert _ledger(house) == before


def test_what_changes_without_us_is_none(house: House) -> None:
    contact = house.mql()
    house.cycle()
    house.cycle()
    house.sfa.edit("contacts", contact, status="working", note="spoke", title="Director")
    house.visit("ma", "c0001", "document_request")
    house.cycle()
    house.cycle()
    assert _ledger(house) == []


def test_what_an_undo_put_back_is_none(house: House) -> None:
    house.mql()
    cycle = house.cycle()
    house.clock.advance(timedelta(minutes=1))
    now = house.clock.now()
    send_undo(house.workspace, prepare_undo(house.workspace, cycle.run_id, now), Moment(now))
    house.cycle()
    house.cycle()
    assert _ledger(house) == []


def test_overrides_are_counted_by_what_ours_rested_on(house: House) -> None:
    _reassigned(house)
    (row,) = override_counts(house.workspace).to_dicts()
    assert (row["source"], row["count"]) == ("owner", 1)
    assert set(row) == {"source", "cause", "definition", "count", "last_at"}


def _cleared(house: House, days: int | None) -> str:
    """A lead whose status, new, somebody has set to something that means nothing to us."""
    mapped = dict(mappings())
    contacts = mapped["contacts"]
    writes = tuple(replace(w, override_days=days) if w.field == "status" else w for w in contacts.writes)
    mapped["contacts"] = replace(contacts, writes=writes)
    house.reopen(mapped)
    contact = house.mql()
    house.cycle()
    house.cycle()
    assert house.sfa.get("contacts", contact)["status"] == "open"
    house.sfa.edit("contacts", contact, status="parked")
    house.cycle()
    return contact


def test_an_override_stands_for_good_where_the_mapping_says_nothing(house: House) -> None:
    contact = _cleared(house, None)
    assert [row["theirs"] for row in _ledger(house)] == ['"parked"']
    house.cycle(later=timedelta(days=40))
    house.sfa.edit("contacts", contact, note="looked at again")
    house.cycle()
    assert house.sfa.get("contacts", contact)["status"] == "parked"


def test_an_override_lapses_when_its_days_are_over(house: House) -> None:
    contact = _cleared(house, 5)
    house.cycle(later=timedelta(days=4))
    house.sfa.edit("contacts", contact, note="looked at")
    house.cycle()
    assert house.sfa.get("contacts", contact)["status"] == "parked"
    house.cycle(later=timedelta(days=2))
    house.sfa.edit("contacts", contact, note="looked at again")
    house.cycle()
    assert house.sfa.get("contacts", contact)["status"] == "open"
