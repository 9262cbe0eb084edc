"""Killed over and over, nothing is lost and nothing is done twice.

    python bench/crash.py [--quick] [--kills N] [--days N]

The same virtual days are played twice against the sandbox, over HTTP: once in peace, once with the worker killed (SIGKILL) at
named boundaries and at random instants while one call in ten goes wrong, answers lost after the write was applied among them.
At each virtual instant the worker is then started again until nothing is left to do. Both ends must be the same: phases, owners,
tasks, field values; and in neither may a task stand twice or a field be written that no mapping declares.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from common import Board, leave, say
from crmsync.bootstrap import open_workspace, shipped
from crmsync.demo.configuration import write_configuration
from crmsync.sandbox.faults import Fault, FaultKind
from crmsync.sandbox.world.config import WorldConfig
from crmsync.sandbox.world.control import Sandbox, open_sandbox
from crmsync.sandbox.world.roster import roster
from crmsync.store import tables

SEED = 11
HOURS = (0, 5)  # of each working day: two cycles, as far apart as 9:00 and 14:00
# One call in ten goes wrong, each kind at a pace of its own: never so many in a row that a connection is given up. A cycle during
# which one CRM is down decides on what the other one knows; that is right, and another story than this one.
_MISHAPS = {
    FaultKind.HTML_502: 49,
    FaultKind.CUT_BEFORE: 50,
    FaultKind.LOST_ANSWER: 51,
    FaultKind.TRUNCATED: 52,
    FaultKind.EXPIRED_TOKEN: 31,
}
# A token that was given by hand is refused for good: only one that can be had anew runs out on the way.
_ROUTES = {FaultKind.EXPIRED_TOKEN: "^/services/data/"}
FAULTS = tuple(Fault(kind, _ROUTES.get(kind, ""), calls=tuple(range(pace // 2, 500_000, pace))) for kind, pace in _MISHAPS.items())
# More starts than this at one instant without coming to rest, and something goes round in circles.
MOST_STARTS = 60
# How often it may come through at one instant before the deaths that are due move on to the next one.
MOST_LIVES = 3


@dataclass(frozen=True, slots=True)
class Size:
    kills: int
    days: int
    people: int


FULL = Size(kills=1_000, days=60, people=220)
QUICK = Size(kills=25, days=3, people=60)


def main() -> None:
    size = _asked()
    board = Board("crash")
    in_peace = _play(size, 0)
    say(f"in peace: {len(in_peace.instants)} instants, {in_peace.starts} cycles, {len(in_peace.seen)} things to compare")
    disturbed = _play(size, size.kills)
    say(f"disturbed: {disturbed.starts} starts, {disturbed.incomplete} of them without one of the CRMs")
    say(f"killed at {', '.join(f'{name} {count}' for name, count in sorted(disturbed.deaths.items()))}")
    board.put("kills", sum(disturbed.deaths.values()), at_least=size.kills)
    board.put("calls that went wrong", disturbed.struck, at_least=size.kills)
    if size.kills >= FULL.kills:
        spared = sorted(set(in_peace.passes) - set(disturbed.deaths))
        board.put("boundaries at which it was never killed", len(spared), at_most=0, detail=", ".join(spared))
    _compare(board, in_peace.seen, disturbed.seen)
    for name, play in (("in peace", in_peace), ("disturbed", disturbed)):
        board.put(f"tasks that stand twice, {name}", play.doubled, at_most=0, detail=f"of {play.tasks}")
        board.put(f"fields written undeclared, {name}", len(play.undeclared), at_most=0, detail=", ".join(play.undeclared))
        board.put(f"changes left to make, {name}", play.left, at_most=0)
    leave(board)


def _compare(board: Board, in_peace: Mapping[str, Any], disturbed: Mapping[str, Any]) -> None:
    differing = sorted(key for key in in_peace.keys() | disturbed.keys() if in_peace.get(key) != disturbed.get(key))
    for key in differing[:10]:
        say(f"  {key}\n    in peace:  {in_peace.get(key)}\n    disturbed: {disturbed.get(key)}")
    board.put("things that differ at the end", len(differing), at_most=0, detail=f"of {len(in_peace)}")


def _asked() -> Size:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="25 deaths in three days")
    parser.add_argument("--kills", type=int)
    parser.add_argument("--days", type=int)
    given = parser.parse_args()
    size = QUICK if given.quick else FULL
    return Size(given.kills or size.kills, given.days or size.days, size.people)


# ------------------------------------------------------------------------------------------------------------- one play


@dataclass
class Played:
    """What one play came to. `seen` is everything that people and we can see at its end, by what it is."""

    instants: list[datetime] = field(default_factory=list)
    starts: int = 0
    deaths: Counter[str] = field(default_factory=Counter)
    passes: Counter[str] = field(default_factory=Counter)
    struck: int = 0
    seen: dict[str, Any] = field(default_factory=dict)
    tasks: int = 0
    doubled: int = 0
    undeclared: list[str] = field(default_factory=list)
    left: int = 0
    incomplete: int = 0


def _play(size: Size, kills: int) -> Played:
    config = WorldConfig(seed=SEED, population=size.people)
    played = Played()
    with tempfile.TemporaryDirectory() as place, open_sandbox(config) as sandbox, _Worker(Path(place)) as worker:
        write_configuration(worker.directory, shipped("rules"), roster(config), "en", sandbox.urls)
        for fault in FAULTS if kills else ():
            sandbox.faults.add(fault)
        dice = random.Random(SEED)
        played.instants = list(_instants(config.day_zero, size.days))
        for number, at in enumerate(played.instants):
            sandbox.advance_to(at)
            due = -(-(number + 1) * kills // max(1, len(played.instants) - 1)) - sum(played.deaths.values())
            _disturb(worker, at, due, dice, played)
            played.left = _come_to_rest(worker, at, played)
        played.struck = len(sandbox.faults.strikes)
        sandbox.faults.clear()
        _look(played, sandbox, worker)
    return played


def _instants(begins: datetime, days: int) -> Iterator[datetime]:
    for day in range(days):
        for hours in HOURS:
            yield begins + timedelta(days=day, hours=hours)


def _disturb(worker: _Worker, at: datetime, due: int, dice: random.Random, played: Played) -> None:
    """Kill the worker `due` times. Where it has come through a few times there is little left to disturb: the next instant has
    its turn."""
    lived = 0
    while due > 0 and lived < MOST_LIVES:
        name, nth, seconds = _death(worker, dice)
        answer = worker.cycle(at, name, nth, seconds)
        played.starts += 1
        if answer["died"]:
            played.deaths[name or "a random instant"] += 1
            due -= 1
        else:
            played.incomplete += not answer["is_complete"]
            lived += 1


def _death(worker: _Worker, dice: random.Random) -> tuple[str | None, int | None, float | None]:
    """How it dies: at some pass of a boundary, each name as likely as the others; or at any instant of a usual cycle."""
    if dice.random() < 0.3 or not worker.passes:
        return None, None, dice.uniform(0.0, worker.usual_seconds)
    name = dice.choice(sorted(worker.passes))
    return name, dice.randint(1, worker.passes[name]), None


def _come_to_rest(worker: _Worker, at: datetime, played: Played) -> int:
    """Start the worker until a whole cycle had nothing to change; gives how many changes were left where it never rested."""
    changes = 0
    for _ in range(MOST_STARTS):
        answer = worker.cycle(at)
        played.starts += 1
        played.passes.update(answer["passes"])
        played.incomplete += not answer["is_complete"]
        changes = answer["changes"]
        if answer["is_complete"] and not changes:
            return 0
    return max(1, changes)


@dataclass
class _Worker:
    """The victim, its configuration, and what a cycle that lived went through."""

    place: Path
    passes: Counter[str] = field(default_factory=Counter)
    usual_seconds: float = 0.5
    _process: subprocess.Popen[str] | None = None

    @property
    def directory(self) -> Path:
        return self.place / "configuration"

    @property
    def notes(self) -> Path:
        """Where the worker notes what it writes: "port field" in each line."""
        return self.place / "written"

    def __enter__(self) -> _Worker:
        victim = Path(__file__).with_name("victim.py")
        self._process = subprocess.Popen(
            [sys.executable, str(victim), str(self.notes)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_error: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait()

    def cycle(self, at: datetime, name: str | None = None, nth: int | None = None, seconds: float | None = None) -> dict[str, Any]:
        """One start; killed at a pass of a boundary, after `seconds`, or not at all."""
        begun = time.perf_counter()
        self._say({"directory": str(self.directory), "now": at.isoformat(), "at": name, "nth": nth})
        pid = self._hear()["pid"]
        killer = threading.Timer(seconds, _kill, (pid,)) if seconds is not None else None
        if killer:
            killer.start()
        answer = self._hear()
        if killer:
            killer.cancel()
            killer.join()
        if not answer["died"] and answer["changes"]:
            self.passes = Counter(answer["passes"])
            self.usual_seconds = time.perf_counter() - begun
        return answer

    def _say(self, ordered: Mapping[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(ordered) + "\n")
        self._process.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            sys.exit("the worker's parent has ended; what it said stands above")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _kill(pid: int) -> None:
    """It may have ended a moment ago: then there is nobody to kill. Its parent waits for it: the id is nobody else's."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


# ------------------------------------------------------------------------------------------------------- what it came to

# What differs between two plays though nothing does: ids given in the order of writing, and stamps of writes.
_STAMPS = (
    "SystemModstamp",
    "LastModifiedDate",
    "LastModifiedById",
    "CreatedDate",
    "hs_lastmodifieddate",
    "lastmodifieddate",
    "hs_createdate",
)
_OF_TASKS = ("Id", "hs_object_id", "createdate")
_STATE = (
    "person_id",
    "phase",
    "phase_at",
    "temperature",
    "cycle",
    "owner",
    "department",
    "recycle_reason",
    "not_before",
    "definition",
)
_CLOCK = ("clock_id", "owner", "started_at", "due_at", "breached_at", "met_at", "met_by", "cancelled_at", "cancelled_because")


def _look(played: Played, sandbox: Sandbox, worker: _Worker) -> None:
    tasks = list(_tasks(sandbox))
    keys = Counter(key for key, _ in tasks)
    played.tasks, played.doubled = len(keys), sum(count - 1 for count in keys.values())
    played.seen = dict(_records(sandbox)) | {f"task {key}": row for key, row in tasks} | dict(_decided(worker.directory))
    played.undeclared = _undeclared(sandbox, worker)


def _tasks(sandbox: Sandbox) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Our tasks by their key, as the CRMs hold them."""
    for name, rows in (("crmsync_key__c", sandbox.org.rows("Task")), ("crmsync_key", sandbox.portal.rows("tasks"))):
        yield from ((row[name], _plain(row, (*_STAMPS, *_OF_TASKS))) for row in rows if row.get(name))


def _records(sandbox: Sandbox) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for object_ in ("Lead", "Contact", "Account", "Opportunity"):
        yield from ((f"{object_} {row['Id']}", _plain(row, _STAMPS)) for row in sandbox.org.rows(object_))
    for type_ in ("contacts", "companies", "deals"):
        yield from ((f"{type_} {row['hs_object_id']}", _plain(row, _STAMPS)) for row in sandbox.portal.rows(type_))


def _plain(row: Mapping[str, Any], without: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in sorted(row.items()) if name not in without and value not in (None, "")}


def _decided(directory: Path) -> Iterator[tuple[str, Any]]:
    """Our own state: where everyone stands, how they got there, and every clock."""
    workspace = open_workspace(directory)
    decided = workspace.store.decided
    for row in decided.states().select(_STATE).iter_rows():
        yield f"state {row[0]}", row[1:]
    for row in decided.clocks().select(_CLOCK).iter_rows():
        yield f"clock {row[0]}", row[1:]
    moves = decided.frame(tables.MoveRow).sort("person_id", "at", "id")
    for (person,), mine in moves.group_by("person_id", maintain_order=True):
        yield f"moves {person}", mine.select("at", "source", "target", "because", "actor").rows()
    workspace.close()


def _undeclared(sandbox: Sandbox, worker: _Worker) -> list[str]:
    """Fields in the requests that no mapping of that CRM declares."""
    workspace = open_workspace(worker.directory)
    declared = {
        f"{urlsplit(sandbox.urls[connection.crm]).port} {name}"
        for connection in workspace.connections
        for mapping in connection.mappings.values()
        for name in (*mapping.policies(), *((mapping.tasks.upsert_by, mapping.tasks.person_field) if mapping.tasks else ()))
    }
    workspace.close()
    return sorted(set(worker.notes.read_text(encoding="utf-8").splitlines()) - declared)


if __name__ == "__main__":
    main()
