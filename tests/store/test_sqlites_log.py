"""When SQLite's log is copied into the database."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmsync.store import Store
from crmsync.store.log import COPIED_AFTER_PAGES

MORE_THAN_THE_LOG_HOLDS = "x" * (COPIED_AFTER_PAGES + 100) * 4096


def _note(store: Store, text: str, *, is_awaited: bool) -> None:
    with store.transaction(is_awaited=is_awaited) as db:
        store.runs.set_meta_in(db, "note", text)


def test_who_waits_for_a_transaction_does_not_wait_for_the_log_to_be_copied(tmp_path: Path) -> None:
    file = tmp_path / "crmsync.db"
    store = Store.open(f"sqlite:///{file}")
    before = file.stat().st_size
    _note(store, MORE_THAN_THE_LOG_HOLDS, is_awaited=True)
    awaited = file.stat().st_size
    _note(store, "short", is_awaited=False)
    later = file.stat().st_size
    store.close()
    assert awaited == before
    assert later > len(MORE_THAN_THE_LOG_HOLDS)


def test_an_awaited_transaction_is_kept_whole_or_not_at_all(store: Store) -> None:
    _note(store, "kept", is_awaited=True)
    with pytest.raises(ZeroDivisionError):
        _note_and_fail(store, "lost")
    assert store.runs.meta("note") == "kept"


def _note_and_fail(store: Store, text: str) -> None:
    with store.transaction(is_awaited=True) as db:
        store.runs.set_meta_in(db, "note", text)
        raise ZeroDivisionError
