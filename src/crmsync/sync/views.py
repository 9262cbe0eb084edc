"""The views of `crmsync figures`, by name: what each makes of the ledger. A view is one entry here and a function in `figures/`;
the command prints, documents as JSON and exports it from its sheets alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from crmsync.errors import FixConfig, Problem
from crmsync.figures.arrivals import SPLITS, tally
from crmsync.figures.board import sla_sheet
from crmsync.figures.bottleneck import BASELINE_PERIODS, bottleneck_sheet
from crmsync.figures.flow import cohort_sheet, flow_sheet, opened_sheet, visitors_of
from crmsync.figures.methods import Acquired, methods_sheet, saturation_sheet
from crmsync.figures.sheet import Question, Sheet
from crmsync.sync.joints import BY_SPAN, JOINTS
from crmsync.sync.ledger import Ledger
from crmsync.sync.review import targets_of

Make = Callable[[Ledger, Question], tuple[Sheet, ...]]


@dataclass(frozen=True, slots=True)
class View:
    """One view: its sheets, and which of the options `by`, `split` and `cohort` mean something to it."""

    make: Make
    takes: frozenset[str] = frozenset()
    splits: frozenset[str] = frozenset()


def _chain(ledger: Ledger, question: Question) -> tuple[Sheet, ...]:
    """What happened; as cohort what became of the leads, and of the opportunities."""
    if question.as_cohort:
        cohort = cohort_sheet(ledger.arrivals, ledger.states, question)
        return (cohort, opened_sheet(ledger.arrivals, ledger.facts.opportunities, question))
    return (flow_sheet(ledger.arrivals, ledger.visits, question),)


def _bottleneck(ledger: Ledger, question: Question) -> tuple[Sheet, ...]:
    """Beside the targets of the days, what was usual in as many days, three times over, before them."""
    days = (question.last - question.first + timedelta(days=1)) * BASELINE_PERIODS
    before = replace(question, first=question.first - days, last=question.first - timedelta(days=1))
    now, usual = (_counts(ledger, asked) for asked in (question, before))
    return (bottleneck_sheet(now, targets_of(ledger.definitions.targets, question.first, question.last), usual),)


def _counts(ledger: Ledger, question: Question) -> dict[str, float | None]:
    return {**tally(ledger.arrivals, question.period), "visitors": visitors_of(ledger.visits, question)}


def _methods(ledger: Ledger, question: Question) -> tuple[Sheet, ...]:
    return (methods_sheet(_acquired(ledger), question),)


def _saturation(ledger: Ledger, question: Question) -> tuple[Sheet, ...]:
    """Month by month where no span was asked for: it is about the step from one to the next."""
    asked = replace(question, by="month") if question.by == "period" else question
    return (saturation_sheet(_acquired(ledger), ledger.workspace.watch.alarms.saturation, asked),)


def _acquired(ledger: Ledger) -> Acquired:
    return Acquired(ledger.arrivals, ledger.facts.persons, ledger.spend)


def _sla(ledger: Ledger, question: Question) -> tuple[Sheet, ...]:
    return (sla_sheet(ledger.clocks, question.period),)


VIEWS: Mapping[str, View] = {
    "chain": View(_chain, frozenset({"by", "split", "cohort"}), frozenset(SPLITS)),
    "bottleneck": View(_bottleneck),
    "methods": View(_methods, frozenset({"by"})),
    "saturation": View(_saturation, frozenset({"by"})),
    "sla": View(_sla),
    **{name: View(make, frozenset({"by"} if name in BY_SPAN else ())) for name, make in JOINTS.items()},
}


def made(names: Iterable[str], ledger: Ledger, question: Question) -> tuple[Sheet, ...]:
    """The sheets of these views, in this order. Raises FixConfig for a view that there is not, and for an option or a split that a
    view can make nothing of: an answer to another question than was asked is worse than none."""
    wanted = tuple(dict.fromkeys(names))
    problems = [problem for name in wanted for problem in _problems(name, question)]
    if problems:
        raise FixConfig(problems)
    return tuple(sheet for name in wanted for sheet in VIEWS[name].make(ledger, question))


def _problems(name: str, question: Question) -> list[Problem]:
    view = VIEWS.get(name)
    if view is None:
        return [Problem(name, 1, 1, "figures.no_view", {"view": name, "known": ", ".join(sorted(VIEWS))})]
    asked = {"by": question.by != "period", "split": bool(question.split), "cohort": question.as_cohort}
    found = [
        Problem(f"--{option}", 1, 1, "figures.not_taken", {"view": name, "option": option})
        for option, is_asked in asked.items()
        if is_asked and option not in view.takes
    ]
    strange = [split for split in question.split if "split" in view.takes and split not in view.splits]
    known = ", ".join(sorted(view.splits))
    return found + [Problem("--split", 1, 1, "figures.no_split", {"view": name, "split": one, "known": known}) for one in strange]
