"""Whose story the demo tells: somebody whom the machine handed over in time and inside sales accepted, with enough to see."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import polars as pl

from crmsync.sync.explain import Explanation
from crmsync.sync.facts import gather
from crmsync.sync.workspace import Workspace

# Enough touches to see a score grow, few enough to read.
_FEWEST, _MOST = 3, 14


def worth_telling(workspace: Workspace, since: datetime, until: datetime) -> str | None:
    """The person whose way from first touch to hand-over is the clearest; None where nobody was handed over by the machine
    between the two instants. The same store gives the same person."""
    moves = workspace.store.decided.moves().filter((pl.col("at") >= since) & (pl.col("at") <= until))
    handed = moves.filter((pl.col("target") == "mql") & (pl.col("actor") == "crmsync")).unique("person_id", keep="first")
    if handed.is_empty():
        return None
    ranked = (
        handed.select("person_id", "at")
        .with_columns(
            _in(moves.filter(pl.col("target") == "sql")).alias("accepted"),
            _in(moves.filter(pl.col("because") == "identified")).alias("came"),
            (~_in(_troubled(workspace, moves))).alias("smooth"),
            _in(_told_enough(workspace, until)).alias("enough"),
        )
        .sort("accepted", "smooth", "enough", "came", "at", "person_id", descending=[True, True, True, True, False, False])
    )
    return str(ranked["person_id"][0])


def until_accepted(story: Explanation) -> Explanation:
    """The story up to the cycle in which field sales took over; all of it where they have not yet."""
    taken = [move["at"] for move in story.moves if move["target"] == "sql"]
    if not taken:
        return story
    end = min((write["at"] for write in story.writes if write["at"] >= taken[0]), default=taken[0])
    return replace(
        story,
        moves=tuple(move for move in story.moves if move["at"] <= end),
        events=tuple(event for event in story.events if event["at"] <= end),
        clocks=tuple(clock for clock in story.clocks if clock["started_at"] <= end),
        writes=tuple(write for write in story.writes if write["at"] <= end),
    )


def _in(frame: pl.DataFrame) -> pl.Expr:
    return pl.col("person_id").is_in(frame["person_id"].unique().implode())


def _troubled(workspace: Workspace, moves: pl.DataFrame) -> pl.DataFrame:
    """Persons with a breached clock, or with a way that takes more than one line to tell."""
    late = workspace.store.decided.clocks().filter(pl.col("breached_at").is_not_null())
    winding = moves.group_by("person_id").len().filter(pl.col("len") > 3)
    return pl.concat([late.select("person_id"), winding.select("person_id")])


def _told_enough(workspace: Workspace, until: datetime) -> pl.DataFrame:
    """Persons with a readable number of touches, over all their records."""
    counted = gather(workspace, until).touches.filter(pl.col("at") <= until).group_by("person_id").len()
    return counted.filter(pl.col("len").is_between(_FEWEST, _MOST))
