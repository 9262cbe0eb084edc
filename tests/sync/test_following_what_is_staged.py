"""What is staged is read while it is in hand, or later from the store: both come to the same."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from fake_house import House, mappings, without

from crmsync.model.entities import Approach, PersonSeen, Touch
from crmsync.store.staging import Staging
from crmsync.sync.follower import NoFollower
from crmsync.sync.normalise import Following, normalise
from crmsync.sync.pull import pull
from crmsync.sync.workspace import Silent


def _people(house: House) -> None:
    for n in range(5):
        contact = house.contact("sfa", f"person{n}@acme.example")
        house.call("sfa", min(house.users["sfa"]), contact=contact)
    house.mql()


def _pull(house: House, follower) -> None:
    house.clock.advance(timedelta(minutes=1))
    pull(house.workspace, house.clock.now(), Silent(), None, follower)


def _shown(house: House) -> list[pl.DataFrame]:
    return [house.store.entities.frame(kind) for kind in (PersonSeen, Touch, Approach)]


def test_in_hand_or_from_the_store_records_mean_the_same(tmp_path: Path) -> None:
    ways = []
    for name, follows in (("followed", True), ("later", False)):
        house = House(tmp_path / name)
        _people(house)
        _pull(house, Following(house.workspace) if follows else NoFollower())
        normalise(house.workspace, house.clock.now())
        ways.append(_shown(house))
        house.workspace.close()
    assert all(one.equals(other) for one, other in zip(*ways, strict=True))
    assert ways[0][0].height == 7


def test_what_was_read_in_hand_is_not_read_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    _people(house)
    _pull(house, Following(house.workspace))
    read: list[int] = []
    real = Staging.versions_after
    monkeypatch.setattr(Staging, "versions_after", lambda self, *given: read.append(1) or real(self, *given))
    assert normalise(house.workspace, house.clock.now()) == 0
    assert [len(real(house.store.staging, name, house.store.staging.watermark(name)[0], 9)) for name in ("ma", "sfa")] == [0, 0]
    assert len(read) == 2  # one look per connection, which finds nothing


def test_versions_that_nobody_has_read_yet_are_never_skipped(house: House) -> None:
    _people(house)
    _pull(house, NoFollower())  # as if the process had died before it read them
    house.contact("sfa", "late@acme.example")
    _pull(house, Following(house.workspace))
    assert house.store.staging.watermark("sfa") == (0, "")
    normalise(house.workspace, house.clock.now())
    emails = set(house.store.entities.frame(PersonSeen)["email"])
    assert {"person0@acme.example", "late@acme.example"} <= emails


def test_under_changed_mappings_everything_is_left_to_be_read_anew(house: House) -> None:
    _people(house)
    _pull(house, Following(house.workspace))
    normalise(house.workspace, house.clock.now())
    house.reopen(without(mappings(), "visits", reads_also=("what",)))
    house.contact("sfa", "late@acme.example")
    before = house.store.staging.watermark("sfa")
    _pull(house, Following(house.workspace))
    assert house.store.staging.watermark("sfa") == before
    normalise(house.workspace, house.clock.now())
    assert "late@acme.example" in set(house.store.entities.frame(PersonSeen)["email"])
