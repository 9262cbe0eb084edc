"""Entities as seen, the quarantine, links and aliases, runs, and the database itself."""

from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable
from sqlmodel import SQLModel

from crmsync.errors import StopConnector
from crmsync.model.entities import Approach, OpportunitySeen, PersonSeen, Rejected, TaskSeen, Touch, UserSeen
from crmsync.model.records import RecordRef
from crmsync.store import Store

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
LEAD, OTHER = RecordRef("sfa", "Lead", "1"), RecordRef("sfa", "Lead", "2")


def _person(ref: RecordRef = LEAD, **values) -> PersonSeen:
    return PersonSeen(ref, NOW, NOW, NOW, **values)


def _save(store: Store, *entities) -> None:
    with store.transaction() as db:
        store.entities.save(db, entities)


def test_an_entity_comes_out_as_it_went_in(store: Store) -> None:
    _save(store, _person(email="a@x.jp", owner=RecordRef("sfa", "User", "5"), links=(OTHER,), opted_out=True))
    row = store.entities.people([str(LEAD)])[str(LEAD)]
    assert (row["email"], row["owner"], row["links"], row["opted_out"]) == ("a@x.jp", "sfa/User/5", '["sfa/Lead/2"]', True)
    assert row["created_at"] == NOW


def test_a_later_version_takes_the_place_of_an_earlier_one(store: Store) -> None:
    _save(store, _person(title="課長", email="a@x.jp"))
    _save(store, _person(title="部長"))
    row = store.entities.people([str(LEAD)])[str(LEAD)]
    assert (row["title"], row["email"]) == ("部長", None)


def test_frames_carry_instants_days_and_numbers_as_such(store: Store) -> None:
    deal = RecordRef("sfa", "Opportunity", "6")
    _save(store, OpportunitySeen(deal, NOW, NOW, NOW, amount=1.5, close_date=date(2026, 6, 30), people=(LEAD,)))
    row = store.entities.frame(OpportunitySeen).to_dicts()[0]
    assert (row["created_at"], row["close_date"], row["amount"], row["closed_at"]) == (NOW, date(2026, 6, 30), 1.5, None)


def test_one_record_may_show_several_touches(store: Store) -> None:
    ref = RecordRef("ma", "forms", "1")
    _save(store, Touch(ref, NOW, "seminar", NOW), Touch(ref, NOW, "document_request", NOW))
    assert sorted(store.entities.frame(Touch)["kind"]) == ["document_request", "seminar"]


def test_what_a_deleted_record_said_stays_marked(store: Store) -> None:
    user = RecordRef("sfa", "User", "5")
    _save(store, _person(email="a@x.jp"), _person(OTHER), UserSeen(user, NOW, "Rep"))
    with store.transaction() as db:
        store.entities.mark_deleted(db, [LEAD, user], LATER)
    rows = {row["ref"]: row for row in store.entities.frame(PersonSeen).to_dicts()}
    assert (rows[str(LEAD)]["is_deleted"], rows[str(LEAD)]["email"], rows[str(LEAD)]["learnt_at"]) == (True, "a@x.jp", LATER)
    assert not rows[str(OTHER)]["is_deleted"]
    assert store.entities.frame(UserSeen)["is_active"].to_list() == [False]


def test_events_that_a_record_shows_no_more_are_forgotten(store: Store) -> None:
    call = RecordRef("sfa", "Task", "1")
    _save(store, Approach(call, NOW, "call", NOW), _person())
    with store.transaction() as db:
        store.entities.forget_events(db, [call, LEAD])
    assert store.entities.frame(Approach).is_empty()
    assert store.entities.frame(PersonSeen).height == 1


def test_our_tasks_are_found_by_their_keys(store: Store) -> None:
    task = RecordRef("sfa", "Task", "1")
    _save(store, TaskSeen(task, NOW, "clock", NOW, is_closed=True))
    assert store.entities.tasks(["clock", "other"])["clock"]["is_closed"]
    assert store.entities.keys_of_tasks([str(task), str(LEAD)]) == ["clock"]


def _quarantine(store: Store, *codes: str, at: datetime = NOW) -> list[tuple[str, datetime]]:
    with store.transaction() as db:
        store.entities.quarantine(db, [LEAD], [Rejected(LEAD, code, "Email", "x") for code in codes], at)
    return [(row["code"], row["since"]) for row in store.entities.quarantined().to_dicts()]


def test_a_record_enters_the_quarantine_with_its_reasons_and_leaves_it_when_it_fits(store: Store) -> None:
    assert _quarantine(store, "bad_mail", "bad_name") == [("bad_mail", NOW), ("bad_name", NOW)]
    assert _quarantine(store, "bad_name", "worse", at=LATER) == [("bad_name", NOW), ("worse", LATER)]
    assert _quarantine(store, at=LATER) == []


def test_records_that_were_not_read_stay_in_the_quarantine(store: Store) -> None:
    _quarantine(store, "bad_mail")
    with store.transaction() as db:
        store.entities.quarantine(db, [OTHER], [], LATER)
    assert store.entities.quarantined().height == 1


# ------------------------------------------------------------------------------------------------------------- identity


def _link(store: Store, *rows: tuple[str, str]) -> None:
    with store.transaction() as db:
        store.identity.save_links(db, [(record, person, "new", "") for record, person in rows], NOW)


def test_links_are_looked_up_from_both_ends(store: Store) -> None:
    _link(store, ("sfa/Lead/1", "p1"), ("ma/contacts/7", "p1"), ("sfa_2/Lead/1", "p2"))
    assert store.identity.persons_of(["ma/contacts/7", "ma/contacts/8"]) == {"ma/contacts/7": "p1"}
    assert store.identity.records_of(["p1"]) == {"ma/contacts/7": "p1", "sfa/Lead/1": "p1"}
    assert store.identity.persons_in("sfa") == {"p1"}


def test_former_persons_are_followed_through_several_merges(store: Store) -> None:
    with store.transaction() as db:
        store.identity.save_aliases(db, [("a", "b")], NOW)
    with store.transaction() as db:
        store.identity.save_aliases(db, [("b", "c")], LATER)
    assert store.identity.aliases() == {"a": "c", "b": "c"}


def test_reviews_wait_until_they_are_settled(store: Store) -> None:
    with store.transaction() as db:
        store.identity.save_reviews(db, [("sfa/Lead/1", ["p1", "p2"], "shared_email")], NOW)
    assert store.identity.reviews()["why"].to_list() == ["shared_email"]
    with store.transaction() as db:
        store.identity.settle_reviews(db, ["sfa/Lead/1"])
    assert store.identity.reviews().is_empty()


# ----------------------------------------------------------------------------------------------------------- runs, meta


def _begin(store: Store, now: datetime, *, is_rehearsal: bool = False) -> str:
    with store.transaction() as db:
        return store.runs.begin(db, "run", now, is_rehearsal=is_rehearsal, definitions="d")


def test_runs_are_numbered_in_order_and_remember_how_they_ended(store: Store) -> None:
    first = _begin(store, NOW)
    store.runs.end(first, "done", {"written": 2})
    second = _begin(store, NOW, is_rehearsal=True)
    assert first < second
    rows = store.runs.frame().to_dicts()
    assert [(r["state"], r["is_rehearsal"], r["summary"]) for r in rows] == [
        ("done", False, '{"written":2}'),
        ("running", True, "{}"),
    ]


def test_a_run_that_was_still_open_when_the_next_began_was_interrupted(store: Store) -> None:
    _begin(store, NOW)
    _begin(store, LATER)
    assert store.runs.frame()["state"].to_list() == ["interrupted", "running"]


def test_meta_is_the_last_value_given(store: Store) -> None:
    assert store.runs.meta("x") is None
    store.runs.set_meta("x", "1")
    store.runs.set_meta("x", "2")
    assert store.runs.meta("x") == "2"


# --------------------------------------------------------------------------------------------------------- the database


def test_everything_is_kept_in_one_file_whose_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "crmsync.db"
    store = Store.open(f"sqlite:///{path}")
    _save(store, _person(email="a@x.jp"))
    store.close()
    again = Store.open(f"sqlite:///{path}")
    assert list(again.entities.people([str(LEAD)])) == [str(LEAD)]
    again.close()
    with sqlite3.connect(path) as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    raw.close()


def test_a_database_of_another_shape_is_not_touched(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'crmsync.db'}"
    store = Store.open(url)
    store.runs.set_meta("schema_version", "0")
    store.close()
    with pytest.raises(StopConnector) as stopped:
        Store.open(url)
    assert stopped.value.code == "store.other_schema"


def test_a_transaction_keeps_all_or_nothing(store: Store) -> None:
    def half() -> None:
        with store.transaction() as db:
            store.entities.save(db, [_person()])
            store.runs.set_meta_in(db, "x", "1")
            raise OSError("killed")

    with pytest.raises(OSError, match="killed"):
        half()
    assert store.entities.frame(PersonSeen).is_empty()
    assert store.runs.meta("x") is None


def test_more_ids_than_a_statement_takes_are_asked_in_parts(store: Store) -> None:
    _save(store, *(_person(RecordRef("sfa", "Lead", str(n))) for n in range(1_200)))
    assert len(store.entities.people(f"sfa/Lead/{n}" for n in range(40_000))) == 1_200


def test_every_table_can_be_made_on_postgresql_as_well() -> None:
    for table in SQLModel.metadata.sorted_tables:
        assert str(CreateTable(table).compile(dialect=postgresql.dialect()))
