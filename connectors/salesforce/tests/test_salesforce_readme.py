"""The README is true: what it must name, it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmsync_salesforce import connector
from crmsync_salesforce.answers import TOO_BIG
from crmsync_salesforce.facts import API_VERSION, BUDGET
from crmsync_salesforce.window import Margins

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("option", connector.options)
def test_every_option_is_explained(option: str) -> None:
    assert f"| `{option}` |" in README


def test_the_defaults_are_those_of_the_code() -> None:
    assert f'| `api_version` | `"{API_VERSION}"` |' in README
    assert f"| `lag_seconds` | `{int(Margins().lag.total_seconds())}` |" in README
    assert f"| `overlap_seconds` | `{int(Margins().overlap.total_seconds())}` |" in README
    assert (BUDGET[0].seconds, f"{BUDGET[0].calls} calls a second" in README) == (1.0, True)


@pytest.mark.parametrize("secret", sorted({name for names in connector.auth_secrets.values() for name in names}))
def test_every_secret_is_shown_in_a_set_up(secret: str) -> None:
    assert f"      {secret}: {{" in README


@pytest.mark.parametrize("code", ["moved", "unchanged_after_write", "NO_KEY", "ANSWER_MISMATCH", *sorted(TOO_BIG)])
def test_codes_are_explained(code: str) -> None:
    assert f"`{code}`" in README
