"""The three steps of demand: generation (somebody becomes known), nurturing (they get keener), qualification (sales is to talk to
them now).

In which step somebody is follows from their phase and their temperature, by `STEPS`; who is with sales, a customer or excluded is
in none.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from crmsync.figures.period import Period
from crmsync.figures.sheet import Column, Sheet

GENERATION, NURTURING, QUALIFICATION = "generation", "nurturing", "qualification"
STEPS: Mapping[tuple[str, str], str] = {
    **{("unidentified", temperature): GENERATION for temperature in ("hot", "warm", "cold")},
    **{(phase, temperature): NURTURING for phase in ("inquiry", "recycled", "closed_lost") for temperature in ("warm", "cold")},
    **{(phase, "hot"): QUALIFICATION for phase in ("inquiry", "recycled")},
    ("closed_lost", "hot"): NURTURING,  # nobody asks before the delay of the loss is over
}
"""(phase, temperature) → step."""

DEMAND = (
    Column("step", "word", "demand"),
    Column("people"),
    Column("moved_on"),
    Column("share", "share"),
)


def step() -> pl.Expr:
    """The step of a row with `phase` and `temperature`; who has no temperature yet is as cold as can be. Null for none."""
    key = pl.concat_str("phase", pl.col("temperature").fill_null("cold"), separator="/")
    words = {f"{phase}/{temperature}": name for (phase, temperature), name in STEPS.items()}
    return key.replace_strict(words, default=None, return_dtype=pl.String)


def demand(states: pl.DataFrame, stayed: pl.DataFrame, spelled: pl.DataFrame, period: Period) -> pl.DataFrame:
    """step, people (in it now), moved_on (left it for the next in the period), share (moved_on ÷ (moved_on + people)): one row for
    each step. `states` has person_id, phase, temperature; `stayed` is of `stays`, `spelled` of `spells`. Generation moves on to a
    lead, nurturing to hot, qualification to inside sales."""
    inside = dict(states.with_columns(step().alias("step"))["step"].drop_nulls().value_counts().iter_rows())
    identified = (pl.col("phase") == "inquiry") & (pl.col("because") == "identified")
    moved = {
        GENERATION: stayed.filter(identified & period.holds("entered_at")).height,
        NURTURING: _became_hot(stayed, spelled, period),
        QUALIFICATION: stayed.filter((pl.col("phase") == "mql") & period.holds("entered_at")).height,
    }
    rows = [(name, inside.get(name, 0), count) for name, count in moved.items()]
    table = pl.DataFrame(rows, schema={"step": pl.String, "people": pl.Int64, "moved_on": pl.Int64}, orient="row")
    all_ = pl.col("people") + pl.col("moved_on")
    return table.with_columns(pl.when(all_ > 0).then(pl.col("moved_on") / all_).alias("share"))


def demand_sheet(states: pl.DataFrame, stayed: pl.DataFrame, spelled: pl.DataFrame, period: Period) -> Sheet:
    """The steps as a sheet."""
    return Sheet.of("demand", DEMAND, demand(states, stayed, spelled, period))


def _became_hot(stayed: pl.DataFrame, spelled: pl.DataFrame, period: Period) -> int:
    """People who became hot in the period while marketing held them."""
    hot = spelled.filter((pl.col("temperature") == "hot") & period.holds("since")).select("person_id", "since")
    held = stayed.filter(pl.col("phase").is_in([phase for phase, _ in STEPS if phase != "unidentified"]))
    known = hot.join(held.select("person_id", "entered_at", "left_at"), on="person_id")
    there = (pl.col("entered_at") <= pl.col("since")) & (pl.col("left_at") >= pl.col("since")).fill_null(True)
    return known.filter(there)["person_id"].n_unique()
