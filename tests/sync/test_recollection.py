"""What is remembered from one moment to the next is what would be gathered anew."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta

import pytest
from fake_house import House

from crmsync.sync.facts import gather
from crmsync.sync.history import history
from crmsync.sync.recollection import Recollection


@pytest.fixture
def lived(house: House) -> House:
    """Some days: colleagues are handed over, an owner is set by hand, an address changes, two become one, somebody leaves."""
    first, second = house.mql("a@acme.example"), house.mql("b@acme.example")
    house.cycle()
    third = house.contact("sfa", "c@acme.example")
    house.cycle(later=timedelta(hours=20))
    house.call("sfa", "is1@home.example", contact=first)
    house.sfa.edit("contacts", third, email="a@acme.example", family="A")
    house.cycle(later=timedelta(hours=20))
    house.visit("ma", "c0001", "seminar")
    house.sfa.delete("contacts", second)
    house.sfa.insert("companies", made_at=house.clock.now().isoformat(), name="Acme", domain="acme.example")
    house.cycle(later=timedelta(days=2))
    house.cycle(later=timedelta(days=2))
    return house


def test_facts_brought_forward_are_the_facts_gathered_anew(lived: House) -> None:
    with history(lived.workspace) as past:
        recollection, found = Recollection(past.here), None
        for entry in lived.store.journal.entries():
            past.follow(entry)
            found, anew = recollection.renewal(entry.at).over(found), gather(past.here, entry.at)
            for part in fields(anew):
                plain = [name for name in ("owner_edit", "owner_edit_at") if name in getattr(anew, part.name).columns]
                assert getattr(found, part.name).drop(plain).equals(getattr(anew, part.name).drop(plain), null_equal=True), (
                    part.name
                )
