"""What is staged is read while it is in hand, or later from the store: both come to the same."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from fake_house import MONDAY, House, mappings, without
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmsync.model.entities import Approach, PersonSeen, Touch
from crmsync.model.records import RawRecord
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


VERSIONS = st.lists(
    st.builds(
        lambda id_, fields, minute, is_gone: RawRecord(
            "contacts",
            id_,
            {} if is_gone else {"made_at": MONDAY.isoformat(), **fields},
            MONDAY + timedelta(minutes=minute),
            is_gone,
        ),
        st.sampled_from(["1", "2", "3"]),
        st.fixed_dictionaries(
            {},
            optional={
                "email": st.sampled_from(["a@acme.example", "b@acme.example", "nobody"]),
                "status": st.sampled_from(["open", "working", "rejected", "?"]),
                "employees": st.sampled_from([10, "20", "many"]),
            },
        ),
        st.integers(0, 9),
        st.integers(0, 5).map(lambda one_in: one_in == 0),
    ),
    max_size=12,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(versions=VERSIONS)
def test_versions_of_one_record_read_at_once_mean_what_they_mean_one_by_one(
    versions: list[RawRecord], tmp_path_factory: pytest.TempPathFactory
) -> None:
    ways = []
    for at_once in (True, False):
        house = House(tmp_path_factory.mktemp("house"))
        for version in versions:
            house.store.staging.stage_read("sfa", [version], house.clock.now())
            if not at_once:
                normalise(house.workspace, house.clock.now())
        normalise(house.workspace, house.clock.now())
        ways.append([*_shown(house), house.store.entities.quarantined()])
        house.workspace.close()
    assert all(one.equals(other) for one, other in zip(*ways, strict=True))
