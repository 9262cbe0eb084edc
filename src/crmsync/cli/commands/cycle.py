"""pull, plan, apply, run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from crmsync.cli.frame import FAILED, FINE, answers, chosen_language, instant, print_json, workspace
from crmsync.cli.shown import cycle_json, cycle_table, failures, plan_json, plan_table, pulled_json, pulled_table
from crmsync.cli.watch import watching
from crmsync.errors import StopConnector
from crmsync.messages import Language, say
from crmsync.sync import pipeline
from crmsync.sync.workspace import Moment

PLAN_SHOWN = "plan_shown"


@answers
def pull(config: Path, now: str | None, as_json: bool, language: str | None) -> int:
    at, is_rehearsal = instant(now)
    with workspace(config) as opened:
        words = chosen_language(language, opened.language)
        with watching(opened, quiet=as_json) as progress:
            pulled = pipeline.learn(opened, Moment(at, is_rehearsal), progress)
        if as_json:
            print_json(pulled_json(pulled, opened))
        else:
            _say_rehearsal(at, is_rehearsal, words)
            Console().print(pulled_table(pulled, opened, words))
            failures(pulled.failures, words)
        return FAILED if pulled.failures else FINE


@answers
def plan(config: Path, now: str | None, as_json: bool, language: str | None) -> int:
    at, is_rehearsal = instant(now)
    moment = Moment(at, is_rehearsal)
    with workspace(config) as opened:
        words = chosen_language(language, opened.language)
        with watching(opened, quiet=as_json) as progress:
            pulled = pipeline.learn(opened, moment, progress)
            prepared = pipeline.prepare(opened, moment)
        opened.store.runs.set_meta(PLAN_SHOWN, f"{prepared.plan.digest} {at.isoformat()}")
        if as_json:
            print_json(plan_json(prepared.plan))
        else:
            _say_rehearsal(at, is_rehearsal, words)
            plan_table(Console(), prepared.plan, words)
            failures(pulled.failures, words)
        return FAILED if pulled.failures else FINE


@answers
def apply(config: Path, digest: str | None, now: str | None, as_json: bool, language: str | None) -> int:
    with workspace(config) as opened:
        words = chosen_language(language, opened.language)
        shown = (opened.store.runs.meta(PLAN_SHOWN) or " ").split(" ")
        if not (digest or shown[0]):
            raise StopConnector("cli.no_plan")
        same_plan = digest is None or digest == shown[0]
        at, is_rehearsal = instant(now or (shown[1] if same_plan and shown[1] else None))
        moment = Moment(at, is_rehearsal if now else False)
        with watching(opened, quiet=as_json) as progress:
            cycle = pipeline.apply_plan(opened, moment, digest or shown[0], progress)
        return _finish(cycle, opened, as_json, words)


@answers
def run(config: Path, now: str | None, as_json: bool, language: str | None) -> int:
    at, is_rehearsal = instant(now)
    with workspace(config) as opened:
        words = chosen_language(language, opened.language)
        with watching(opened, quiet=as_json) as progress:
            cycle = pipeline.run_cycle(opened, Moment(at, is_rehearsal), progress)
        if not as_json:
            _say_rehearsal(at, is_rehearsal, words)
        return _finish(cycle, opened, as_json, words)


def _finish(cycle: pipeline.Cycle, opened: Any, as_json: bool, words: Language) -> int:
    if as_json:
        print_json(cycle_json(cycle, opened))
    else:
        Console().print(cycle_table(cycle, opened, words))
        failures((*cycle.pulled.failures, *cycle.applied.failures), words)
    return FINE if cycle.is_complete and not cycle.applied.outcomes.get("rejected") else FAILED


def _say_rehearsal(at: Any, is_rehearsal: bool, words: Language) -> None:
    if is_rehearsal:
        Console(stderr=True).print(say("cli.rehearsal", words, now=at.isoformat()))
