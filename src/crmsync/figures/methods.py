"""The methods of acquisition side by side, and whether one more lead of a method has become too dear (CPA always worsens).

Spend is absent for a method of which nobody gave any: what it costs per lead is then unknown, not nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import polars as pl

from crmsync.figures.alarms import SaturationLimits
from crmsync.figures.counting import SPAN, beside, given_in_spans, grid, in_spans, rate, spans_of
from crmsync.figures.inputs import known_by
from crmsync.figures.period import spans
from crmsync.figures.sheet import Column, Question, Sheet

METHODS = (
    *SPAN,
    Column("method", "word", "method"),
    Column("leads"),
    Column("spend", "money"),
    Column("cpa", "money"),
    Column("opportunities"),
    Column("opportunity_rate", "share"),
    Column("cost_per_opportunity", "money"),
    Column("wins"),
    Column("win_rate", "share"),
    Column("cost_per_win", "money"),
    Column("days_to_opportunity", "days"),
    Column("known_share", "share"),
)
SATURATION = (
    *SPAN,
    Column("method", "word", "method"),
    Column("leads"),
    Column("spend", "money"),
    Column("cpa", "money"),
    Column("more_leads", "number"),
    Column("more_spend", "money"),
    Column("marginal_cpa", "money"),
    Column("limit", "money"),
    Column("known_share", "share"),
    Column("alarm", "word", "alarm"),
)


@dataclass(frozen=True, slots=True)
class Acquired:
    """What the methods are judged by: ARRIVALS, PERSONS, and GIVEN spend with the method of every row (None: nobody gave any)."""

    arrivals: pl.DataFrame
    persons: pl.DataFrame
    spend: pl.DataFrame | None


def with_methods(spend: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Spend on a campaign goes with the method by which most of its leads came; where none came, with no method. `known` are the
    profiles."""
    of_campaign = (
        known.drop_nulls(["campaign", "method"])
        .group_by("campaign", "method")
        .len()
        .sort(["len", "method"], descending=[True, False])
        .unique("campaign", keep="first", maintain_order=True)
        .select("campaign", pl.col("method").alias("method_of_leads"))
    )
    told = spend.join(of_campaign, on="campaign", how="left", maintain_order="left")
    return told.with_columns(pl.coalesce("method", "method_of_leads").alias("method")).select(spend.columns)


def all_spend(given: pl.DataFrame | None, campaigns: pl.DataFrame) -> pl.DataFrame | None:
    """What people gave, and what the CRMs say of campaigns that people gave nothing for. None where there is neither."""
    if given is None:
        return campaigns if campaigns.height else None
    own = given.select("campaign").drop_nulls().unique()
    return pl.concat([given, campaigns.join(own, on="campaign", how="anti")])


def methods_sheet(acquired: Acquired, question: Question) -> Sheet:
    """Of the leads that each method brought in each span: how many, for how much, what became of them, how long it took."""
    asked = replace(question, split=("method",))
    people = _people(acquired, asked)
    counted = people.group_by("span", "method").agg(
        pl.len().cast(pl.Int64).alias("leads"),
        *(pl.col(f"{step}_at").is_not_null().sum().cast(pl.Int64).alias(step) for step in ("opportunities", "wins")),
        ((pl.col("opportunities_at") - pl.col("at")).dt.total_seconds() / 86_400).median().alias("days_to_opportunity"),
        pl.col("is_known").mean().alias("known_share"),
    )
    spend, missing = _spend(acquired, asked)
    rows = _table(counted, spend, asked).with_columns(
        rate("opportunities", "leads").alias("opportunity_rate"),
        rate("wins", "opportunities").alias("win_rate"),
        *(rate("spend", step).alias(name) for name, step in _COSTS.items()),
    )
    return Sheet.of("methods", METHODS, rows, missing=missing)


def saturation_sheet(acquired: Acquired, limits: SaturationLimits, question: Question) -> Sheet:
    """Each method from span to span: what the leads cost that it brought more than the span before. Alarms only for spans that are
    over and were asked for whole: half a month is no month that brought less."""
    asked = replace(question, split=("method",))
    people = _people(acquired, asked)
    counted = people.group_by("span", "method").agg(
        pl.len().cast(pl.Int64).alias("leads"), pl.col("is_known").mean().alias("known_share")
    )
    spend, missing = _spend(acquired, asked)
    rows = _table(counted, spend, asked).sort("method", "first", nulls_last=True)
    whole = pl.col("span").is_in(whole_spans(asked))
    before = (pl.col(name).shift(1).over("method") for name in ("leads", "spend"))
    more_leads, more_spend = (pl.col(name) - former for name, former in zip(("leads", "spend"), before, strict=True))
    same_sign = (more_spend > 0) == (more_leads > 0)
    rows = rows.with_columns(
        rate("spend", "leads").alias("cpa"),
        more_leads.alias("more_leads"),
        more_spend.alias("more_spend"),
        pl.when((more_leads != 0) & (more_spend != 0) & same_sign).then(more_spend / more_leads).alias("marginal_cpa"),
        _limit(limits).alias("limit"),
    )
    dear = pl.when(whole & whole.shift(1).over("method")).then(_too_dear())
    known = pl.when(whole).then(_too_known(limits))
    return Sheet.of("saturation", SATURATION, rows.with_columns(pl.coalesce(dear, known).alias("alarm")), missing=missing)


_COSTS = {"cpa": "leads", "cost_per_opportunity": "opportunities", "cost_per_win": "wins"}


def whole_spans(question: Question) -> list[str]:
    """The spans that lie in the question with all their days, which are over."""
    today, day = question.zone.day_of(question.now), timedelta(days=1)
    edges = {
        span.label for one in (question.first - day, question.last + day) for span in spans(one, one, question.by, question.zone)
    }
    return [span.label for span in spans_of(question) if span.last < today and (question.by == "period" or span.label not in edges)]


def _too_dear() -> pl.Expr:
    """More was spent, and the leads that it brought cost more than the limit; or it brought none."""
    dear = (pl.col("more_spend") > 0) & (pl.col("more_leads") > 0) & (pl.col("marginal_cpa") > pl.col("limit"))
    in_vain = (pl.col("more_spend") > 0) & (pl.col("more_leads") <= 0) & pl.col("limit").is_not_null()
    return pl.when(dear).then(pl.lit("marginal_cpa")).when(in_vain).then(pl.lit("spent_in_vain"))


def _limit(limits: SaturationLimits) -> pl.Expr:
    """What one more lead may cost, by method."""
    others = pl.lit(limits.marginal_cpa, pl.Float64)
    return (
        pl.col("method").replace_strict(dict(limits.methods), default=others, return_dtype=pl.Float64) if limits.methods else others
    )


def _too_known(limits: SaturationLimits) -> pl.Expr:
    if limits.known_companies is None:
        return pl.lit(None, pl.String)
    return pl.when(pl.col("known_share") > limits.known_companies).then(pl.lit("known_companies"))


def _people(acquired: Acquired, question: Question) -> pl.DataFrame:
    """Each lead of the span with its method, when its first opportunity and its first win were, and whether its company was known
    before it: somebody else of the company was in the records earlier."""
    leads = in_spans(acquired.arrivals.filter(pl.col("step") == "leads"), "at", question).select(
        "span", "person_id", "method", "at"
    )
    firsts = acquired.arrivals.group_by("person_id").agg(
        pl.col("at").filter(pl.col("step") == step).min().alias(f"{step}_at") for step in ("opportunities", "wins")
    )
    companies = acquired.persons.select("person_id", "company_id", "created_at")
    known = pl.col("created_at") > pl.col("created_at").min().over("company_id")
    marked = companies.select("person_id", pl.when(pl.col("company_id").is_not_null()).then(known).alias("is_known"))
    return leads.join(firsts, on="person_id", how="left").join(marked, on="person_id", how="left")


def _spend(acquired: Acquired, question: Question) -> tuple[pl.DataFrame, tuple[str, ...]]:
    given = known_by(acquired.spend, question.zone.day_of(question.now))
    if given is None:
        return pl.DataFrame(schema={"span": pl.String, "method": pl.String, "spend": pl.Float64}), ("spend",)
    return given_in_spans(given, question).rename({"value": "spend"}), ()


def _table(counted: pl.DataFrame, spend: pl.DataFrame, question: Question) -> pl.DataFrame:
    whole = beside(grid(question, counted, spend), counted, question)
    numbers = [pl.col(name).fill_null(0) for name in ("leads", "opportunities", "wins") if name in counted.columns]
    return beside(whole.with_columns(numbers), spend, question)
