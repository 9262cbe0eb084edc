"""The reasons of a decision in words, short enough for a CRM field, in both languages. Frames in, frame out."""

from __future__ import annotations

import polars as pl

from crmsync.decisions.definitions import Definitions
from crmsync.decisions.frames import Decisions
from crmsync.mapping.render import shortened
from crmsync.messages import LANGUAGES, Language, say

# What a rep reads in ten seconds; the full list is in `crmsync explain`.
MOST_REASONS = 4
LONGEST = 255
"""UTF-16 units, as the CRMs count: what a plain text field of either holds."""
_PHASES = ("unidentified", "inquiry", "mql", "sql", "closed_won", "closed_lost", "recycled", "disqualified")
_TEMPERATURES = ("hot", "warm", "cold")


def with_reasons(decisions: Decisions, definitions: Definitions) -> pl.DataFrame:
    """The desired values with `reason_ja` and `reason_en`."""
    desired, listed = decisions.desired, _listed(decisions.reasons, definitions)
    for language in LANGUAGES:
        lines = _lines(decisions.desired, listed.select("person_id", pl.col(language).alias("reasons")), language)
        desired = desired.join(_short(lines, f"reason_{language}"), on="person_id", how="left", maintain_order="left")
    return desired


def _short(lines: pl.DataFrame, name: str) -> pl.DataFrame:
    """Titles of rules may be long. Nearly no line is: only those that might be are counted."""
    long = lines.filter(pl.col(name).str.len_chars() > LONGEST // 2)
    if long.is_empty():
        return lines
    cut = long.with_columns(pl.Series(name, [shortened(text, LONGEST) for text in long[name]], dtype=pl.String))
    return lines.update(cut, on="person_id")


def _lines(desired: pl.DataFrame, listed: pl.DataFrame, language: Language) -> pl.DataFrame:
    phases = {phase: say(f"phase.{phase}", language) for phase in _PHASES}
    temperatures = {name: say(f"temperature.{name}", language) for name in _TEMPERATURES}
    before, _, after = say("reason.line", language, phase="\0", reasons="\1", score="\2", temperature="\3").partition("\0")
    parts = _split(after, ("\1", "\2", "\3"))
    return (
        desired.select("person_id", "phase", "score", "temperature")
        .join(listed, on="person_id", how="left", maintain_order="left")
        .select(
            "person_id",
            pl.concat_str(
                pl.lit(before),
                pl.col("phase").replace(phases),
                pl.lit(parts[0]),
                pl.col("reasons").fill_null(say("reason.none", language)),
                pl.lit(parts[1]),
                pl.col("score").fill_null(0).round(0).cast(pl.Int64).cast(pl.String),
                pl.lit(parts[2]),
                pl.col("temperature").fill_null("cold").replace(temperatures),
                pl.lit(parts[3]),
            ).alias(f"reason_{language}"),
        )
    )


def _listed(reasons: pl.DataFrame, definitions: Definitions) -> pl.DataFrame:
    """person_id, and in each language the weightiest rules with their whole points, as one text. `reasons` are in order of persons
    and rules."""
    who, points = pl.col("#who"), pl.col("points")
    listed = (
        reasons.select("person_id", "rule", points.round(0).cast(pl.Int64), pl.col("person_id").rle_id().alias("#who"))
        .filter(points != 0)
        .sort(who, points.abs(), descending=[False, True], maintain_order=True)
        .filter((pl.int_range(pl.len()) < MOST_REASONS) | (who != who.shift(MOST_REASONS)))
    )
    sign = pl.when(points >= 0).then(pl.lit("+")).otherwise(pl.lit(""))
    texts = [
        pl.concat_str(pl.col("rule").replace(_titles(definitions, one)), pl.lit(" "), sign, points).alias(one) for one in LANGUAGES
    ]
    joined = (pl.col(one).str.join(say("reason.separator", one)) for one in LANGUAGES)
    told = listed.with_columns(texts).group_by("#who", maintain_order=True).agg(pl.col("person_id").first(), *joined)
    return told.drop("#who")


def _titles(definitions: Definitions, language: Language) -> dict[str, str]:
    scoring = definitions.scoring
    titles = {rule.name: getattr(rule.title, language) for rule in scoring.fit}
    return titles | {rule.name: getattr(rule.title, language) for rule in scoring.interest}


def _split(text: str, marks: tuple[str, ...]) -> list[str]:
    parts = []
    for mark in marks:
        head, _, text = text.partition(mark)
        parts.append(head)
    return [*parts, text]
