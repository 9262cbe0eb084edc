"""Intended changes, what became of them, and what later comparisons rest on."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta

import pytest

from crmsync.model.changes import Association, Change, FieldDiff, Outcome, Receipt
from crmsync.model.records import RawRecord, RecordRef
from crmsync.store import Store

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def _change(key: str, *, person: str = "p1", connection: str = "sfa", record: str | None = "1", task: str | None = None) -> Change:
    return Change(
        key=key,
        connection=connection,
        object="Lead",
        operation="update" if record else "upsert",
        fields=(FieldDiff("phase", None, "inquiry", "mql"),),
        person_id=person,
        record_id=record,
        key_field="key" if task else None,
        key_value=task,
        associations=(Association("Lead", "1"),) if task else (),
        expected_modified_at=NOW if record else None,
    )


def _plan(store: Store, run_id: str, *changes: Change, now: datetime = NOW) -> None:
    with store.transaction() as db:
        store.outbox.plan(db, run_id, changes, now)


def _settle(store: Store, *persons: str, connections: tuple[str, ...] = ("sfa",), held: tuple[str, ...] = ()) -> None:
    with store.transaction() as db:
        store.outbox.settle(db, persons, connections, held, LATER)


def _send(store: Store, keys: list[str]) -> None:
    numbers = store.outbox.numbers("run")
    store.outbox.mark_sending([numbers[key] for key in keys], NOW)


def _confirm(store: Store, run_id: str, key: str, outcome: Outcome, **more) -> None:
    numbers = store.outbox.numbers(run_id)
    with store.transaction() as db:
        store.outbox.confirm(db, numbers, [(_change(key), Receipt(key, outcome, **more))], LATER)


def _states(store: Store, person: str = "p1") -> list[str]:
    return [outcome["state"] for _, outcome in store.outbox.history(person)]


def test_a_change_comes_out_as_it_went_in_and_in_the_order_of_the_plan(store: Store) -> None:
    changes = [_change("b"), _change("a", record=None, task="clock")]
    _plan(store, "run", *changes)
    _send(store, ["b", "a"])
    assert [one.change for one in store.outbox.sent("run")] == changes


def test_a_plan_is_kept_in_its_order_however_long_it_is(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crmsync.store.outbox._PLANNED_TOGETHER", 2)
    first, second = ([_change(f"{run}{number}") for number in range(5)] for run in "ab")
    _plan(store, "other", *first)
    _plan(store, "run", *second)
    _send(store, [change.key for change in second])
    assert [one.change for one in store.outbox.sent("run")] == second
    assert store.outbox.numbers("run").keys().isdisjoint(store.outbox.numbers("other"))
    assert len({*store.outbox.numbers("run").values(), *store.outbox.numbers("other").values()}) == 10


def test_what_is_on_its_way_is_told_from_what_is_only_planned(store: Store) -> None:
    _plan(store, "run", _change("a"), _change("b"))
    _send(store, ["a"])
    assert [one.change.key for one in store.outbox.sent("run")] == ["a"]
    assert store.outbox.outcomes("run") == {"planned": 1, "sending": 1}


def test_a_receipt_settles_a_change_that_arrived(store: Store) -> None:
    for key, outcome in (("a", "written"), ("b", "unchanged")):
        _plan(store, "run", _change(key))
        _confirm(store, "run", key, outcome, message="fine")
    assert _states(store) == ["written", "unchanged"]
    assert store.outbox.unfinished_persons(["sfa"]) == []


def test_a_change_that_did_not_arrive_for_sure_has_its_person_planned_again(store: Store) -> None:
    for number, outcome in enumerate(("conflict", "retry", "unknown", "rejected", "written")):
        _plan(store, "run", _change(outcome, person=f"p{number}"))
        _confirm(store, "run", outcome, outcome)
    _plan(store, "run", _change("planned", person="p5"), _change("sending", person="p6"))
    _send(store, ["sending"])
    assert store.outbox.unfinished_persons(["sfa"]) == ["p0", "p1", "p2", "p5", "p6"]
    assert store.outbox.unfinished_persons(["ma"]) == []


def test_a_plan_that_looked_at_a_person_supersedes_what_was_open(store: Store) -> None:
    _plan(store, "run", _change("a"), _change("b", person="p2"))
    _settle(store, "p1")
    assert _states(store) == ["superseded"]
    assert store.outbox.unfinished_persons(["sfa"]) == ["p2"]


def test_what_is_open_at_a_connection_that_was_not_looked_at_stays_open(store: Store) -> None:
    _plan(store, "run", _change("a"), _change("b", connection="ma"))
    _settle(store, "p1", connections=("ma",))
    assert _states(store) == ["planned", "superseded"]
    assert store.outbox.unfinished_persons(["sfa"]) == ["p1"]


def test_a_conflict_stays_in_the_record_as_one_and_is_done_with(store: Store) -> None:
    _plan(store, "run", _change("a"))
    _confirm(store, "run", "a", "conflict")
    _settle(store, "p1")
    assert _states(store) == ["conflict"]
    assert store.outbox.unfinished_persons(["sfa"]) == []


def test_records_of_uncertain_content_are_named_by_object(store: Store) -> None:
    for record, outcome in (("1", "unknown"), ("2", "conflict"), ("3", "written"), ("4", "rejected")):
        _plan(store, "run", _change(outcome, record=record))
        _confirm(store, "run", outcome, outcome, record_id=record)
    _plan(store, "run", _change("s", record="5"), _change("p", record="6"), _change("t", record=None, task="clock"))
    _send(store, ["s", "t"])
    assert store.outbox.uncertain_records("sfa") == {"Lead": ["1", "2", "5"]}
    assert store.outbox.uncertain_records("ma") == {}


def test_a_refused_change_is_a_dead_letter_until_a_plan_looks_again(store: Store) -> None:
    _plan(store, "run", _change("a"))
    _confirm(store, "run", "a", "rejected", code="VALIDATION", message="Fill in the industry")
    letters = store.outbox.rejected().to_dicts()
    assert [(row["key"], row["code"], row["message"]) for row in letters] == [("a", "VALIDATION", "Fill in the industry")]
    _settle(store, "p1", held=("a",))
    assert store.outbox.rejected().height == 1
    _settle(store, "p1")
    assert store.outbox.rejected().is_empty()
    assert _states(store) == ["rejected"]


def test_dead_letters_come_newest_first(store: Store) -> None:
    for key in ("a", "b"):
        _plan(store, "run", _change(key, record=key))
        _confirm(store, "run", key, "rejected")
    assert store.outbox.rejected()["key"].to_list() == ["b", "a"]


def test_a_task_that_was_refused_and_then_made_is_no_dead_letter(store: Store) -> None:
    """The first had no record, the second has one: they are for the same clock all the same."""
    _plan(store, "one", _change("a", record=None, task="clock"))
    _confirm(store, "one", "a", "rejected")
    _settle(store, "p1")
    _plan(store, "two", _change("a", record=None, task="clock"), now=LATER)
    _confirm(store, "two", "a", "written", record_id="t1")
    assert store.outbox.rejected().is_empty()


def test_a_refusal_knows_whether_its_record_has_moved_since(store: Store) -> None:
    store.staging.stage("sfa", "Lead", [RawRecord("Lead", "1", {"a": 1}, NOW)], {}, NOW)
    _plan(store, "run", _change("a"))
    _confirm(store, "run", "a", "rejected")
    assert not store.outbox.refusals()["a"].has_moved
    store.staging.stage("sfa", "Lead", [RawRecord("Lead", "1", {"a": 1}, LATER)], {}, LATER)
    assert store.outbox.refusals()["a"].has_moved


def test_a_stamp_in_the_refusal_itself_counts_as_seen(store: Store) -> None:
    """The CRM's automation put our value back: the record moved, but by our own hand."""
    _plan(store, "run", _change("a"))
    _confirm(store, "run", "a", "rejected", modified_at=LATER)
    store.staging.stage("sfa", "Lead", [RawRecord("Lead", "1", {"a": 1}, LATER)], {}, LATER)
    assert not store.outbox.refusals()["a"].has_moved


def test_a_receipt_is_that_of_its_run_alone_even_where_another_planned_the_same(store: Store) -> None:
    for run_id in ("run", "other"):
        _plan(store, run_id, _change("a"))
    _confirm(store, "other", "a", "written")
    assert _states(store) == ["planned", "written"]


def test_a_receipt_that_says_more_than_that_its_change_arrived_is_kept_with_all_it_says(store: Store) -> None:
    _plan(store, "run", _change("plain"), _change("moved"), _change("told", record=None, task="clock"))
    numbers = store.outbox.numbers("run")
    receipts = (
        Receipt("plain", "written", "1", LATER),
        Receipt("moved", "conflict", "1", LATER, "moved"),
        Receipt("told", "written", "t1", LATER, "", "the org's flow ran"),
    )
    with store.transaction() as db:
        answered = [(_change(receipt.key), receipt) for receipt in receipts]
        store.outbox.confirm(db, numbers, answered, LATER)
    assert [(told["state"], told["code"], told["message"]) for _, told in store.outbox.history("p1")] == [
        ("written", "", ""),
        ("conflict", "moved", ""),
        ("written", "", "the org's flow ran"),
    ]


def test_nothing_that_a_change_can_say_is_left_out(store: Store) -> None:
    one = FieldDiff("phase", "inquiry", "lead", "mql", alone=False)
    said = Change(
        *("key", "sfa", "Task", "upsert", (one,), "p1", "1", "Key__c", "clock", (Association("Lead", "1"),), NOW, "why", "run")
    )
    assert all(getattr(said, told.name) != told.default for told in fields(Change))  # also one that is new
    assert all(getattr(one, told.name) != told.default for told in fields(FieldDiff))
    _plan(store, "run", said)
    assert [change for change, _ in store.outbox.history("p1")] == [said]


def test_bases_are_kept_by_record_and_field_with_their_types(store: Store) -> None:
    lead, other = RecordRef("sfa", "Lead", "1"), RecordRef("ma", "contacts", "1")
    bases = {(lead, "OwnerId"): "005", (lead, "Score"): 5.0, (lead, "Status"): None, (other, "owner"): "7"}
    with store.transaction() as db:
        store.bases.save(db, bases, NOW)
        store.bases.save(db, {(lead, "OwnerId"): "006"}, LATER)
    assert store.bases.of([lead]) == {(lead, "OwnerId"): "006", (lead, "Score"): 5.0, (lead, "Status"): None}
    assert store.bases.of_all("ma", ["owner"])["value"].to_list() == ['"7"']
    assert store.bases.of_all("sfa", ["owner"]).is_empty()


def test_a_task_has_a_place_before_it_is_made(store: Store) -> None:
    with store.transaction() as db:
        store.placed_tasks.place(db, "clock", RecordRef("sfa", "Task", ""), "sfa/Lead/1", {}, NOW)
    assert store.placed_tasks.of(["clock", "none"])["clock"]["record_id"] is None
    assert store.placed_tasks.created(["clock"]) == set()
    with store.transaction() as db:
        store.placed_tasks.place(db, "clock", RecordRef("sfa", "Task", "t1"), "sfa/Lead/1", {"owner": "u"}, LATER)
    placed = store.placed_tasks.of(["clock"])["clock"]
    assert (placed["record_id"], placed["body"]) == ("t1", {"owner": "u"})
    assert store.placed_tasks.created(["clock"]) == {"clock"}
