"""shadow: other rules decide silently beside the live ones, from the same facts; where they disagree is kept, and shown on demand.

Nothing of it is ever written to a CRM or to what the live rules go on from. It runs when a cycle has sent what it had to send, and
whatever goes wrong in it is told as a notice and costs the cycle nothing.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
import structlog

from crmsync.connect.contract import Notice
from crmsync.decisions.shadow import disagreements, reasons, step
from crmsync.decisions.signing import Rules
from crmsync.errors import FixConfig
from crmsync.store.shadows import Kept, Standing
from crmsync.sync.decide import Decided
from crmsync.sync.names import NOBODY, names_of
from crmsync.sync.workspace import Workspace

_log = structlog.get_logger("crmsync.sync.shadow")


@dataclass(frozen=True, slots=True)
class Shadowed:
    """What a cycle's shadow came to: until when its decisions stand (None: there are none), and what is to be told."""

    wakes_at: datetime | None = None
    notices: tuple[Notice, ...] = ()


def shadow(workspace: Workspace, decided: Decided, run_id: str, now: datetime) -> Shadowed:
    """Decide in the shadow what the cycle has decided, and keep where the two disagree. Raises nothing."""
    beside = workspace.shadow
    if beside is None:
        return Shadowed()
    if beside.rules is None:
        return Shadowed(notices=(Notice("shadow.unreadable", {"count": len(beside.problems)}, stands=True),))
    try:
        return Shadowed(_decide_beside(workspace, beside.rules, decided, run_id, now))
    except Exception as error:  # noqa: BLE001 - in whatever way a shadow fails, it must not hurt the live cycle
        # its text may quote a record: only what it is and where
        where = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(traceback.extract_tb(error.__traceback__)[-5:]))
        _log.error("shadow_failed", run_id=run_id, error=type(error).__name__, where=where)
        return Shadowed(notices=(Notice("shadow.failed", {"error": type(error).__name__}, stands=True),))


def _decide_beside(workspace: Workspace, rules: Rules, decided: Decided, run_id: str, now: datetime) -> datetime:
    shadows, live = workspace.store.shadows, decided.decisions
    kept = shadows.kept(rules.digest)
    stood = shadows.standing() if kept else []
    since, before = (kept.since, kept.before.under(workspace.store.identity.aliases())) if kept else (now, decided.before)
    alone = [one.person_id for one in stood if one.kind == "mql_in"]
    made = step(decided.facts, before, alone, live, rules.definitions, now)
    found = disagreements(live.state, made.decisions.state)
    fresh = _fresh(found, stood)["person_id"]
    because = [_by_person(reasons(side, fresh)) for side in (live, made.decisions)]
    phases = dict(live.state.select("person_id", "phase").iter_rows())
    with workspace.store.transaction() as db:
        shadows.keep(db, rules.digest, Kept(made.before, since), now)
        shadows.note(db, found, (because[0], because[1]), phases, now)
    _log.info("shadow_decided", run_id=run_id, digest=rules.digest, disagreements=found.height)
    return made.wakes_at


def _fresh(found: pl.DataFrame, stood: list[Standing]) -> pl.DataFrame:
    """Those that are new, or stand otherwise than before: of them the reasons are asked."""
    rows = [(one.person_id, one.kind, one.live, one.shadow) for one in stood]
    before = pl.DataFrame(rows, schema=found.schema, orient="row")
    return found.join(before, on=found.columns, how="anti", nulls_equal=True)


def _by_person(frame: pl.DataFrame) -> dict[str, dict[str, Any]]:
    return {row.pop("person_id"): row for row in frame.to_dicts()}


# ---------------------------------------------------------------------------------------------------------------- looking


@dataclass(frozen=True, slots=True)
class Report:
    """Where live rules and shadow disagree: since when the shadow runs and when it last decided (None: not yet), how many by kind,
    the disagreements that stand (the oldest first, with names), and how those ended that are gone."""

    rules: Rules
    since: datetime | None
    decided_at: datetime | None
    counts: tuple[Mapping[str, Any], ...]
    standing: tuple[Mapping[str, Any], ...]
    ended: tuple[Mapping[str, Any], ...]


def report(workspace: Workspace, begun: datetime | None = None) -> Report | None:
    """The disagreements of the configured shadow, or those that began at an instant or later; None where none is configured.
    Raises FixConfig where its rules cannot be read."""
    beside = workspace.shadow
    if beside is None:
        return None
    if beside.rules is None:
        raise FixConfig(beside.problems)
    ran = workspace.store.shadows.running()
    if ran is None or ran.digest != beside.rules.digest:
        return Report(beside.rules, None, None, (), (), ())
    found = workspace.store.shadows.frame()
    mine = found if begun is None else found.filter(pl.col("since") >= begun)
    standing, gone = mine.filter(pl.col("ended_at").is_null()), mine.filter(pl.col("ended_at").is_not_null())
    counts = standing.group_by("kind").agg(pl.len().alias("count"), pl.col("since").min().alias("oldest")).sort("kind")
    ended = gone.group_by("kind", "outcome").agg(pl.len().alias("count")).sort("kind", "outcome", nulls_last=True)
    told = standing.drop("ended_at", "outcome").sort("since", "person_id", "kind")
    names = names_of(workspace, ran.decided_at, set(told["person_id"]))
    rows = tuple({**row, **names.get(row["person_id"], NOBODY)} for row in told.iter_rows(named=True))
    return Report(beside.rules, ran.since, ran.decided_at, tuple(counts.to_dicts()), rows, tuple(ended.to_dicts()))
