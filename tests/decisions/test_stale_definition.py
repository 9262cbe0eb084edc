"""A definition that nobody touches while sales gives back more and more of its leads is stale; noise and youth are not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from crmsync.decisions.frames import MOVES, conform
from crmsync.decisions.qualification import Watch
from crmsync.decisions.stale import Acceptance, Stale, find

BEGAN = datetime(2026, 1, 5, tzinfo=UTC)
NOW = BEGAN + timedelta(weeks=16)


def verdicts(accepted: list[float], *, per_week: int = 10, version: str = "standard@1.0") -> pl.DataFrame:
    """MOVES of so many verdicts in each week, of which this share accepts, after a first hand-over at the beginning."""
    rows: list[dict[str, Any]] = [
        {"person_id": "first", "at": BEGAN, "source": "inquiry", "target": "mql", "because": "released", "definition": version}
    ]
    for week, share in enumerate(accepted):
        for n in range(per_week):
            yes = n < round(share * per_week)
            target, because = ("sql", "accepted") if yes else ("recycled", "rejected")
            at = BEGAN + timedelta(weeks=week, hours=n + 1)
            rows.append(
                {"person_id": f"{week}-{n}", "at": at, "source": "mql", "target": target, "because": because, "definition": version}
            )
    return conform(pl.DataFrame(rows), MOVES)


def test_a_falling_share_of_accepted_leads_under_an_unchanged_definition_is_told_with_its_figures(case: Any) -> None:
    definition = case.definitions.qualification
    found = find(verdicts([0.6] * 8 + [0.3] * 8), definition, NOW)
    assert found == Stale("standard@1", BEGAN, Acceptance(60, 36), Acceptance(60, 18))
    assert found.drift == pytest.approx(-0.3)


def test_a_rising_share_is_a_drift_too_for_the_definition_may_be_too_strict(case: Any) -> None:
    found = find(verdicts([0.3] * 8 + [0.7] * 8), case.definitions.qualification, NOW)
    assert found is not None
    assert found.drift > 0


@pytest.mark.parametrize(
    ("moves", "now", "why"),
    [
        (lambda: verdicts([0.6] * 16), NOW, "nothing drifts"),
        (lambda: verdicts([0.6] * 8 + [0.5] * 8), NOW, "within the tolerance"),
        (lambda: verdicts([0.6] * 8 + [0.3] * 8, per_week=3), NOW, "too few to tell"),
        (lambda: verdicts([0.6] * 8 + [0.4] * 8, per_week=5), NOW, "chance could do it"),
        (lambda: verdicts([0.6] * 6 + [0.1] * 5), BEGAN + timedelta(weeks=11, days=6), "too young"),
        (lambda: verdicts([0.6] * 8 + [0.3] * 8, version="standard@2.0"), NOW, "another version"),
        (lambda: verdicts([0.6] * 8 + [0.3] * 8, version="standard@11.0"), NOW, "a version that begins alike"),
        (lambda: verdicts([]).clear(), NOW, "no moves at all"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_drift_is_not_told(case: Any, moves: Callable[[], pl.DataFrame], now: datetime, why: str) -> None:
    assert find(moves(), case.definitions.qualification, now) is None


def test_a_new_version_begins_anew(case: Any) -> None:
    drifted = verdicts([0.6] * 8 + [0.3] * 8)
    renewed = replace(case.definitions.qualification, version=2)
    assert find(drifted, renewed, NOW) is None


def test_steps_of_the_valve_are_no_new_version_and_later_moves_are_not_known_yet(case: Any) -> None:
    moves = pl.concat([verdicts([0.6] * 8), verdicts([0.6] * 8 + [0.3] * 8, version="standard@1.7").slice(81)])
    assert find(moves, case.definitions.qualification, NOW) is not None
    assert find(moves, replace(case.definitions.qualification, watch=Watch(weeks=4)), BEGAN + timedelta(weeks=8)) is None


def test_only_verdicts_of_inside_sales_count(case: Any) -> None:
    moves = verdicts([0.6] * 8 + [0.3] * 8).with_columns(source=pl.lit("sql"))
    assert find(moves, case.definitions.qualification, NOW) is None
    opted_out = verdicts([0.6] * 8 + [0.3] * 8).with_columns(because=pl.col("because").replace("rejected", "opted_out"))
    assert find(opted_out, case.definitions.qualification, NOW) is None
