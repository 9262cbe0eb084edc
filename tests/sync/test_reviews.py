"""The review: questions of identity answered by people, and taken back as if they had never been answered."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fake_house import House

from crmsync.errors import StopConnector
from crmsync.sync.parting import take_back
from crmsync.sync.reviews import different, open_reviews, same

SHARED = "office@acme.example"


def _two(house: House) -> tuple[str, str]:
    """Two clearly different people under one address, both worth a call: the record that is asked about, and the other one's."""
    first = house.contact("sfa", SHARED, family="Tanaka", given="Ichiro")
    house.visit("ma", house.contact("ma", SHARED, family="Tanaka", given="Ichiro"))
    house.clock.advance(timedelta(minutes=1))
    second = house.contact("sfa", SHARED, family="Suzuki", given="Hanako")
    house.visit("sfa", second)
    house.cycle()
    return f"sfa/contacts/{second}", f"sfa/contacts/{first}"


def _person(house: House, record: str) -> str:
    return house.store.identity.persons_of([record])[record]


def _decided(house: House) -> dict[str, Any]:
    """What is decided, but for the attempt of a clock whose task had to be made anew."""
    clocks = [row for row in house.store.decided.clocks().to_dicts() if row["cancelled_at"] is None]
    blank = {"clock_id": None, "attempt": None}
    return {
        "states": house.store.decided.states().to_dicts(),
        "clocks": sorted(({**row, **blank} for row in clocks), key=lambda row: (row["person_id"], row["kind"])),
        "moves": house.store.decided.moves().drop("id", "run_id").to_dicts(),
        "links": house.store.identity.links().select("record", "person_id", "rule").to_dicts(),
        "people": {name: crm.live("contacts") for name, crm in house.crms.items()},
        "open tasks": sorted(task["person"] for task in house.tasks().values()),
    }


def test_what_is_not_clear_is_listed_with_its_reason_and_candidates(house: House) -> None:
    record, other = _two(house)
    (asked,) = open_reviews(house.workspace)
    assert (asked["record"], asked["why"]) == (record, "shared_email")
    assert [candidate["person_id"] for candidate in asked["candidates"]] == [_person(house, other)]
    assert "Suzuki" in asked["shown"]


def test_the_same_person_is_one_from_then_on(house: House) -> None:
    record, other = _two(house)
    same(house.workspace, record, None, "admin", house.clock.now())
    house.cycle()
    assert _person(house, record) == _person(house, other)
    assert open_reviews(house.workspace) == []
    house.sfa.edit("contacts", record.rsplit("/", 1)[1], title="Director")
    house.cycle()
    assert _person(house, record) == _person(house, other)
    assert len(house.tasks()) == 1


def test_different_people_stay_apart_and_are_not_asked_about_again(house: House) -> None:
    record, other = _two(house)
    different(house.workspace, record, None, "admin", house.clock.now())
    house.cycle()
    house.sfa.edit("contacts", record.rsplit("/", 1)[1], family="Tanaka", given="Ichiro")
    house.cycle()
    assert _person(house, record) != _person(house, other)
    assert open_reviews(house.workspace) == []


def test_an_answer_says_who_gave_it_and_when(house: House) -> None:
    record, _ = _two(house)
    at = house.clock.now()
    different(house.workspace, record, None, "admin", at)
    (row,) = house.store.answers.frame().to_dicts()
    assert (row["record"], row["said"], row["by"], row["at"], row["taken_back_at"]) == (record, "different", "admin", at, None)


def test_different_taken_back_is_asked_again(house: House) -> None:
    record, _ = _two(house)
    different(house.workspace, record, None, "admin", house.clock.now())
    take_back(house.workspace, record, "another", house.clock.now())
    assert [asked["record"] for asked in open_reviews(house.workspace)] == [record]


@pytest.mark.parametrize("runs", [0, 1, 2])
def test_a_link_taken_back_is_as_if_it_had_never_been(tmp_path: Path, runs: int) -> None:
    linked, never = House(tmp_path / "linked"), House(tmp_path / "never")
    try:
        for house in (linked, never):
            record, _ = _two(house)
            if house is linked:
                same(house.workspace, record, None, "admin", house.clock.now())
            for _ in range(runs):
                house.cycle()
            if house is linked:
                take_back(house.workspace, record, "admin", house.clock.now())
            house.cycle()
            house.cycle()
        assert _decided(linked) == _decided(never)
        assert [asked["record"] for asked in open_reviews(linked.workspace)] == [record]
        linked.forget_writes()
        linked.cycle()
        assert linked.writes == []
    finally:
        linked.workspace.close()
        never.workspace.close()


def test_what_is_not_asked_cannot_be_answered(house: House) -> None:
    _, other = _two(house)
    for answer, code in ((same, "review.not_asked"), (different, "review.not_asked")):
        with pytest.raises(StopConnector) as stopped:
            answer(house.workspace, other, None, "admin", house.clock.now())
        assert stopped.value.code == code
    with pytest.raises(StopConnector) as stopped:
        take_back(house.workspace, other, "admin", house.clock.now())
    assert stopped.value.code == "review.no_answer"
