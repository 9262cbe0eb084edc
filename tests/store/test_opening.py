"""A database that cannot be used says so in words."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from databases import database

from crmsync.errors import StopConnector
from crmsync.messages import LANGUAGES, say
from crmsync.store import Store
from crmsync.store.store import SCHEMA_VERSION


@pytest.mark.parametrize("place", ["a_directory", "a_file/crmsync.db"])
def test_a_database_that_cannot_be_opened_names_where_and_why(tmp_path: Path, place: str) -> None:
    (tmp_path / "a_directory").mkdir()
    (tmp_path / "a_file").write_text("")
    with pytest.raises(StopConnector) as stopped:
        Store.open(f"sqlite:///{tmp_path / place}")
    assert stopped.value.code == "store.unreachable"
    assert place in str(stopped.value.params["where"])
    assert all(say(stopped.value.code, language, **stopped.value.params) for language in LANGUAGES)


@pytest.mark.parametrize("url", ["oracle://db/crmsync", "quill://db/crmsync"])
def test_a_database_without_a_driver_names_those_there_are(url: str) -> None:
    with pytest.raises(StopConnector) as stopped:
        Store.open(url)
    assert stopped.value.code == "store.no_driver"
    assert "crmsync[postgresql]" in say(stopped.value.code, "en", **stopped.value.params)


def test_many_who_open_an_empty_database_at_once_find_it_made(tmp_path: Path) -> None:
    with database("postgresql", tmp_path) as url, ThreadPoolExecutor(4) as hosts:
        for store in hosts.map(Store.open, [url] * 4):
            assert store.runs.meta("schema_version") == SCHEMA_VERSION
            store.close()


def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    with pytest.raises(StopConnector) as stopped:
        Store.open("postgresql+psycopg://crmsync:hush@localhost:1/crmsync?connect_timeout=2")
    assert stopped.value.code == "store.unreachable"
    assert "hush" not in str(stopped.value.params)
