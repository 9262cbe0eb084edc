"""valve: where it stands and how it moved; a head's veto against a move, and taking that back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from rich.console import Console

from crmsync.cli.asked import Asked
from crmsync.cli.frame import FINE, Session, answers, print_json, session, terminal
from crmsync.cli.halted import approval_of
from crmsync.cli.shown import table
from crmsync.decisions.frames import ValvePosition, Veto
from crmsync.errors import FixConfig, Problem, StopConnector
from crmsync.messages import Language, name_of, say
from crmsync.sync.brief import moment
from crmsync.sync.vetoes import Objection, lift, standing, valve_moves, veto
from crmsync.sync.workspace import Workspace

_MOST_MOVES = 10


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be done: "show", "veto" (of a version, or of what comes next) or "lift"; whose it is, until when, who and why."""

    action: str
    version: str | None = None
    department: str | None = None
    until: str | None = None
    by: str | None = None
    because: str | None = None


@answers
def execute(asked: Asked, wanted: Wanted) -> int:
    if wanted.action not in ("show", "veto", "lift"):
        raise StopConnector("valve.bad_action", action=wanted.action)
    objection = _objection(wanted) if wanted.action == "veto" else None
    with session(asked) as at_work:
        now = asked.moment().now
        if objection is not None:
            _say(asked, at_work, "valve.veto_kept", veto(at_work.workspace, objection, now))
        elif wanted.action == "lift":
            _say(asked, at_work, "valve.lifted", lift(at_work.workspace, approval_of(wanted.by, wanted.because), now))
        else:
            _show(asked, at_work)
    return FINE


def _objection(wanted: Wanted) -> Objection:
    """Raises FixConfig where something is not said, or the day is none."""
    try:
        until = date.fromisoformat(wanted.until or "")
    except ValueError:
        raise FixConfig([Problem("--until", 1, 1, "valve.needs_end")]) from None
    if not wanted.department:
        raise FixConfig([Problem("--department", 1, 1, "valve.needs_end")])
    return Objection(wanted.department, until, approval_of(wanted.by, wanted.because), wanted.version)


def _say(asked: Asked, at_work: Session, code: str, said: Veto) -> None:
    if asked.as_json:
        print_json({"answer": code.removeprefix("valve."), "veto": asdict(said)})
    else:
        told = {"version": said.version, "position": f"{said.position:g}", "until": said.until.isoformat()}
        terminal().print(say(code, at_work.words, **told), soft_wrap=True)


def _show(asked: Asked, at_work: Session) -> None:
    """Raises StopConnector before the valve was first looked at."""
    workspace = at_work.workspace
    stands = workspace.store.decided.valve()
    if stands is None:
        raise StopConnector("valve.not_running")
    moves, vetoes = valve_moves(workspace), workspace.store.vetoes.frame().drop("id").to_dicts()
    if asked.as_json:
        said = standing(workspace, asked.moment().now)
        print_json({"stands": asdict(stands), "veto": None if said is None else asdict(said), "moves": moves, "vetoes": vetoes})
        return
    terminal().print(_stands(workspace, stands, at_work.words), soft_wrap=True)
    zone = workspace.definitions.targets.time_zone
    _moves(terminal(), moves, zone, at_work.words)
    if vetoes:
        _vetoes(terminal(), vetoes, zone, at_work.words)


def _stands(workspace: Workspace, stands: ValvePosition, words: Language) -> str:
    agreed = workspace.definitions.qualification
    warmth = ", ".join(name_of("temperature", name, words) for name in agreed.temperatures(stands.position))
    told = {"position": f"{stands.position:g}", "version": stands.version, "since": stands.moved_on}
    least = f"{agreed.minimum_score(stands.position):g}"
    return say("valve.stands", words, because=_why(asdict(stands), words), least=least, temperatures=warmth, **told)


def _why(row: Mapping[str, Any], words: Language) -> str:
    return say(f"rules.valve.{row['cause']}", words, load=row["load"], attainment=row["attainment"] or 0.0)


def _moves(console: Console, moves: Sequence[Mapping[str, Any]], zone: str, words: Language) -> None:
    columns = ("at", "definition", "position:number", "because")
    shown = table(say("title.valve_moves", words), *columns, language=words)
    for row in moves[-_MOST_MOVES:]:
        shown.add_row(moment(row["at"], zone, words), row["version"], f"{row['position']:g}", _why(row, words))
    console.print(shown)


def _vetoes(console: Console, vetoes: Sequence[Mapping[str, Any]], zone: str, words: Language) -> None:
    columns = ("at", "definition", "position:number", "until", "by", "because", "lifted")
    shown = table(say("title.vetoes", words), *columns, language=words)
    for row in vetoes:
        by = f"{row['by']} ({name_of('department', row['department'], words)})"
        lifted = "" if row["lifted_at"] is None else f"{moment(row['lifted_at'], zone, words)} {row['lifted_by']}"
        at, position, until = moment(row["at"], zone, words), f"{row['position']:g}", row["until"].isoformat()
        shown.add_row(at, row["version"], position, until, by, row["because"], lifted)
    console.print(shown)
