from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import KINDS, database

from crmsync.store import Store


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store, on each kind of database that it knows."""
    with database(request.param, tmp_path) as url:
        opened = Store.open(url)
        yield opened
        opened.close()
