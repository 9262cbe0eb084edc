"""The reasons of a decision in words, short enough for a CRM field, in both languages. Frames in, frame out.

    MQL (2026-05-07, standard@1.3): Manager or above +5, Pricing page +10 (05-06) = 15 (Warm)

The days are those of what is told: since when the phase stands, and of the newest act behind each rule. None is today's: the same
decision made again tomorrow reads the same.
"""

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
    standing = _standing(decisions, definitions)
    for language in LANGUAGES:
        lines = _lines(standing, listed.select("person_id", pl.col(language).alias("reasons")), language)
        desired = desired.join(_short(lines, f"reason_{language}"), on="person_id", how="left", maintain_order="left")
    return desired


def _short(lines: pl.DataFrame, name: str) -> pl.DataFrame:
    """Titles of rules may be long. Nearly no line is: only those that might be are counted."""
    long = lines.filter(pl.col(name).str.len_chars() > LONGEST // 2)
    if long.is_empty():
        return lines
    cut = long.with_columns(pl.Series(name, [shortened(text, LONGEST) for text in long[name]], dtype=pl.String))
    return lines.update(cut, on="person_id")


def _standing(decisions: Decisions, definitions: Definitions) -> pl.DataFrame:
    """The desired values with `since`: the day from which on the phase stands, and the definition that the person was handed over
    under."""
    since = decisions.state.select("person_id", _day("phase_at", definitions).alias("#day"))
    told = pl.concat_str("#day", "definition", separator=", ", ignore_nulls=True)
    return decisions.desired.join(since, on="person_id", how="left", maintain_order="left").with_columns(told.alias("since"))


def _day(instant: str, definitions: Definitions) -> pl.Expr:
    """2026-05-07, in the zone of the targets."""
    return pl.col(instant).dt.convert_time_zone(definitions.targets.time_zone).dt.date().cast(pl.String)


def _lines(standing: pl.DataFrame, listed: pl.DataFrame, language: Language) -> pl.DataFrame:
    phases = {phase: say(f"phase.{phase}", language) for phase in _PHASES}
    temperatures = {name: say(f"temperature.{name}", language) for name in _TEMPERATURES}
    marks = {"since": "\1", "reasons": "\2", "score": "\3", "temperature": "\4"}
    before, _, after = say("reason.line", language, phase="\0", **marks).partition("\0")
    parts = _split(after, tuple(marks.values()))
    return (
        standing.select("person_id", "phase", "score", "temperature", "since")
        .join(listed, on="person_id", how="left", maintain_order="left")
        .select(
            "person_id",
            pl.concat_str(
                pl.lit(before),
                pl.col("phase").replace(phases),
                pl.lit(parts[0]),
                pl.col("since"),
                pl.lit(parts[1]),
                pl.col("reasons").fill_null(say("reason.none", language)),
                pl.lit(parts[2]),
                pl.col("score").fill_null(0).round(0).cast(pl.Int64).cast(pl.String),
                pl.lit(parts[3]),
                pl.col("temperature").fill_null("cold").replace(temperatures),
                pl.lit(parts[4]),
            ).alias(f"reason_{language}"),
        )
    )


def _listed(reasons: pl.DataFrame, definitions: Definitions) -> pl.DataFrame:
    """person_id, and in each language the weightiest rules with their whole points, as one text. `reasons` are in order of persons
    and rules."""
    who, points = pl.col("#who"), pl.col("points")
    listed = (
        reasons.select(
            "person_id", "rule", points.round(0).cast(pl.Int64), "evidence_at", pl.col("person_id").rle_id().alias("#who")
        )
        .filter(points != 0)
        .sort(who, points.abs(), descending=[False, True], maintain_order=True)
        .filter((pl.int_range(pl.len()) < MOST_REASONS) | (who != who.shift(MOST_REASONS)))
    )
    sign = pl.when(points >= 0).then(pl.lit("+")).otherwise(pl.lit(""))
    # the year stands before, or does not matter any more: points fade
    when = pl.format(" ({})", _day("evidence_at", definitions).str.slice(len("2026-"))).fill_null("")
    texts = [
        pl.concat_str(pl.col("rule").replace(_titles(definitions, one)), pl.lit(" "), sign, points, when).alias(one)
        for one in LANGUAGES
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
