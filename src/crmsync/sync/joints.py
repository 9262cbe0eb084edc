"""The views of the joints: what happens where one department hands over to the next, and what comes of it. Each takes the ledger
and the question, and gives its sheets."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from crmsync.decisions import conditions
from crmsync.figures.acceptance import acceptance_sheets
from crmsync.figures.handovers import followed
from crmsync.figures.junk import junk_sheet
from crmsync.figures.persona import persona_sheet
from crmsync.figures.sheet import Question, Sheet
from crmsync.figures.stays import phases_sheet
from crmsync.figures.truth import truth_sheet
from crmsync.sync.ledger import Ledger


def phases(ledger: Ledger, question: Question) -> tuple[Sheet, ...]:
    living = ledger.facts.persons.filter(~pl.col("is_deleted").fill_null(False)).select("person_id")
    gone = ledger.stays.join(living, on="person_id", how="anti").filter(pl.col("left_at").is_not_null())
    stayed = pl.concat([ledger.stays.join(living, on="person_id", how="semi"), gone])
    return (phases_sheet(stayed, question.period, ledger.now, ledger.workspace.watch.alarms.vetting_days),)


def acceptance(ledger: Ledger, question: Question) -> tuple[Sheet, ...]:
    return acceptance_sheets(ledger.handed.filter(question.period.holds("at")), *ledger.handed_because)


def truth(ledger: Ledger, question: Question) -> tuple[Sheet, ...]:
    handed = ledger.handed.filter(question.period.holds("at"))
    return (truth_sheet(followed(handed, ledger.clocks, ledger.facts.approaches, ledger.now), ledger.facts.persons),)


def sources(ledger: Ledger, question: Question) -> tuple[Sheet, ...]:
    alarms, persons = ledger.workspace.watch.alarms, targeted(ledger)
    return (
        junk_sheet(persons, ledger.facts.opportunities, question.at_end, alarms.junk),
        persona_sheet(persons, question.period, alarms.persona),
    )


def targeted(ledger: Ledger) -> pl.DataFrame:
    """The persons with `is_target`: whether they are the target persona; null where the facts do not say."""
    persona = ledger.workspace.watch.persona
    prepared = conditions.prepare(ledger.facts, conditions.windows_of([persona]), ledger.now)
    if not persona.conjuncts:
        return prepared.with_columns(pl.lit(None, dtype=pl.Boolean).alias("is_target"))
    return prepared.with_columns(pl.all_horizontal(part.known for part in persona.conjuncts).alias("is_target"))


JOINTS: Mapping[str, Callable[[Ledger, Question], tuple[Sheet, ...]]] = {
    "phases": phases,
    "acceptance": acceptance,
    "truth": truth,
    "sources": sources,
}
