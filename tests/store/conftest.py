from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crmsync.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'crmsync.db'}")
    yield opened
    opened.close()
