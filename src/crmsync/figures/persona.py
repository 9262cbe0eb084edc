"""The target persona: how much of what each source brings is whom we are after. Not any card counts, but the future denominator."""

from __future__ import annotations

import polars as pl

from crmsync.figures.alarms import PersonaLimits
from crmsync.figures.chance import with_share
from crmsync.figures.period import Period
from crmsync.figures.sheet import Column, Sheet

WORST = "D"
UNKNOWN = "unknown"


def persona_by_source(persons: pl.DataFrame, period: Period, limits: PersonaLimits) -> pl.DataFrame:
    """source, leads, known, target, persona, low, high, grade: of the leads created in the period. `persons` need person_id,
    identified, created_at, source_method, and is_target (null where the facts do not say): `persona` is target ÷ known. A source
    with few known leads has no grade."""
    leads = persons.filter(pl.col("identified") & period.holds("created_at"))
    counted = leads.group_by(pl.col("source_method").fill_null(UNKNOWN).alias("source")).agg(
        pl.len().alias("leads"),
        pl.col("is_target").is_not_null().sum().cast(pl.Int64).alias("known"),
        pl.col("is_target").fill_null(False).sum().cast(pl.Int64).alias("target"),
    )
    shared = with_share(counted, "target", "known", "persona")
    return shared.with_columns(_grade(limits).alias("grade")).sort("leads", "source", descending=[True, False])


def _grade(limits: PersonaLimits) -> pl.Expr:
    grade: pl.Expr = pl.lit(WORST)
    for name, least in sorted(limits.grades.items(), key=lambda item: item[1]):
        grade = pl.when(pl.col("persona") >= least).then(pl.lit(name)).otherwise(grade)
    return pl.when(pl.col("known") >= limits.least_leads).then(grade)


PERSONA = (
    Column("method", "text"),
    Column("leads"),
    Column("known"),
    Column("target_leads"),
    Column("persona", "share"),
    Column("low", "share"),
    Column("high", "share"),
    Column("grade", "text"),
)


def persona_sheet(persons: pl.DataFrame, period: Period, limits: PersonaLimits) -> Sheet:
    """The sources by method as a sheet."""
    rows = persona_by_source(persons, period, limits)
    return Sheet.of("persona", PERSONA, rows.rename({"source": "method", "target": "target_leads"}))
