"""A database that cannot be used says so in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmsync.errors import StopConnector
from crmsync.messages import LANGUAGES, say
from crmsync.store import Store


@pytest.mark.parametrize("place", ["a_directory", "a_file/crmsync.db"])
def test_a_database_that_cannot_be_opened_names_where_and_why(tmp_path: Path, place: str) -> None:
    (tmp_path / "a_directory").mkdir()
    (tmp_path / "a_file").write_text("")
    with pytest.raises(StopConnector) as stopped:
        Store.open(f"sqlite:///{tmp_path / place}")
    assert stopped.value.code == "store.unreachable"
    assert place in str(stopped.value.params["where"])
    assert all(say(stopped.value.code, language, **stopped.value.params) for language in LANGUAGES)
