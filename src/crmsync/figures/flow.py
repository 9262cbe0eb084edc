"""The chain as a table: what happened in each span (flow), and what became of those who entered in it (cohort), by any split."""

from __future__ import annotations

import polars as pl

from crmsync.figures.arrivals import COUNTED
from crmsync.figures.counting import (
    SPAN,
    beside,
    counts,
    covered,
    given_in_spans,
    grid,
    in_spans,
    rate,
    spans_of,
    split_columns,
)
from crmsync.figures.inputs import known_by
from crmsync.figures.sheet import Column, Question, Sheet

RATES = (
    Column("capture_rate", "share"),
    Column("mql_rate", "share"),
    Column("sql_rate", "share"),
    Column("opened_rate", "share", is_quiet=True),
    Column("opportunity_rate", "share"),
    Column("win_rate", "share"),
    Column("end_to_end", "share"),
    Column("renewal_rate", "share"),
)
_ON_REQUEST = ("due", "renewal_wins", "upsells")
COUNTS = tuple(Column(step, is_quiet=step in _ON_REQUEST) for step in COUNTED)
CAME_BACK = (Column("came_back", is_quiet=True), Column("came_back_won", is_quiet=True))
ENTERED = ("leads", "mqls", "sqls", "opportunities", "wins")
STANDING = ("inside", "won", "lost", "recycled", "disqualified")
"""Where somebody who entered is now: still on the way, or out by one of the doors."""
_STANDING = (Column("inside", header="still_inside"), *(Column(name) for name in STANDING[1:]))
_DOORS = {"closed_won": "won", "closed_lost": "lost", "recycled": "recycled", "disqualified": "disqualified"}


def flow_sheet(arrivals: pl.DataFrame, visits: pl.DataFrame | None, question: Question) -> Sheet:
    """What happened in each span. Visitors of a span are absent unless every day of it was given."""
    marked = in_spans(arrivals, "at", question)
    counted = counts(marked, question, COUNTED)
    returned = (
        marked.filter(pl.col("came_back"))
        .group_by("span", *question.split)
        .agg((pl.col("step") == "mqls").sum().alias("came_back"), (pl.col("step") == "wins").sum().alias("came_back_won"))
    )
    visitors, whole = _visitors(visits, question)
    table = beside(beside(grid(question, counted, visitors), counted, question), returned, question)
    numbers = [pl.col(name).fill_null(0) for name in (*COUNTED, "came_back", "came_back_won")]
    rows = beside(table.with_columns(numbers), visitors, question).with_columns(step_rates())
    columns = (*SPAN, *split_columns(question), Column("visitors"), *COUNTS, *CAME_BACK, *RATES)
    return Sheet.of("chain", columns, rows, missing=() if whole else ("visits",))


def cohort_sheet(arrivals: pl.DataFrame, states: pl.DataFrame, question: Question) -> Sheet:
    """Of the leads that entered in each span: how many ever came to each step, and where they all are now. Every lead is either
    still inside or out by one door, so the last columns add up to the first."""
    leads = in_spans(arrivals.filter(pl.col("step") == "leads"), "at", question).select("span", "person_id", *question.split)
    reached = arrivals.group_by("person_id").agg((pl.col("step") == step).any().alias(step) for step in ENTERED[1:])
    phases = states.select("person_id", pl.col("phase").replace_strict(_DOORS, default="inside").alias("stands"))
    people = leads.join(reached, on="person_id", how="left").join(phases, on="person_id", how="left")
    stands = pl.col("stands").fill_null("inside")
    counted = people.group_by("span", *question.split).agg(
        pl.len().cast(pl.Int64).alias("leads"),
        *(pl.col(step).fill_null(value=False).sum().cast(pl.Int64).alias(step) for step in ENTERED[1:]),
        *((stands == where).sum().cast(pl.Int64).alias(where) for where in STANDING),
    )
    numbers = [pl.col(name).fill_null(0) for name in (*ENTERED, *STANDING)]
    rows = beside(grid(question, counted), counted, question).with_columns(numbers).with_columns(step_rates(visitors=None))
    columns = (
        *SPAN,
        *split_columns(question),
        *(Column(name) for name in ENTERED),
        *RATES[1:-1],
        *_STANDING,
    )
    return Sheet.of("cohort", columns, rows)


def opened_sheet(arrivals: pl.DataFrame, opportunities: pl.DataFrame, question: Question) -> Sheet:
    """Of the opportunities opened in each span: how many are won, lost and open now."""
    status = opportunities.select(pl.col("opportunity_id").alias("opportunity_id"), "status").unique("opportunity_id")
    opened = in_spans(arrivals.filter(pl.col("step") == "opportunities"), "at", question).join(
        status, on="opportunity_id", how="left"
    )
    states = ("won", "lost", "open")
    counted = opened.group_by("span", *question.split).agg(
        pl.len().cast(pl.Int64).alias("opportunities"),
        *((pl.col("status") == state).sum().cast(pl.Int64).alias(state) for state in states),
    )
    numbers = [pl.col(name).fill_null(0) for name in ("opportunities", *states)]
    rows = beside(grid(question, counted), counted, question).with_columns(numbers)
    rows = rows.with_columns(rate("won", "opportunities").alias("win_rate"))
    columns = (
        *SPAN,
        *split_columns(question),
        Column("opportunities"),
        *(Column(state) for state in states),
        Column("win_rate", "share"),
    )
    return Sheet.of("opened", columns, rows)


def step_rates(visitors: str | None = "visitors") -> list[pl.Expr]:
    """Each step ÷ the one before; `opportunity_rate` is inside sales' whole: opportunities ÷ leads; `end_to_end` wins ÷ leads."""
    pairs = {
        "capture_rate": ("leads", visitors),
        "mql_rate": ("mqls", "leads"),
        "sql_rate": ("sqls", "mqls"),
        "opened_rate": ("opportunities", "sqls"),
        "opportunity_rate": ("opportunities", "leads"),
        "win_rate": ("wins", "opportunities"),
        "end_to_end": ("wins", "leads"),
        **({"renewal_rate": ("renewals", "due")} if visitors else {}),
    }
    return [rate(part, whole).alias(name) for name, (part, whole) in pairs.items() if whole is not None]


def visitors_of(visits: pl.DataFrame | None, question: Question) -> float | None:
    """The visitors of all the days together; None where a day is not given."""
    whole = Question(question.first, question.last, question.now, question.zone)
    found, is_whole = _visitors(visits, whole)
    return float(found["visitors"][0]) if is_whole and found.height else None


def _visitors(visits: pl.DataFrame | None, question: Question) -> tuple[pl.DataFrame, bool]:
    """span, the split, visitors; and whether every day of every span was given. Nothing is known of days after today."""
    given = known_by(visits, question.zone.day_of(question.now))
    if given is None:
        return pl.DataFrame(schema={"span": pl.String, **dict.fromkeys(question.split, pl.String), "visitors": pl.Float64}), False
    known = covered(given, question)
    found = given_in_spans(given, question).rename({"value": "visitors"}).filter(pl.col("span").is_in(list(known)))
    return found, len(known) == len(spans_of(question))
