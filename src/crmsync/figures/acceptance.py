"""Acceptance: what sales makes of what marketing hands over, by definition, by rule, by reason; and where the two disagree.

The quarrel over the quality of leads, as numbers. Acceptance is accepted ÷ (accepted + rejected + lapsed): who is still with
sales, or left for reasons of their own, says nothing of it.
"""

from __future__ import annotations

import polars as pl

from crmsync.figures.chain import rate
from crmsync.figures.chance import with_share
from crmsync.figures.handovers import VERDICTS
from crmsync.figures.sheet import Column, Sheet

_COUNTS = [pl.len().alias("handed"), *((pl.col("verdict") == verdict).sum().alias(verdict) for verdict in VERDICTS)]


def by_definition(handed: pl.DataFrame) -> pl.DataFrame:
    """definition (null: all of them), handed, one count per verdict, acceptance with its limits low and high. `handed` are rows of
    `hand_overs`. Steps of the valve within a version are one definition."""
    version = pl.col("definition").str.replace(r"\.\d+$", "")
    both = pl.concat([handed.with_columns(pl.lit(None, dtype=pl.String).alias("definition")), handed.with_columns(version)])
    return _with_acceptance(both.group_by("definition").agg(_COUNTS)).sort("definition", nulls_last=False)


def by_rule(handed: pl.DataFrame, fired: pl.DataFrame) -> pl.DataFrame:
    """rule, handed, verdicts, acceptance, low, high: of the hand-overs whose score a rule added to. One hand-over counts for every
    rule that fired. `fired` has person_id, run_id, rule; hand-overs whose reasons were not kept are in no row."""
    joined = handed.join(fired.unique(["person_id", "run_id", "rule"]), on=["person_id", "run_id"])
    return _with_acceptance(joined.group_by("rule").agg(_COUNTS)).sort("acceptance", "rule", nulls_last=True)


def by_reason(handed: pl.DataFrame) -> pl.DataFrame:
    """reason, rejected, share of all rejections: the most frequent first. A rejection without one is "no_reason"."""
    rejected = handed.filter(pl.col("verdict") == "rejected").with_columns(
        pl.col("reason").replace({"no reason": "no_reason", "": "no_reason"}).fill_null("no_reason")
    )
    counted = rejected.group_by("reason").len("rejected")
    return counted.with_columns((pl.col("rejected") / pl.col("rejected").sum()).alias("share")).sort(
        "rejected", "reason", descending=[True, False]
    )


def disagreement(handed: pl.DataFrame, fired: pl.DataFrame, temperatures: pl.DataFrame) -> pl.DataFrame:
    """rule, hot (handed over hot, with a verdict of a person), rejected (of those), rejection, low, high, reason (the most
    frequent): where marketing's "hot" is not sales'. The worst first. `temperatures` has person_id, run_id, temperature: at the
    hand-over."""
    hot = temperatures.filter(pl.col("temperature") == "hot").select("person_id", "run_id").unique()
    judged = handed.filter(pl.col("verdict").is_in(["accepted", "rejected"])).join(hot, on=["person_id", "run_id"])
    said_no = pl.col("verdict") == "rejected"
    found = (
        judged.join(fired.unique(["person_id", "run_id", "rule"]), on=["person_id", "run_id"])
        .group_by("rule")
        .agg(
            pl.len().alias("hot"),
            said_no.sum().alias("rejected"),
            pl.col("reason").filter(said_no).drop_nulls().mode().sort().first().alias("reason"),
        )
        .filter(pl.col("rejected") > 0)
    )
    return with_share(found, "rejected", "hot", "rejection").sort("rejection", "rule", descending=[True, False])


def hot_rejection(handed: pl.DataFrame, temperatures: pl.DataFrame) -> float | None:
    """Rejected ÷ (accepted + rejected) of the hot hand-overs; None over none. `temperatures` as for `disagreement`."""
    hot = temperatures.filter(pl.col("temperature") == "hot").select("person_id", "run_id").unique()
    judged = handed.filter(pl.col("verdict").is_in(["accepted", "rejected"])).join(hot, on=["person_id", "run_id"])
    return rate(judged.filter(pl.col("verdict") == "rejected").height, judged.height)


def _with_acceptance(counted: pl.DataFrame) -> pl.DataFrame:
    judged = counted.with_columns((pl.col("accepted") + pl.col("rejected") + pl.col("lapsed")).alias("#judged"))
    return with_share(judged, "accepted", "#judged", "acceptance").drop("#judged")


_VERDICTS = (Column("accepted"), Column("rejected"), Column("lapsed"), Column("ended"), Column("undecided"))
_ACCEPTANCE = (Column("acceptance", "share"), Column("low", "share"), Column("high", "share"))
BY_DEFINITION = (Column("definition", "text"), Column("handed"), *_VERDICTS, *_ACCEPTANCE)
BY_RULE = (Column("rule", "text"), Column("handed"), *_VERDICTS, *_ACCEPTANCE)
BY_REASON = (Column("reason", "word", "rejection"), Column("rejected"), Column("share", "share"))
DISAGREEMENT = (
    Column("rule", "text"),
    Column("hot"),
    Column("rejected"),
    Column("rejection", "share"),
    Column("low", "share"),
    Column("high", "share"),
    Column("reason", "word", "rejection"),
)


def acceptance_sheets(handed: pl.DataFrame, fired: pl.DataFrame, temperatures: pl.DataFrame) -> tuple[Sheet, ...]:
    """All four as sheets; the arguments are those of the functions above."""
    return (
        Sheet.of("acceptance", BY_DEFINITION, by_definition(handed)),
        Sheet.of("acceptance_by_rule", BY_RULE, by_rule(handed, fired)),
        Sheet.of("rejections", BY_REASON, by_reason(handed)),
        Sheet.of("disagreement", DISAGREEMENT, disagreement(handed, fired, temperatures)),
    )
