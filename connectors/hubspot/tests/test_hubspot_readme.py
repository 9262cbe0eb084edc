"""The README is true: what it must name, it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmsync_hubspot import BUDGET, connector
from crmsync_hubspot.objects import OBJECTS
from crmsync_hubspot.options import Options

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
OWN_CODES = [
    "unchanged_after_write",
    "LEFT_EMPTY",
    "ASSOCIATION_FAILED",
    "KEY_FIELD_MISSING",
    "WAITING_FOR_INDEX",
    "UNANSWERED",
    "NOT_IN_BATCH",
    "INVALID_OPTION",
    "INVALID_NUMBER",
    "INVALID_DATE",
    "VALUE_TOO_LONG",
    "moved",
    "merged",
    "exists_already",
]


@pytest.mark.parametrize("option", connector.options)
def test_every_option_is_explained(option: str) -> None:
    assert f"| `{option}` |" in README


def test_the_defaults_are_those_of_the_code() -> None:
    default = Options()
    for line in (
        f'| `api_version` | `"{default.paths.version}"` |',
        f"| `overlap_seconds` | `{int(default.lags.overlap.total_seconds())}` |",
        f"| `trailing_seconds` | `{int(default.lags.trailing.total_seconds())}` |",
        f"| `archive_every_hours` | `{int(default.bin_every.total_seconds()) // 3600}` |",
        f"| `sweep_every_days` | `{default.sweep_every.days}` |",
        f"| `sweep_pages` | `{default.sweep_pages}` |",
        f"| `page_views_days` | `{default.page_views_since.days}` |",
    ):
        assert line in README


@pytest.mark.parametrize("secret", sorted({name for names in connector.auth_secrets.values() for name in names}))
def test_every_secret_is_shown_in_a_set_up(secret: str) -> None:
    assert f"      {secret}: {{" in README


@pytest.mark.parametrize("code", OWN_CODES)
def test_every_code_of_ours_is_explained(code: str) -> None:
    assert f"`{code}`" in README


@pytest.mark.parametrize("name", OBJECTS)
def test_every_object_is_mentioned(name: str) -> None:
    assert name.replace("_", " ").removeprefix("form ") in README


def test_the_budget_is_the_one_that_is_told() -> None:
    for rule in BUDGET:
        assert f"{rule.calls:,}" in README
