"""A history that begins with today's store, and takes over who was who, is the history that is read from the beginning."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from fake_house import House, mappings

from crmsync.store.journal import Entry
from crmsync.sync.facts import gather
from crmsync.sync.forget import forget
from crmsync.sync.history import Standings, history_as
from crmsync.sync.lived import Lived, standings
from crmsync.sync.parting import unlink
from crmsync.sync.recollection import Recollection
from crmsync.sync.reviews import different, open_reviews, same

ACTS = (*("come", "look", "share", "lead", "lead", "convert", "convert", "convert"), *("address", "company", "deal", "leave"))


def lived(directory: Path, seed: int, days: int = 9) -> House:
    """Days on which people come, share an address, are told apart or said to be one, turn out to be one because their CRM says so,
    change their address and their company, and leave."""
    house, drawn = House(directory), Random(seed)
    people, leads = [house.mql("first@firm0.example")], [house.contact("sfa", "first@firm1.example", "leads")]
    for _ in range(days):
        for _ in range(drawn.randint(1, 5)):
            _one_act(house, drawn, people, leads)
        house.cycle(later=timedelta(hours=drawn.choice((7, 20, 26))))
        if drawn.random() < 0.6:
            _answered(house, drawn)
    return house


def _one_act(house: House, drawn: Random, people: list[str], leads: list[str]) -> None:
    act, who, lead = drawn.choice(ACTS), drawn.choice(people), drawn.choice(leads)
    address = f"p{drawn.randrange(6)}@firm{drawn.randrange(3)}.example"
    if act == "come":
        people.append(house.mql(address))
    elif act == "share":
        name = drawn.choice((("Tanaka", "Ichiro"), ("Suzuki", "Hanako")))
        people.append(house.contact("sfa", "office@firm0.example", family=name[0], given=name[1]))
    elif act == "look":
        house.visit("sfa", who)
    elif act == "lead":
        leads.append(house.contact("sfa", address, "leads"))
    elif act == "convert":
        house.sfa.edit("leads", lead, contact=who)
    elif act == "address":
        house.sfa.edit("contacts", who, email=address)
    elif act == "company":
        house.sfa.insert("companies", made_at=house.clock.now().isoformat(), name="Firm", domain=address.partition("@")[2])
    elif act == "deal":
        house.sfa.insert("deals", made_at=house.clock.now().isoformat(), status="open", contacts=[who])
    elif len(people) > 1:
        house.sfa.delete("contacts", people.pop(people.index(who)))


def _answered(house: House, drawn: Random) -> None:
    for asked in open_reviews(house.workspace)[:1]:
        house.clock.advance(timedelta(minutes=3))
        said = drawn.choice((same, different))
        said(house.workspace, asked["record"], asked["candidates"][0]["person_id"], "admin", house.clock.now())


@pytest.fixture(params=(7, 8, 10))
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    built = lived(tmp_path, request.param)
    yield built
    built.workspace.close()


def walked(house: House, make: Callable[..., Standings], begin: datetime) -> Iterator[tuple[Entry, Standings]]:
    """The history after each of its steps from this moment on."""
    with history_as(make, house.workspace) as past:
        past.begin(begin)
        for entry in house.store.journal.entries():
            past.follow(entry)
            if entry.at >= begin:
                yield entry, past


@pytest.mark.parametrize("begins_after", [2, 6])
def test_wherever_it_begins_it_is_the_history_from_the_beginning(house: House, begins_after: int) -> None:
    learnt = [entry.at for entry in house.store.journal.entries() if entry.act == "learnt"]
    begin = learnt[begins_after] + timedelta(minutes=1)
    known = Recollection(house.workspace), Recollection(house.workspace)
    found = None
    for (entry, whole), (_, late) in zip(walked(house, Standings, begin), walked(house, Lived, begin), strict=True):
        known = known if found is not None else (Recollection(whole.here), Recollection(late.here))
        found = known[1].renewal(entry.at).over(found)
        anew = gather(whole.here, entry.at)
        for part in fields(anew):
            names = [name for name in getattr(anew, part.name).columns if not name.startswith("owner_edit")]
            assert getattr(found, part.name).select(names).equals(getattr(anew, part.name).select(names)), (entry, part.name)
        theirs, ours = (past.here.store for past in (whole, late))
        assert ours.decided.before().state.equals(theirs.decided.before().state), entry
        assert ours.decided.before().clocks.equals(theirs.decided.before().clocks), entry
        assert ours.identity.aliases() == theirs.identity.aliases(), entry
        assert ours.identity.links().drop("linked_at").equals(theirs.identity.links().drop("linked_at")), entry


def test_people_are_merged_and_asked_about_in_these_lives(house: House) -> None:
    acts = {entry.act for entry in house.store.journal.entries()}
    assert house.store.identity.merges()
    assert acts & {"same", "different"}


def _erased(house: House, record: str) -> None:
    forget(house.workspace, house.store.identity.persons_of([record])[record], house.clock.now())


def _reread(house: House, record: str) -> None:
    house.reopen(dict(mappings()))
    house.cycle()


def _parted(house: House, record: str) -> None:
    unlink(house.workspace, record, "admin", house.clock.now())


@pytest.mark.parametrize("what", [_erased, _reread, _parted])
def test_it_begins_at_the_beginning_where_today_no_longer_tells_what_was(
    tmp_path: Path, what: Callable[[House, str], None]
) -> None:
    house = House(tmp_path)
    record = f"sfa/contacts/{house.mql()}"
    house.cycle()
    with standings(house.workspace) as past:
        assert type(past) is Lived
    what(house, record)
    with standings(house.workspace) as past:
        assert type(past) is Standings
    house.workspace.close()
