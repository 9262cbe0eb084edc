"""replay: decide the past again from what was known then, and compare byte for byte with what was decided."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import polars as pl

from crmsync.store.decided import Written
from crmsync.store.decision_log import unpack
from crmsync.store.journal import Entry
from crmsync.store.past import KeptRun
from crmsync.sync.decide import decide_as_of
from crmsync.sync.history import History, history
from crmsync.sync.reasons import with_reasons
from crmsync.sync.rest import ground
from crmsync.sync.workspace import Workspace

Outcome = Literal["identical", "different", "other_rules", "erased"]
_FRAMES = ("state", "clocks", "draws", "moves")


@dataclass(frozen=True, slots=True)
class Difference:
    """The first thing that a run decided otherwise: in which part, about whom (None: about nobody alone), what is kept and what
    came out now."""

    part: str
    person_id: str | None
    field: str
    kept: Any
    now: Any


@dataclass(frozen=True, slots=True)
class Replayed:
    """One run made again. "other_rules": it was made under another configuration, or by another crmsync, and is not compared;
    "erased": it differs, and facts that it was made from were erased since."""

    run_id: str
    at: datetime
    outcome: Outcome
    decisions: int
    difference: Difference | None = None


def replay(workspace: Workspace, until: str | datetime | None = None) -> Iterator[Replayed]:
    """Every run that decided, in order, made again; to the end of a run or of an instant where one is given. Reads the store,
    writes to none but one of its own, contacts no CRM."""
    entries = list(workspace.store.journal.entries())
    erasures = [number for number, entry in enumerate(entries) if entry.act == "forgotten"]
    with history(workspace) as past:
        for number, entry in enumerate(entries):
            if isinstance(until, datetime) and entry.at > until:
                return
            if entry.act == "decided":
                is_erased = any(later > number for later in erasures)
                redecided = {person for later in entries[number:] if later.act == "parted" for person in later.body["persons"]}
                yield _replayed(
                    past,
                    entry,
                    redecided,
                    is_comparable=entry.body["ground"] == ground(workspace.at(entry.at)),
                    is_erased=is_erased,
                )
            past.follow(entry)
            if entry.act == "decided" and entry.run_id == until:
                return


def _replayed(past: History, entry: Entry, redecided: Collection[str], *, is_comparable: bool, is_erased: bool) -> Replayed:
    kept = past.there.store.past.run(entry.run_id)
    if not is_comparable:
        return Replayed(entry.run_id, entry.at, "other_rules", len(kept.decisions))
    found = first_difference(kept, _written(past, entry), redecided)
    outcome: Outcome = "identical" if found is None else "erased" if is_erased else "different"
    return Replayed(entry.run_id, entry.at, outcome, len(kept.decisions), found)


def _written(past: History, entry: Entry) -> Written:
    """What the decision would have stored."""
    here = past.here
    before = here.store.decided.before()
    definitions = here.at(entry.at).definitions
    decisions = decide_as_of(past.facts(entry), before, definitions, entry.at)
    desired = with_reasons(decisions, definitions)
    return here.store.decided.written(before, decisions, desired)


def first_difference(kept: KeptRun, now: Written, redecided: Collection[str] = ()) -> Difference | None:
    """Where what a run left and what it leaves now part; None where they are the same to the last byte. Of persons whose link was
    taken back later the log was taken out with it (`redecided`): theirs is not compared."""
    for name in _FRAMES:
        found = _frame_difference(name, kept.frames.get(name), now.frames[name])
        if found is not None:
            return found
    bodies = {unpack(row["body"])["desired"]["person_id"]: row["body"] for row in kept.decisions}
    entries = now.entries.by_person()
    for person in sorted((bodies.keys() | entries.keys()) - set(redecided)):
        if bodies.get(person) != entries.get(person):
            before, after = (unpack(log[person]) if person in log else {} for log in (bodies, entries))
            return _body_difference(person, before, after)
    if kept.valve and now.valve is not None and kept.valve[0]["position"] != now.valve.position:
        return Difference("valve", None, "position", kept.valve[0]["position"], now.valve.position)
    return None


def _frame_difference(name: str, kept: pl.DataFrame | None, now: pl.DataFrame) -> Difference | None:
    before = now.clear() if kept is None else kept
    if before.equals(now, null_equal=True):
        return None
    key = {"clocks": "clock_id", "draws": "rep_id"}.get(name, "person_id")
    left, right = (_by_key(frame, key) for frame in (before, now))
    for one in sorted(left.keys() | right.keys()):
        for field in now.columns:
            then, again = ([row[field] for row in rows.get(one, [])] for rows in (left, right))
            if then != again:
                return Difference(name, one if name != "draws" else None, field, then, again)
    return Difference(name, None, "order", before.height, now.height)


def _by_key(frame: pl.DataFrame, key: str) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in frame.iter_rows(named=True):
        rows.setdefault(row[key], []).append(row)
    return rows


def _body_difference(person: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    for part in sorted(before.keys() | after.keys()):
        then, again = before.get(part), after.get(part)
        if then == again:
            continue
        if isinstance(then, dict) and isinstance(again, dict):
            name = next(n for n in sorted(then.keys() | again.keys()) if then.get(n) != again.get(n))
            return Difference(f"decision.{part}", person, name, then.get(name), again.get(name))
        return Difference(f"decision.{part}", person, "", then, again)
    return Difference("decision", person, "order", None, None)
