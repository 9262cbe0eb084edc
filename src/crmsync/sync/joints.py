"""The views of the joints: what happens where one department hands over to the next, and what comes of it. Each takes the ledger
and the question, and gives its sheets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl

from crmsync.decisions import conditions
from crmsync.figures.acceptance import acceptance_sheets, by_definition, hot_rejection
from crmsync.figures.arrivals import tally
from crmsync.figures.batons import Carried, Needs, batons_sheets, completeness, records
from crmsync.figures.board import sla_board
from crmsync.figures.chain import rate
from crmsync.figures.counterparts import counterparts_sheet
from crmsync.figures.customers import Aftercare, Renewals, aftercare, customers_sheets, renewals
from crmsync.figures.demand import demand_sheet
from crmsync.figures.flow import visitors_of
from crmsync.figures.handovers import followed, hours_to_approach
from crmsync.figures.heads import heads_sheet
from crmsync.figures.inputs import known_by
from crmsync.figures.junk import junk_sheet
from crmsync.figures.newcomers import seniority_sheet
from crmsync.figures.period import spans
from crmsync.figures.persona import persona_by_source, persona_sheet
from crmsync.figures.points import points_sheet
from crmsync.figures.pool import Runway, pool_sheet, runway
from crmsync.figures.recycled import RECYCLED, recycle_yield, recycling_sheet
from crmsync.figures.sheet import Question, Sheet
from crmsync.figures.stays import phases_sheet, vetting_sheet
from crmsync.figures.triage import triage_sheet
from crmsync.figures.truth import truth_board, truth_sheet
from crmsync.figures.warmth import mixes, warmth_sheets
from crmsync.sync.ledger import Ledger

CHAIN = ("visitors", "leads", "mqls", "sqls", "opportunities", "wins")


def phases(ledger: Ledger, question: Question) -> tuple[Sheet, ...]:
    living = ledger.facts.persons.filter(~pl.col("is_deleted").fill_null(False)).select("person_id")
    gone = ledger.stays.join(living, on="person_id", how="anti").filter(pl.col("left_at").is_not_null())
    stayed = pl.concat([ledger.stays.join(living, on="person_id", how="semi"), gone])
    limit = ledger.workspace.watch.alarms.vetting_days
    return (
        phases_sheet(stayed, question.period, ledger.now),
        vetting_sheet(stayed, targeted(ledger), question.at_end, limit),
    )


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


def triage(ledger: Ledger, question: Question) -> tuple[Sheet, ...]:
    """Where the chain is weak, and what a point of each rate would bring; also its rate of as many days before."""
    counts, length = counted(ledger, question), question.last - question.first + timedelta(days=1)
    earlier = counted(ledger, replace(question, first=question.first - length, last=question.first - timedelta(days=1)))
    chain, before = ({step: count for step in CHAIN if (count := told[step]) is not None} for told in (counts, earlier))
    return (triage_sheet(counts, ledger.workspace.watch.alarms.triage), points_sheet(chain, before))


def recycling(ledger: Ledger, question: Question) -> tuple[Sheet, ...]:
    return (recycling_sheet(_yields(ledger, question)), pool_sheet(_runway(ledger)))


def customers(ledger: Ledger, question: Question) -> tuple[Sheet, ...]:
    return customers_sheets(_renewals(ledger, question), _aftercare(ledger, question))


def batons(ledger: Ledger, question: Question) -> tuple[Sheet, ...]:
    return batons_sheets(ledger.stays, _carried(ledger), _records(ledger, question), question.period, _needs(ledger))


def warmth(ledger: Ledger, question: Question) -> tuple[Sheet, ...]:
    limits, period = ledger.workspace.watch.alarms.temperature, question.period
    return (
        *warmth_sheets(ledger.spells, ledger.stays, period, question.at_end, limits),
        demand_sheet(ledger.states, ledger.stays, ledger.spells, period),
    )


def people(ledger: Ledger, question: Question) -> tuple[Sheet, ...]:
    """Wins per head, and newcomers beside veterans."""
    joined = pl.DataFrame(
        [(rep.rep_id, rep.joined) for rep in ledger.workspace.team.reps],
        schema={"rep_id": pl.String, "joined": pl.Date},
        orient="row",
    )
    headcounts = known_by(ledger.workspace.inputs.headcounts, ledger.zone.day_of(ledger.now))
    months = spans(question.first, question.last, question.by, ledger.zone)
    days = ledger.workspace.watch.alarms.newcomer_days
    return (
        heads_sheet(ledger.facts.opportunities, ledger.stays, headcounts, months, ledger.zone),
        seniority_sheet(ledger.clocks, joined, question.period, ledger.zone.name, days),
    )


def counterparts(ledger: Ledger, question: Question) -> tuple[Sheet, ...]:
    """Every figure beside the one that falls where it is raised by a trick."""
    counts, period = counted(ledger, question), question.period
    handed = ledger.handed.filter(period.holds("at"))
    worked = followed(handed, ledger.clocks, ledger.facts.approaches, ledger.now)
    board = _everyone(truth_board(worked, ledger.facts.persons), "side", "all")
    clocks = sla_board(ledger.clocks, period)
    recorded = {row["measure"]: row["share"] for row in _records(ledger, question).iter_rows(named=True)}
    recycles = _everyone(_yields(ledger, question).filter(pl.col("reason").is_null()), "group", RECYCLED)
    care, limits = _aftercare(ledger, question), ledger.workspace.watch.alarms.temperature
    passed = completeness(ledger.stays, _carried(ledger), period, _needs(ledger))
    values = {
        **{name: counts[name] for name in ("leads", "mqls", "opportunities", "wins")},
        "opportunity_rate": rate(counts["opportunities"], counts["leads"]),
        "win_rate": rate(counts["wins"], counts["opportunities"]),
        "persona": _persona(ledger, question),
        "hot_share": mixes(ledger.spells, ledger.stays, question.at_end, limits, weeks=1)[0].hot_share,
        "hot_rejection": hot_rejection(handed, ledger.handed_because[1]),
        "acceptance": _everyone(by_definition(handed), "definition", None).get("acceptance"),
        "completeness": rate(_total(passed, "complete"), _total(passed, "batons")),
        "sla_kept": rate(_total(clocks, "met"), _total(clocks, "met") + _total(clocks, "breached")),
        "hours_to_approach": hours_to_approach(worked),
        "follow_up": board.get("follow_up"),
        "connect": board.get("connect"),
        "touchpoints": recorded["touchpoints"],
        "closes_with_reason": recorded["closes_with_reason"],
        "acknowledged": care.acknowledged_share,
        "unfollowed": care.unfollowed_share,
        "renewal_rate": _renewals(ledger, question).rate,
        "recycled": recycles.get("entered", 0),
        "recycle_yield": recycles.get("yield"),
        "runway": _runway(ledger).months,
    }
    return (counterparts_sheet(values),)


def targeted(ledger: Ledger) -> pl.DataFrame:
    """The persons with `is_target`: whether they are the target persona; null where the facts do not say."""
    persona = ledger.workspace.watch.persona
    prepared = conditions.prepare(ledger.facts, conditions.windows_of([persona]), ledger.now)
    if not persona.conjuncts:
        return prepared.with_columns(pl.lit(None, dtype=pl.Boolean).alias("is_target"))
    return prepared.with_columns(pl.all_horizontal(part.known for part in persona.conjuncts).alias("is_target"))


def _persona(ledger: Ledger, question: Question) -> float | None:
    rows = persona_by_source(targeted(ledger), question.period, ledger.workspace.watch.alarms.persona)
    return rate(_total(rows, "target"), _total(rows, "known"))


def _yields(ledger: Ledger, question: Question) -> pl.DataFrame:
    facts = ledger.facts
    return recycle_yield(ledger.stays, facts.touches, facts.opportunities, ledger.reasons, question.period, ledger.now)


def _runway(ledger: Ledger) -> Runway:
    alarms = ledger.workspace.watch.alarms
    return runway(targeted(ledger), ledger.states, ledger.moves, ledger.now, alarms.consumption_months, alarms.least_runway_months)


def _renewals(ledger: Ledger, question: Question) -> Renewals:
    return renewals(ledger.contracts, question.first, question.last)


def _aftercare(ledger: Ledger, question: Question) -> Aftercare:
    facts, days = ledger.facts, ledger.workspace.watch.alarms.unfollowed_days
    return aftercare(facts.persons, ledger.stays, ledger.clocks, facts.approaches, question.period, ledger.now, days)


def _carried(ledger: Ledger) -> Carried:
    facts = ledger.facts
    return Carried(facts.persons, facts.opportunities, facts.touches, ledger.clocks, ledger.reasons)


def _needs(ledger: Ledger) -> Needs:
    return ledger.workspace.definitions.joints.carries


def _records(ledger: Ledger, question: Question) -> pl.DataFrame:
    facts = ledger.facts
    return records(ledger.handed, facts.touches, facts.approaches, facts.opportunities, question.period)


def counted(ledger: Ledger, question: Question) -> dict[str, int | None]:
    """What there was in the days: the steps of the chain (visitors are None where nobody gives them), people with whom a meeting
    was held, contracts that were due and those that were renewed."""
    steps = tally(ledger.arrivals, question.period)
    visitors = visitors_of(ledger.visits, question)
    met = ledger.facts.approaches.filter((pl.col("kind") == "meeting") & question.period.holds("at"))
    return {
        "visitors": None if visitors is None else round(visitors),
        **{step: steps[step] for step in CHAIN[1:]},
        "appointments": met["person_id"].n_unique(),
        **{step: steps[step] for step in ("due", "renewals")},
    }


def _total(table: pl.DataFrame, column: str) -> int:
    return int(table[column].sum())


def _everyone(table: pl.DataFrame, column: str, value: str | None) -> dict[str, Any]:
    """The one row that has this value; nothing where there is none."""
    rows = table.filter(pl.col(column).eq_missing(value)).to_dicts()
    return rows[0] if rows else {}


JOINTS: Mapping[str, Callable[[Ledger, Question], tuple[Sheet, ...]]] = {
    "phases": phases,
    "acceptance": acceptance,
    "truth": truth,
    "sources": sources,
    "triage": triage,
    "recycling": recycling,
    "customers": customers,
    "batons": batons,
    "warmth": warmth,
    "people": people,
    "counterparts": counterparts,
}
BY_SPAN = frozenset({"people"})
"""The views that give a row for each day, week, month or quarter."""
