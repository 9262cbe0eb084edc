"""The weekly sweep: what neither windows nor the recycle bin tell of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.model.records import RawRecord
from crmsync.sandbox.faults import FaultKind
from crmsync_hubspot.sweeping import missing_ids

Make = Callable[..., Any]
NO_BIN = {"archive_every_hours": 24 * 365}


@dataclass
class Store:
    """What a store would hold: the last version of each record, and the cursor of the last page."""

    rig: Any
    object: str = "contacts"
    cursor: Mapping[str, Any] | None = None
    records: dict[str, RawRecord] = field(default_factory=dict)

    @property
    def live(self) -> list[str]:
        return sorted(id_ for id_, record in self.records.items() if not record.is_deleted)

    def pull(self, pages: int = 99) -> list[str]:
        """Pull and store up to so many pages; gives the ids that came."""
        pulled = self.rig.pull(self.object, self.cursor, known=self.live)
        for page in pulled.pages[:pages]:
            self.records |= {record.id: record for record in page.records}
            self.cursor = page.cursor
        return pulled.ids


def people(rig: Any, count: int) -> list[str]:
    return [rig.portal.create("contacts", {"email": f"p{n}@example.com"}) for n in range(count)]


def stored(rig: Any, count: int, object: str = "contacts") -> tuple[list[str], Store]:
    """So many contacts, stored long enough ago that nothing of them is in the next window."""
    ids = people(rig, count)
    rig.advance(hours=2)
    store = Store(rig, object)
    store.pull()
    return ids, store


def a_week_later(rig: Any) -> None:
    rig.advance(days=7, hours=1)


def test_a_contact_that_was_deleted_for_good_is_noticed_within_a_week(rig: Any) -> None:
    (gone, stays), store = stored(rig, 2)
    rig.portal.gdpr_delete("contacts", gone)
    rig.advance(days=6)
    store.pull()
    assert not store.records[gone].is_deleted, "there is no trace of it"
    rig.advance(days=2)
    store.pull()
    assert (store.records[gone].is_deleted, store.records[gone].replaced_by) == (True, None)
    assert store.live == [stays]


def test_what_every_window_missed_is_found(rig: Any) -> None:
    (missed, other), store = stored(rig, 2)
    del store.records[missed]
    a_week_later(rig)
    store.pull()
    assert store.live == sorted([missed, other])
    assert store.records[missed].fields["email"] == "p0@example.com"


def test_what_changed_without_a_stamp_is_read_anew(rig: Any) -> None:
    (contact,), store = stored(rig, 1)
    company = rig.portal.create("companies", {"name": "A"})
    rig.portal.associate("contacts", contact, "companies", company)
    rig.advance(days=2)
    store.pull()
    assert store.records[contact].fields["associations.companies"] == []
    a_week_later(rig)
    store.pull()
    assert store.records[contact].fields["associations.companies"] == [company]


def test_a_record_that_was_restored_from_the_bin_is_live_again(rig: Any) -> None:
    (contact, _), store = stored(rig, 2)
    rig.portal.archive("contacts", contact)
    rig.advance(hours=7)
    store.pull()
    assert store.records[contact].is_deleted
    rig.portal.restore("contacts", contact)
    a_week_later(rig)
    store.pull()
    assert not store.records[contact].is_deleted


def test_a_deletion_that_the_bin_did_not_tell_of_is_noticed(rig_of: Make) -> None:
    rig = rig_of(options=NO_BIN)
    (gone, _), store = stored(rig, 2)
    rig.portal.archive("contacts", gone)
    a_week_later(rig)
    store.pull()
    assert store.records[gone].is_deleted


def test_a_merge_that_nobody_told_of_is_followed_and_is_no_deletion(rig: Any) -> None:
    (one, two, _), store = stored(rig, 3)
    winner = rig.portal.merge("contacts", one, two)
    rig.portal.update("contacts", winner, {"firstname": "x"})
    a_week_later(rig)
    rig.fault(FaultKind.ANSWER, "/search$", calls=(1, 2), status=200, body=b'{"total":0,"results":[]}')
    store.pull()
    assert {id_: store.records[id_].replaced_by for id_ in (one, two)} == {one: winner, two: winner}
    assert not store.records[winner].is_deleted


def test_a_listing_that_leaves_out_what_is_there_deletes_nothing(rig: Any) -> None:
    ids, store = stored(rig, 3)
    a_week_later(rig)
    rig.fault(FaultKind.ANSWER, "/objects/2026-03/contacts$", method="GET", status=200, body=b'{"results":[]}')
    store.pull()
    assert store.live == ids


@pytest.mark.parametrize("pages", [2, 99])
def test_a_long_sweep_goes_on_in_the_next_cycles_and_after_a_break(rig_of: Make, pages: int) -> None:
    rig = rig_of(options={"sweep_pages": 12})
    ids, store = stored(rig, 2600)
    for gone in (ids[5], ids[1500], ids[2599]):
        rig.portal.gdpr_delete("contacts", gone)
    a_week_later(rig)
    rig.forget()
    for _ in range(6):
        store.pull(pages)
        rig.advance(minutes=15)
    assert sorted(set(ids) - set(store.live)) == sorted([ids[5], ids[1500], ids[2599]])
    if pages > 2:
        assert len([one for one in rig.calls("GET", "/contacts") if one.url.params.get("archived") == "false"]) == 26
    store.cursor = dict(store.cursor or {})
    assert "started" not in store.cursor["sweep"]


def test_a_sweep_is_over_for_a_week(rig: Any) -> None:
    _, store = stored(rig, 3)
    a_week_later(rig)
    assert len(store.pull()) == 3
    rig.advance(days=6)
    assert store.pull() == []


def test_sweeps_can_be_turned_off(rig_of: Make) -> None:
    rig = rig_of(options={"sweep_every_days": 0})
    _, store = stored(rig, 3)
    rig.advance(days=99)
    assert store.pull() == []


ids_of = st.lists(st.integers(1, 300), unique=True).map(sorted)


@given(ids_of, ids_of, st.integers(1, 40))
def test_the_parts_of_a_listing_together_miss_exactly_what_is_not_there(known: list[int], live: list[int], size: int) -> None:
    parts = [live[at : at + size] for at in range(0, len(live), size)] or [[]]
    found: list[str] = []
    last_id = 0
    for number, part in enumerate(parts):
        found += missing_ids(known, part, last_id, is_last=number == len(parts) - 1)
        last_id = max([last_id, *part])
    assert found == [str(id_) for id_ in known if id_ not in live]


def test_a_listing_in_another_order_says_nothing_of_what_is_missing() -> None:
    assert missing_ids([1, 2, 3], [3, 1], 0, is_last=True) == []
    assert missing_ids([1, 2, 3], [1], 2, is_last=True) == []
