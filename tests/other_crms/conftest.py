"""Other CRMs: written from the vendors' documents alone, apart from the sandbox, so that no mistake is made twice."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from hubspot_fake import Portal
from salesforce_fake import Org
from stage import Stage, staged

BEGINS = datetime(2031, 5, 12, 1, 0, 0, 123000, tzinfo=UTC)
"""Monday, 10:00 in Tokyo."""


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """`play(salesforce={…}, hubspot={…})`: a stage with the CRMs that are named, made with what is given."""
    with ExitStack() as stack:

        def make(salesforce: dict[str, Any] | None = None, hubspot: dict[str, Any] | None = None) -> Stage:
            org = Org(BEGINS, **salesforce) if salesforce is not None else None
            portal = Portal(BEGINS, **hubspot) if hubspot is not None else None
            return stack.enter_context(staged(tmp_path / "their configuration", org, portal))

        yield make
