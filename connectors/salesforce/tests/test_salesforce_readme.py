"""The README is true: what it must name, it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crmsync_salesforce import connector
from crmsync_salesforce.answers import TOO_BIG
from crmsync_salesforce.facts import (
    API_VERSION,
    BUDGET,
    BULK_PATIENCE_SECONDS,
    BULK_QUERY_FROM,
    BULK_WRITE_FROM,
    FORMULA_REFRESH_HOURS,
)
from crmsync_salesforce.window import Margins

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
TESTS = [*Path(__file__).parent.glob("test_*.py"), *(Path(__file__).parents[3] / "tests" / "connect").glob("test_*.py")]
TROUBLES = re.findall(r"^\| (\d+) \| (.+?) \| (.+) \|$", README, re.MULTILINE)


@pytest.mark.parametrize("option", connector.options)
def test_every_option_is_explained(option: str) -> None:
    assert f"| `{option}` |" in README


def test_the_defaults_are_those_of_the_code() -> None:
    assert f'| `api_version` | `"{API_VERSION}"` |' in README
    assert f"| `lag_seconds` | `{int(Margins().lag.total_seconds())}` |" in README
    assert f"| `overlap_seconds` | `{int(Margins().overlap.total_seconds())}` |" in README
    assert f"| `bulk_query_from` | `{BULK_QUERY_FROM}` |" in README
    assert f"| `bulk_write_from` | `{BULK_WRITE_FROM}` |" in README
    assert f"| `bulk_patience_seconds` | `{BULK_PATIENCE_SECONDS}` |" in README
    assert f"| `formula_refresh_hours` | `{FORMULA_REFRESH_HOURS}` |" in README
    assert (BUDGET[0].seconds, f"{BUDGET[0].calls} calls a second" in README) == (1.0, True)


@pytest.mark.parametrize("secret", sorted({name for names in connector.auth_secrets.values() for name in names}))
def test_every_secret_is_shown_in_a_set_up(secret: str) -> None:
    assert f"      {secret}: {{" in README


@pytest.mark.parametrize(
    "code", ["moved", "unchanged_after_write", "NO_KEY", "ANSWER_MISMATCH", "NOT_PROCESSED", "NOT_TOLD", *sorted(TOO_BIG)]
)
def test_codes_are_explained(code: str) -> None:
    assert f"`{code}`" in README


def test_all_twenty_troubles_are_in_the_table() -> None:
    assert [int(number) for number, _, _ in TROUBLES] == list(range(1, 21))


@pytest.mark.parametrize(("trouble", "kept_away_by"), [(trouble, cell) for _, trouble, cell in TROUBLES])
def test_each_trouble_has_a_test_that_exists_or_a_limit(trouble: str, kept_away_by: str) -> None:
    known = {name for file in TESTS for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)}
    named = set(re.findall(r"`(test_\w+)`", kept_away_by))
    assert named or "Limit:" in kept_away_by
    assert named <= known
