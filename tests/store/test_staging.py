"""Raw versions and cursors: what counts as news, and that a page and its cursor are one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import StatementError

from crmsync.model.records import RawRecord, RecordRef
from crmsync.store import Store, staging
from crmsync.store.own_writes import Written
from crmsync.store.versions import Staged

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def _record(id_: str, at: datetime | None = NOW, *, object_: str = "Lead", **fields: Any) -> RawRecord:
    return RawRecord(object_, id_, fields, at)


def _stage(store: Store, *records: RawRecord, cursor: int = 1, at: datetime = NOW) -> Staged:
    return store.staging.stage("sfa", "Lead", records, {"n": cursor}, at)


def _versions(store: Store) -> list[tuple[str, dict[str, Any]]]:
    return [(v.record.id, dict(v.record.fields)) for v in store.staging.versions_after("sfa", 0, 100)]


def test_there_is_no_cursor_before_the_first_page(store: Store) -> None:
    assert store.staging.cursor("sfa", "Lead") is None


def test_an_empty_page_moves_the_cursor(store: Store) -> None:
    assert _stage(store, cursor=7) == Staged(0, 0, 0)
    assert store.staging.cursor("sfa", "Lead") == {"n": 7}


def test_a_failure_between_records_and_cursor_leaves_neither(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    _stage(store, _record("1", a=1), cursor=1)
    real = staging.upsert

    def fail_at_the_cursor(db, model, rows):
        if model is staging.CursorRow:
            raise OSError("disk full")
        return real(db, model, rows)

    monkeypatch.setattr(staging, "upsert", fail_at_the_cursor)
    with pytest.raises(OSError, match="disk full"):
        _stage(store, _record("1", LATER, a=2), _record("2", a=1), cursor=2)
    assert _versions(store) == [("1", {"a": 1})]
    assert store.staging.cursor("sfa", "Lead") == {"n": 1}


def test_content_decides_what_is_new_what_is_changed_and_what_says_nothing(store: Store) -> None:
    assert _stage(store, _record("1", a=1), _record("2", a=1)) == Staged(2, 0, 0)
    assert _stage(store, _record("1", LATER, a=1), _record("2", LATER, a=2), _record("3", a=1)) == Staged(1, 1, 1)
    assert _versions(store) == [("1", {"a": 1}), ("2", {"a": 1}), ("2", {"a": 2}), ("3", {"a": 1})]


def test_the_order_of_fields_is_no_content(store: Store) -> None:
    _stage(store, RawRecord("Lead", "1", {"a": 1, "b": 2}, NOW))
    assert _stage(store, RawRecord("Lead", "1", {"b": 2, "a": 1}, NOW)) == Staged(0, 0, 1)


def test_a_field_without_a_value_is_no_content(store: Store) -> None:
    """One that is asked for from now on, and that is empty nearly everywhere, makes nobody new."""
    _stage(store, _record("1", a=1))
    assert _stage(store, _record("1", LATER, a=1, b=None)) == Staged(0, 0, 1)
    assert _stage(store, _record("1", LATER, a=None, b=None)) == Staged(0, 1, 0)
    assert _versions(store) == [("1", {"a": 1}), ("1", {})]


def test_pages_that_repeat_store_nothing_new(store: Store) -> None:
    page = [_record(str(n), a=n) for n in range(20)]
    _stage(store, *page)
    assert _stage(store, *page) == Staged(0, 0, 20)
    assert len(_versions(store)) == 20


def test_a_record_twice_on_a_page_is_taken_as_its_newest_version(store: Store) -> None:
    _stage(store, _record("1", LATER, a="new"), _record("1", NOW, a="old"))
    assert _versions(store) == [("1", {"a": "new"})]


def test_a_late_delivery_of_an_older_version_is_no_news(store: Store) -> None:
    _stage(store, _record("1", LATER, a="new"))
    assert _stage(store, _record("1", NOW, a="old")) == Staged(0, 0, 1)
    assert store.staging.latest("sfa", "Lead", ["1"])["1"].fields == {"a": "new"}


def test_a_stamp_without_its_milliseconds_is_not_late(store: Store) -> None:
    """HubSpot's search cuts them off: an edit in the second of our own write must still be heard."""
    _stage(store, _record("1", NOW + timedelta(milliseconds=700), a="ours"))
    assert _stage(store, _record("1", NOW, a="theirs")) == Staged(0, 1, 0)


def test_the_same_content_under_a_newer_stamp_is_no_version_but_is_compared_under_that_stamp(store: Store) -> None:
    _stage(store, _record("1", NOW, a=1))
    assert _stage(store, _record("1", LATER, a=1)) == Staged(0, 0, 1)
    assert len(_versions(store)) == 1
    assert store.staging.latest("sfa", "Lead", ["1"])["1"].modified_at == LATER


def test_a_deletion_is_a_version_and_the_record_is_known_no_more(store: Store) -> None:
    _stage(store, _record("1", a=1), _record("2", a=1))
    _stage(store, RawRecord("Lead", "1", {}, LATER, is_deleted=True))
    assert store.staging.known_ids("sfa", "Lead") == ["2"]
    assert store.staging.latest("sfa", "Lead", ["1"])["1"].is_deleted


def test_a_record_taken_out_of_the_bin_is_a_version_again(store: Store) -> None:
    _stage(store, _record("1", a=1))
    _stage(store, RawRecord("Lead", "1", {}, LATER, is_deleted=True))
    _stage(store, _record("1", LATER + timedelta(hours=1), a=1))
    assert store.staging.known_ids("sfa", "Lead") == ["1"]


def test_merges_are_told_since_a_version(store: Store) -> None:
    _stage(store, _record("1"), _record("2"), _record("3"))
    _stage(store, RawRecord("Lead", "2", {}, LATER, is_deleted=True, replaced_by="1"))
    _, seq = store.staging.learnt_since("sfa", 0)
    _stage(store, RawRecord("Lead", "3", {}, LATER, is_deleted=True, replaced_by="1"))
    assert store.staging.merges_since("sfa", 0) == [("sfa/Lead/2", "sfa/Lead/1"), ("sfa/Lead/3", "sfa/Lead/1")]
    assert store.staging.merges_since("sfa", seq) == [("sfa/Lead/3", "sfa/Lead/1")]


def _write(store: Store, values: dict[str, object], at: datetime = LATER) -> None:
    with store.transaction() as db:
        store.staging.stage_own_writes(db, "sfa", "Lead", {"1": Written(values, at)}, at)


def test_our_own_writes_are_versions_but_nothing_learnt(store: Store) -> None:
    _stage(store, _record("1", phase="inquiry"))
    _, seq = store.staging.learnt_since("sfa", 0)
    with store.transaction() as db:
        written = {"1": Written({"phase": "mql"}, LATER), "2": Written({"phase": "mql"}, LATER)}
        store.staging.stage_own_writes(db, "sfa", "Lead", written, LATER)
    refs, newest = store.staging.learnt_since("sfa", seq)
    assert (refs, newest) == ([], seq + 1)
    assert store.staging.latest("sfa", "Lead", ["1", "2"]) == {"1": _record("1", LATER, phase="mql")}
    assert _stage(store, _record("1", LATER, phase="mql")) == Staged(0, 0, 1)


def test_our_own_write_leaves_the_rest_of_the_record_and_its_stamp_where_the_crm_gave_none(store: Store) -> None:
    _stage(store, _record("1", phase="inquiry", name="山田"))
    with store.transaction() as db:
        store.staging.stage_own_writes(db, "sfa", "Lead", {"1": Written({"phase": "mql"}, None)}, LATER)
    assert store.staging.latest("sfa", "Lead", ["1"])["1"] == _record("1", phase="mql", name="山田")


def test_a_version_of_our_own_write_says_only_what_we_wrote_since_the_record_was_last_seen_whole(store: Store) -> None:
    _stage(store, _record("1", phase="inquiry", name="山田", score=1))
    _write(store, {"phase": "mql"})
    _write(store, {"score": 2}, LATER + timedelta(minutes=1))
    stored = [fields for *_, fields in store.erasing.versions()]
    assert stored == [{"name": "山田", "phase": "inquiry", "score": 1}, {"phase": "mql"}, {"phase": "mql", "score": 2}]
    assert _versions(store)[1:] == [
        ("1", {"name": "山田", "phase": "mql", "score": 1}),
        ("1", {"name": "山田", "phase": "mql", "score": 2}),
    ]
    assert store.staging.latest("sfa", "Lead", ["1"])["1"].fields == {"name": "山田", "phase": "mql", "score": 2}


def test_what_we_wrote_is_no_news_when_it_comes_back_and_anything_else_is(store: Store) -> None:
    _stage(store, _record("1", phase="inquiry", name="山田"))
    _write(store, {"phase": "mql"})
    echo = _record("1", LATER, phase="mql", name="山田")
    assert [_stage(store, echo) for _ in range(2)] == [Staged(0, 0, 1)] * 2
    other = _record("1", LATER + timedelta(hours=1), phase="mql", name="田中")
    assert _stage(store, other) == Staged(0, 1, 0)
    assert store.staging.latest("sfa", "Lead", ["1"])["1"] == other


def test_a_field_that_we_cleared_is_no_news_when_it_comes_back_empty(store: Store) -> None:
    _stage(store, _record("1", a=1, b=2))
    _write(store, {"b": None})
    assert store.staging.latest("sfa", "Lead", ["1"])["1"].fields.get("b") is None
    assert _stage(store, _record("1", LATER, a=1, b=None)) == Staged(0, 0, 1)


def test_the_same_written_again_is_no_other_version(store: Store) -> None:
    _stage(store, _record("1", phase="inquiry"))
    _write(store, {"phase": "mql"})
    newest, later = store.staging.newest("sfa"), LATER + timedelta(hours=1)
    _write(store, {"phase": "mql"}, later)
    assert store.staging.newest("sfa") == newest
    assert store.staging.latest("sfa", "Lead", ["1"])["1"] == _record("1", later, phase="mql")
    _write(store, {"phase": "sql"}, LATER)
    assert store.staging.latest("sfa", "Lead", ["1"])["1"].fields == {"phase": "mql"}  # an answer that came late is none


def test_what_was_read_by_itself_moves_no_cursor(store: Store) -> None:
    _stage(store, _record("1", a=1), cursor=5)
    store.staging.stage_read("sfa", [_record("1", LATER, a=2)], LATER)
    assert store.staging.cursor("sfa", "Lead") == {"n": 5}
    assert store.staging.learnt_since("sfa", 1)[0] == [RecordRef("sfa", "Lead", "1")]


def test_connections_do_not_see_each_other(store: Store) -> None:
    _stage(store, _record("1", a=1))
    store.staging.stage("ma", "Lead", [_record("1", a=1)], {"n": 9}, NOW)
    assert store.staging.cursor("sfa", "Lead") == {"n": 1}
    assert store.staging.learnt_since("ma", 0)[0] == [RecordRef("ma", "Lead", "1")]


def test_versions_come_in_pages_in_the_order_in_which_they_were_learnt(store: Store) -> None:
    _stage(store, *(_record(str(n)) for n in range(7)))
    pages = list(store.staging.versions("sfa", after=2, page=2))
    assert [[v.record.id for v in page] for page in pages] == [["2", "3"], ["4", "5"], ["6"]]


def test_the_watermark_says_how_far_and_under_which_mappings(store: Store) -> None:
    assert store.staging.watermark("sfa") == (0, "")
    with store.transaction() as db:
        store.staging.move_watermark(db, "sfa", 5, "digest")
    assert store.staging.watermark("sfa") == (5, "digest")


def test_versions_whose_meaning_comes_with_time_are_due_when_it_has_come(store: Store) -> None:
    _stage(store, _record("1", starts="later"))
    ref = RecordRef("sfa", "Lead", "1")
    with store.transaction() as db:
        store.staging.remember_again(db, {ref: (1, LATER)})
    assert store.staging.due_again("sfa", LATER - timedelta(seconds=1)) == []
    assert [v.ref for v in store.staging.due_again("sfa", LATER)] == [ref]
    with store.transaction() as db:
        store.staging.remember_again(db, {ref: (1, None)})
    assert store.staging.due_again("sfa", LATER) == []


def test_a_naive_time_does_not_get_in(store: Store) -> None:
    naive = datetime(2026, 6, 1)  # noqa: DTZ001 - the point
    with pytest.raises((ValueError, StatementError), match="naive datetime"):
        _stage(store, _record("1", naive))
    assert _versions(store) == []
    with pytest.raises((ValueError, StatementError), match="naive datetime"):
        _stage(store, _record("1"), at=naive)


def test_a_time_in_another_zone_is_the_same_instant(store: Store) -> None:
    tokyo = datetime(2026, 6, 1, 9, 0, 0, 123456, tzinfo=ZoneInfo("Asia/Tokyo"))
    _stage(store, _record("1", tokyo))
    assert store.staging.latest("sfa", "Lead", ["1"])["1"].modified_at == tokyo


_EXAMPLES = count()
_HISTORIES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 4)), max_size=12)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_HISTORIES, st.randoms(use_true_random=False))
def test_in_whatever_order_and_how_often_versions_come_the_newest_stands(store: Store, history, random) -> None:
    """Stamps are a minute apart, so none is within the tolerance of another."""
    connection = f"example-{next(_EXAMPLES)}"
    versions = {(r, t): _record(f"{r}", NOW + timedelta(minutes=t), a=(v, t)) for r, v, t in history}
    delivered = [*versions.values(), *versions.values()]
    random.shuffle(delivered)
    for record in delivered:
        store.staging.stage(connection, "Lead", [record], {}, NOW)
    newest = {r: versions[(r, max(t for other, t in versions if other == r))] for r, _ in versions}
    found = store.staging.latest(connection, "Lead", [str(r) for r in newest])
    assert {id_: list(record.fields["a"]) for id_, record in found.items()} == {
        record.id: list(record.fields["a"]) for record in newest.values()
    }
