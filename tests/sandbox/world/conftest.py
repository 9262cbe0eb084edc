"""Worlds to look at. Building one takes a second, so that those nobody changes are built once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from crmsync.sandbox.world import WorldConfig
from crmsync.sandbox.world.control import Sandbox, build_sandbox


@pytest.fixture(scope="session")
def populated() -> Sandbox:
    """Four hundred people at day zero. Look only."""
    return build_sandbox(WorldConfig())


@pytest.fixture(scope="session")
def played() -> Sandbox:
    """The same, sixty days later, with nobody but the world at work. Look only."""
    sandbox = build_sandbox(WorldConfig())
    sandbox.advance_to(sandbox.config.day_zero + timedelta(days=60))
    return sandbox
