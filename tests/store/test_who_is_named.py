"""Whom records name, asked of some of them: the way from what became known to the persons on whose facts it bears."""

from __future__ import annotations

from datetime import UTC, datetime

from crmsync.model.entities import Approach, OpportunityPerson, TaskSeen, Touch
from crmsync.model.records import RecordRef
from crmsync.store import Store

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LEAD, OTHER, CASE = RecordRef("sfa", "Lead", "1"), RecordRef("sfa", "Lead", "2"), RecordRef("sfa", "Deal", "7")


def _ref(number: int) -> RecordRef:
    return RecordRef("ma", "form", str(number))


def _save(store: Store, *entities: object) -> None:
    with store.transaction() as db:
        store.entities.save(db, entities)  # type: ignore[arg-type]  # entities of several kinds


def test_a_touch_names_a_record_or_an_address_or_both(store: Store) -> None:
    _save(
        store,
        Touch(_ref(1), NOW, "seminar", NOW, person=LEAD),
        Touch(_ref(2), NOW, "seminar", NOW, email="a@x.example"),
        Touch(_ref(3), NOW, "seminar", NOW, person=OTHER, email="b@x.example"),
        Touch(_ref(4), NOW, "seminar", NOW, email="c@x.example"),
    )
    assert store.entities.named_in([str(_ref(1))]) == {str(LEAD)}
    assert store.entities.named_in([str(_ref(2)), str(_ref(3))]) == {"a@x.example", str(OTHER), "b@x.example"}
    assert store.entities.named_in([]) == set()


def test_a_touch_that_is_read_again_is_remembered_by_whom_it_named(store: Store) -> None:
    _save(store, Touch(_ref(1), NOW, "seminar", NOW, email="a@x.example"), Touch(_ref(2), NOW, "seminar", NOW, person=LEAD))
    with store.transaction() as db:
        store.entities.forget_events(db, [str(_ref(1)), str(_ref(2))])
    assert store.entities.frame(Touch).is_empty()
    assert store.entities.named_in([str(_ref(1)), str(_ref(2))]) == {"a@x.example", str(LEAD)}


def test_a_role_and_an_approach_name_their_people(store: Store) -> None:
    _save(
        store,
        OpportunityPerson(_ref(1), NOW, opportunity=CASE, person=LEAD),
        Approach(_ref(2), NOW, "call", NOW, people=(OTHER,)),
    )
    assert store.entities.named_in([str(_ref(1)), str(_ref(2))]) == {str(LEAD), str(OTHER)}


def test_tasks_of_ours_are_known_by_their_keys(store: Store) -> None:
    _save(
        store, TaskSeen(_ref(1), NOW, key="p:call:0:1", modified_at=NOW), TaskSeen(_ref(2), NOW, key="q:call:0:1", modified_at=NOW)
    )
    assert store.entities.keys_of_tasks([str(_ref(2)), str(_ref(3))]) == ["q:call:0:1"]
