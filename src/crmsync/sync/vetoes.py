"""vetoes: a head of either side says no to one move of the valve, before or after it was made; and takes that back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
import structlog

from crmsync.decisions.frames import Veto
from crmsync.decisions.handover import business_day
from crmsync.decisions.signing import HEADS
from crmsync.errors import StopConnector
from crmsync.sync.guard import Approval
from crmsync.sync.lease import done_alone
from crmsync.sync.workspace import Workspace

_log = structlog.get_logger("crmsync.sync.vetoes")


@dataclass(frozen=True, slots=True)
class Objection:
    """What a head says: of which department, until which day, who and why. `version` is the one that the move made which is to
    be put back; None: the valve stays where it stands, whatever move comes next."""

    department: str
    until: date
    approval: Approval
    version: str | None = None


@done_alone("veto")
def veto(workspace: Workspace, objection: Objection, now: datetime) -> Veto:
    """Keep the valve where it stands, or put it back to where it stood before its last move, from the next cycle on and until the
    day's end. Raises StopConnector where that is no head's to say, no move to say it of, or no day until which it may be said."""
    store, at = workspace.store, workspace.at(now)
    valve = store.decided.valve()
    if objection.department not in HEADS:
        raise StopConnector("valve.no_head", department=objection.department, known=", ".join(HEADS))
    if valve is None:
        raise StopConnector("valve.not_running")
    _check_day(at, objection.until, now)
    position = valve.position if objection.version is None else _stood_before(workspace, objection.version)
    said = Veto(
        objection.version or valve.version,
        position,
        objection.until,
        objection.department,
        objection.approval.by,
        objection.approval.because,
    )
    with store.transaction() as db:
        store.vetoes.note(db, said, now)
        store.journal.note(db, "vetoed", now, {**asdict(said), "until": said.until.isoformat()})
    _log.warning("valve_vetoed", version=said.version, position=said.position, until=said.until.isoformat())
    return said


@done_alone("veto")
def lift(workspace: Workspace, approval: Approval, now: datetime) -> Veto:
    """Take back the veto that stands, and give it: from the next cycle on the valve moves again. Raises StopConnector for none."""
    store, said = workspace.store, standing(workspace, now)
    if said is None:
        raise StopConnector("valve.no_veto")
    with store.transaction() as db:
        store.vetoes.lift(db, approval.by, approval.because, now)
        store.journal.note(db, "lifted", now, asdict(approval))
    _log.warning("valve_veto_lifted", version=said.version)
    return said


def standing(workspace: Workspace, now: datetime) -> Veto | None:
    """The veto that the valve goes by now; None where it moves by itself, or is set by hand in its document."""
    said, valve = workspace.store.decided.veto(), workspace.store.decided.valve()
    at, day = workspace.at(now), _today(workspace.at(now), now)
    override = at.definitions.valve.override
    definition = at.definitions.qualification
    is_by_hand = override is not None and day <= override.until
    if said is None or valve is None or is_by_hand or not said.binds(f"{definition.name}@{definition.version}.0", day):
        return None
    return said


def owner_of(workspace: Workspace, department: str) -> str:
    """Who owns this department's side of the joint at which the valve stands; the department where nobody has said."""
    joint = workspace.definitions.joints.between(*HEADS)
    sides = () if joint is None else (joint.sender, joint.receiver)
    return next((side.owner for side in sides if side.department == department), department)


def valve_moves(workspace: Workspace) -> list[dict[str, Any]]:
    """Every move that the valve made, oldest first: at, version, position, cause, load, attainment. The first is where it began."""
    log = workspace.store.decided.valve_log()
    moves = log.filter(pl.col("version").ne_missing(pl.col("version").shift()))
    return moves.select("at", "version", "position", "cause", "load", "attainment").to_dicts()


def veto_of(body: Mapping[str, Any]) -> Veto:
    """A veto as the journal has it."""
    return Veto(**{**body, "until": date.fromisoformat(body["until"])})


def _check_day(at: Workspace, until: date, now: datetime) -> None:
    """Raises StopConnector for a day that is over, for one that is too far, and where the document sets the valve by hand."""
    valve, today = at.definitions.valve, _today(at, now)
    if valve.override is not None and today <= valve.override.until:
        raise StopConnector("valve.by_hand", until=valve.override.until.isoformat())
    last = today + timedelta(days=valve.longest_veto_days - 1)
    if not today <= until <= last:
        raise StopConnector("valve.bad_day", until=until.isoformat(), first=today.isoformat(), last=last.isoformat())
    said = standing(at, now)
    if said is not None:
        raise StopConnector("valve.vetoed_already", version=said.version, until=said.until.isoformat())


def _today(workspace: Workspace, now: datetime) -> date:
    return business_day(workspace.definitions.calendars.named(None), now).day


def _stood_before(workspace: Workspace, version: str) -> float:
    """Where the valve stood before the move that made this version. Raises StopConnector where that is not its last."""
    moves = valve_moves(workspace)
    if len(moves) < 2 or moves[-1]["version"] != version or _major(moves[-2]["version"]) != _major(version):
        raise StopConnector("valve.no_move", version=version, last=moves[-1]["version"])
    return float(moves[-2]["position"])


def _major(version: str) -> str:
    return version.rpartition(".")[0]
