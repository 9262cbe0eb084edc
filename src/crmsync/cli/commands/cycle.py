"""pull, plan, apply, run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from crmsync.cli.asked import Asked
from crmsync.cli.frame import FAILED, FINE, Session, answers, print_json, session, terminal
from crmsync.cli.halted import alarms, approval_of
from crmsync.cli.plan_file import read_plan, write_plan
from crmsync.cli.shown import (
    batons,
    cycle_json,
    cycle_table,
    failures,
    missing_fields,
    notices,
    plan_json,
    plan_table,
    pulled_json,
    pulled_table,
)
from crmsync.cli.watch import watching
from crmsync.errors import StopConnector
from crmsync.messages import say
from crmsync.sync import pipeline
from crmsync.sync.workspace import Moment

PLAN_SHOWN = "plan_shown"


@answers
def pull(asked: Asked) -> int:
    moment = asked.moment()
    with session(asked) as at_work:
        with watching(at_work.workspace, at_work.words, quiet=asked.as_json) as progress:
            pulled = pipeline.learn(at_work.workspace, moment, progress)
        if asked.as_json:
            print_json(pulled_json(pulled, at_work.workspace))
        else:
            _say_rehearsal(moment, at_work)
            terminal().print(pulled_table(pulled, at_work.workspace, at_work.words))
            notices(pulled.notices, at_work.words)
            failures(pulled.failures, at_work.words)
        return FINE if pulled.is_complete else FAILED


@answers
def plan(asked: Asked, out: Path | None) -> int:
    moment = asked.moment()
    with session(asked) as at_work:
        workspace = at_work.workspace
        with watching(workspace, at_work.words, quiet=asked.as_json) as progress:
            pulled, prepared = pipeline.look(workspace, moment, progress)
        _remember(at_work, prepared.plan.digest, moment)
        if out is not None:
            write_plan(out, prepared.plan, workspace, moment)
        if asked.as_json:
            print_json(plan_json(prepared.plan, workspace, pulled))
        else:
            _say_rehearsal(moment, at_work)
            plan_table(terminal(), prepared.plan, at_work.words)
            missing_fields(workspace, at_work.words)
            notices(pulled.notices, at_work.words)
            failures(pulled.failures, at_work.words)
        alarms(prepared.plan, at_work.words)
        return FINE if pulled.is_complete and not prepared.plan.alarms else FAILED


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which plan to apply, and who releases what guards halt of it."""

    file: Path | None = None
    digest: str | None = None
    release: bool = False
    by: str | None = None
    because: str | None = None


@answers
def apply(asked: Asked, wanted: Wanted) -> int:
    approval = approval_of(wanted.by, wanted.because) if wanted.release else None
    with session(asked) as at_work:
        digest, moment = _plan_of(wanted, asked, at_work)
        with watching(at_work.workspace, at_work.words, quiet=asked.as_json) as progress:
            cycle = pipeline.apply_plan(at_work.workspace, moment, digest, progress, approval)
        return _finish(cycle, at_work, moment, as_json=asked.as_json)


def _plan_of(wanted: Wanted, asked: Asked, at_work: Session) -> tuple[str, Moment]:
    """The digest of the plan to apply and the instant to make it at: its own, because at another one it would be another plan.
    Raises StopConnector where there is none."""
    if wanted.file is not None:
        kept = read_plan(wanted.file, at_work.workspace)
        if wanted.digest not in (None, kept.digest):
            raise StopConnector("plan.other_digest", wanted=wanted.digest, found=kept.digest)
        return kept.digest, asked.moment() if asked.now else Moment(kept.now, kept.made_with.is_rehearsal)
    shown_digest, shown_moment = _remembered(at_work)
    digest = wanted.digest or shown_digest
    if digest is None:
        raise StopConnector("cli.no_plan")
    is_shown = asked.now is None and digest == shown_digest and shown_moment is not None
    return digest, shown_moment if is_shown and shown_moment else asked.moment()


@answers
def run(asked: Asked) -> int:
    moment = asked.moment()
    with session(asked) as at_work:
        with watching(at_work.workspace, at_work.words, quiet=asked.as_json) as progress:
            cycle = pipeline.run_cycle(at_work.workspace, moment, progress)
        return _finish(cycle, at_work, moment, as_json=asked.as_json)


def _remember(at_work: Session, digest: str, moment: Moment) -> None:
    rehearsal = " rehearsal" if moment.is_rehearsal else ""
    at_work.workspace.store.runs.set_meta(PLAN_SHOWN, f"{digest} {moment.now.isoformat()}{rehearsal}")


def _remembered(at_work: Session) -> tuple[str | None, Moment | None]:
    """The digest and the moment of the plan shown last; (None, None) before there was one."""
    kept = (at_work.workspace.store.runs.meta(PLAN_SHOWN) or "").split()
    if not kept:
        return None, None
    return kept[0], Moment(datetime.fromisoformat(kept[1]), is_rehearsal="rehearsal" in kept[2:])


def _finish(cycle: pipeline.Cycle, at_work: Session, moment: Moment, *, as_json: bool) -> int:
    if as_json:
        print_json(cycle_json(cycle, at_work.workspace))
    else:
        _say_rehearsal(moment, at_work)
        terminal().print(cycle_table(cycle, at_work.workspace, at_work.words))
        missing_fields(at_work.workspace, at_work.words)
        notices(cycle.pulled.notices, at_work.words)
        failures((*cycle.pulled.failures, *cycle.applied.failures), at_work.words)
        batons(cycle.lying, at_work.words)
    alarms(cycle.prepared.plan, at_work.words)
    return FINE if cycle.is_complete and not cycle.applied.outcomes.get("rejected") else FAILED


def _say_rehearsal(moment: Moment, at_work: Session) -> None:
    if moment.is_rehearsal:
        terminal(on_error=True).print(say("cli.rehearsal", at_work.words, now=moment.now.isoformat()))
