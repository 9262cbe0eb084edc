"""What both heads must be told: of the definition in force with the cycle, once as news, while it stands; of gaps, beside each."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from fake_house import MONDAY, House, definitions

from crmsync.cli.commands.gaps import open_gaps
from crmsync.decisions.frames import MOVES, conform
from crmsync.decisions.team import Team
from crmsync.messages import LANGUAGES, say
from crmsync.store.sql import insert_frame
from crmsync.store.tables import MoveRow


def told(house: House) -> list[tuple[str, bool]]:
    return [(one.code, one.is_news) for one in house.cycle(later=timedelta(hours=24)).pulled.notices]


def history(house: House, accepted: list[float]) -> None:
    """Ten verdicts in each week before this Monday, of which this share accepts."""
    qualification = definitions().qualification
    version = f"{qualification.name}@{qualification.version}.0"
    began = MONDAY - timedelta(weeks=len(accepted))
    rows: list[dict[str, Any]] = [
        {"person_id": "first", "at": began, "source": "inquiry", "target": "mql", "because": "released", "definition": version}
    ]
    for week, share in enumerate(accepted):
        for n in range(10):
            target, because = ("sql", "accepted") if n < share * 10 else ("recycled", "rejected")
            at = began + timedelta(weeks=week, hours=n + 1)
            rows.append(
                {"person_id": f"{week}-{n}", "at": at, "source": "mql", "target": target, "because": because, "definition": version}
            )
    moves = conform(pl.DataFrame(rows), MOVES).with_columns(
        pl.lit("crm-user").alias("actor"), pl.lit(1, pl.Int64).alias("sequence"), pl.lit(value=False).alias("is_jump")
    )
    with house.store.transaction() as db:
        insert_frame(db, MoveRow, moves, run_id="earlier")


def test_guide_item_40_a_definition_that_nobody_touches_while_sales_gives_more_back_is_told_to_both_heads(house: House) -> None:
    house.mql()
    history(house, [0.7] * 8 + [0.2] * 8)
    cycle = house.cycle()
    (notice,) = cycle.pulled.notices
    assert (notice.connection, notice.code, notice.is_news) == ("crmsync", "definition.stale", True)
    assert (notice.params["then"], notice.params["now"]) == ("70%", "20%")
    for language in LANGUAGES:
        sentence = say(notice.code, language, **notice.params)
        assert "70%" in sentence
        assert "Head of marketing / Head of inside sales" in sentence
    assert told(house) == [("definition.stale", False)]


def test_one_that_holds_what_it_promised_is_not(house: House) -> None:
    house.mql()
    history(house, [0.6] * 16)
    assert told(house) == []


def test_a_review_that_is_due_is_told_from_the_day_after(house: House) -> None:
    house.mql()
    today = MONDAY.date()
    reviewed = replace(definitions().qualification, review_by=today + timedelta(days=1))
    house.workspace = replace(
        house.workspace, definitions=replace(definitions(), qualification=reviewed), definitions_digest="other"
    )
    assert [told(house) for _ in range(3)] == [[], [("definition.review_due", True)], [("definition.review_due", False)]]


def test_moves_are_looked_through_once_a_day_only(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Any] = []
    monkeypatch.setattr("crmsync.sync.watched.find", lambda *args: looked.append(args[-1]))
    house.mql()
    for hours in (1, 1, 1, 24):
        house.cycle(later=timedelta(hours=hours))
    assert len(looked) == 2


def test_a_gap_names_the_two_owners_of_the_joint_at_which_it_lies(house: House) -> None:
    house.mql()
    house.cycle()
    house.workspace = replace(house.workspace, team=Team(()))
    house.cycle()
    (gap,) = open_gaps(house.workspace)
    assert (gap["gap"], gap["joint"]) == ("no_owner", "handed_over")
    assert gap["owners"] == ["Head of marketing", "Head of inside sales"]
