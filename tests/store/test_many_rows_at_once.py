"""However many rows go into one statement, every one arrives as it was given."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmsync.model.entities import UserSeen
from crmsync.model.records import RawRecord, RecordRef
from crmsync.store import Store

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(f"sqlite:///{tmp_path / 'crmsync.db'}")


def _user(n: int, email: str | None) -> UserSeen:
    return UserSeen(RecordRef("crm", "User", f"{n:03d}"), NOW, f"User {n}", email, is_active=n % 3 > 0)


@pytest.mark.parametrize("count", [1, 49, 50, 51, 100, 123])
def test_every_row_arrives_whole(store: Store, count: int) -> None:
    users = [_user(n, f"{n}@x.example" if n % 2 else None) for n in range(count)]
    with store.transaction() as db:
        store.entities.save(db, users)
    rows = store.entities.frame(UserSeen).to_dicts()
    assert [(row["ref"], row["email"], row["is_active"], row["learnt_at"]) for row in rows] == [
        (str(user.ref), user.email, user.is_active, NOW) for user in users
    ]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["A", "B"]), st.sampled_from([None, "a@x.example"]), st.booleans()), max_size=120))
def test_whatever_the_rows_have_in_common_each_keeps_what_is_its_own(
    store: Store, drawn: list[tuple[str, str | None, bool]]
) -> None:
    users = [
        UserSeen(RecordRef("crm", "User", f"{n:03d}"), NOW, name, email, is_active)
        for n, (name, email, is_active) in enumerate(drawn)
    ]
    with store.transaction() as db:
        store.entities.save(db, users)
    rows = store.entities.frame(UserSeen).head(len(users)).to_dicts()  # those of longer lists before are still there
    assert [(row["name"], row["email"], row["is_active"]) for row in rows] == drawn


def test_a_column_that_nobody_fills_any_more_is_emptied(store: Store) -> None:
    with store.transaction() as db:
        store.entities.save(db, [_user(n, f"{n}@x.example") for n in range(60)])
        store.entities.save(db, [_user(n, None) for n in range(60)])
    assert store.entities.frame(UserSeen)["email"].null_count() == 60


def test_a_version_says_whether_anything_was_known_of_its_record(store: Store) -> None:
    first = store.staging.stage("crm", "Lead", [RawRecord("Lead", "1", {"a": 1}, NOW)], {}, NOW)
    both = [RawRecord("Lead", "1", {"a": 2}, NOW), RawRecord("Lead", "2", {"a": 1}, NOW)]
    second = store.staging.stage("crm", "Lead", both, {}, NOW)
    assert [version.is_first for version in first.versions] == [True]
    assert {version.record.id: version.is_first for version in second.versions} == {"1": False, "2": True}
    assert not any(version.is_first for version in store.staging.versions_after("crm", 0, 10))  # not known any more
