"""Several hundreds at once: each record takes its changes one after the other, whatever is asked for; each has one receipt."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.connect.contract import PushBatch
from crmsync.errors import StopConnector
from crmsync.model.changes import Change, FieldDiff, Receipt
from crmsync.model.records import FieldInfo, ObjectSchema
from crmsync_hubspot.portal import Answer
from crmsync_hubspot.push import Pusher

STAMP = "2026-06-01T00:00:00.000Z"
SCHEMA = ObjectSchema("contacts", {"crmsync_phase": FieldInfo("crmsync_phase", "string")})


class Catalogue:
    """One property, of text."""

    def schema(self, object: str) -> ObjectSchema:
        return SCHEMA


class Portal:
    """A portal in memory, which notes whom two calls would write at once."""

    def __init__(self, stops_at: int = 0) -> None:
        """`stops_at` is the write, counted from 1, at which the connection is told to stop."""
        self._stops_at = stops_at
        self.held: dict[str, str] = {}
        self.read: set[str] = set()
        self.sizes: list[int] = []
        self.met = False
        self._lock = threading.Lock()
        self._under_way: set[str] = set()

    def batch_read(self, object: str, ids: Sequence[str], properties: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        self.read |= set(ids)
        return {id_: self._row(id_) for id_ in ids}

    def write(self, object: str, verb: str, inputs: Sequence[Mapping[str, Any]]) -> Answer:
        ids = {one["id"] for one in inputs}
        with self._lock:
            self.met = self.met or not ids.isdisjoint(self._under_way) or len(ids) < len(inputs)
            self._under_way |= ids
            self.sizes.append(len(inputs))
            if len(self.sizes) == self._stops_at:
                raise StopConnector("connect.quota", connection="ma", vendor_code="DAILY", message="")
        threading.Event().wait(0.0002)  # another call may come meanwhile
        rows = []
        for one in inputs:
            self.held[one["id"]] = one["properties"]["crmsync_phase"]
            rows.append({**self._row(one["id"]), "objectWriteTraceId": one["objectWriteTraceId"]})
        with self._lock:
            self._under_way -= ids
        return Answer(200, {"status": "COMPLETE", "results": rows}, "")

    def _row(self, id_: str) -> dict[str, Any]:
        return {"id": id_, "properties": {"crmsync_phase": self.held.get(id_)}, "updatedAt": STAMP}


def _change(number: int, record: int, value: str) -> Change:
    fields = (FieldDiff("crmsync_phase", None, None, value),)
    return Change(f"{number}", "ma", "contacts", "update", fields, f"p{record}", str(record))


@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from("abc")), max_size=40))
@settings(deadline=None, max_examples=60)
def test_every_record_ends_as_its_last_change_says_and_no_two_calls_write_it_at_once(wanted: list[tuple[int, str]]) -> None:
    changes = tuple(_change(number, record, value) for number, (record, value) in enumerate(wanted))
    portal = Portal()
    with patch("crmsync_hubspot.update.BATCH", 3):
        receipts = list[Receipt]()
        _push(portal, changes, receipts)
    assert portal.held == {str(record): value for record, value in wanted}
    assert sorted(int(receipt.key) for receipt in receipts) == list(range(len(wanted)))
    assert {receipt.outcome for receipt in receipts} <= {"written", "unchanged"}
    assert not portal.met
    assert all(size <= 3 for size in portal.sizes)


@pytest.mark.parametrize("stops_at", [1, 2, 4, 7])
def test_a_connection_that_stops_in_the_middle_loses_no_receipt_of_what_was_written(stops_at: int) -> None:
    portal, receipts = Portal(stops_at), list[Receipt]()
    portal.held = {str(number): "a" for number in range(0, 30, 4)}  # a few hold it already
    changes = tuple(_change(number, number, "a") for number in range(30))
    with patch("crmsync_hubspot.update.BATCH", 3), pytest.raises(StopConnector):
        _push(portal, changes, receipts)
    assert {receipt.key for receipt in receipts} == portal.held.keys() & portal.read
    assert len(portal.held) < len(changes)


def _push(portal: Portal, changes: tuple[Change, ...], receipts: list[Receipt]) -> None:
    """Keep the receipts that come before it stops."""
    pusher = Pusher(portal, Catalogue())  # type: ignore[arg-type]  # as much of both as updates ask for
    for receipt in pusher.push(PushBatch("contacts", changes)):
        receipts.append(receipt)  # noqa: PERF402
