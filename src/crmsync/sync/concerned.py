"""Whom a cycle must decide: everyone in the first cycle of an hour, and where something changed that all decisions rest on; else
those of whom something was learnt, whose instant has come, and who bear on them. Of all others the decision would say what it said.

    something was learnt      of a person's record, a touch, an approach, an opportunity, a row of history, a place on a list, a
                              task of ours, or of the company where they work
    left by the last cycle    decided otherwise by it, linked anew since, waits to be planned or sent
    their instant has come    clocks, also those that stand still, waits, acts that lay ahead (`decisions/waking.py`)
    they bear on the valve    open leads and due work of inside sales, approaches since the morning, the month's opportunities, the
                              head of the queue
    nobody answers for them   no owner, or one who may not keep them: each cycle looks again

The rest of the queue and the loads of owners are taken as earlier decisions left them (`Others`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import orjson
import polars as pl

from crmsync.decisions.handover import business_day
from crmsync.decisions.owners import known_owners
from crmsync.decisions.waking import faded_at
from crmsync.model.entities import Approach, OpportunitySeen
from crmsync.model.records import RecordRef
from crmsync.store.concern import EVERYONE
from crmsync.sync.behind import news, persons_behind
from crmsync.sync.facts import active_reps, user_reps
from crmsync.sync.rest import ground
from crmsync.sync.scope import is_seen_otherwise
from crmsync.sync.workspace import Connection, Moment, Workspace

LAST = "last_decision"
# Where more than this share is concerned (and more than so many), to read everyone costs less than to look for each.
_MOST_SHARE = 0.1
_FEW = 5_000


@dataclass(frozen=True, slots=True)
class Last:
    """What the last decision rested on that is nobody's own. `through` is the number of the newest version it knew, `reps` a digest
    of the team and of whom the CRMs' users stand for, `again` the instant at which a version means something else; `said` and
    `other_runs` count what people said and runs of other kinds."""

    ground: str
    at: datetime
    through: int
    reps: str
    again: datetime | None
    said: int
    other_runs: int
    is_rehearsal: bool


def last_decision(workspace: Workspace, moment: Moment, through: int, reps: pl.DataFrame, verb: str) -> str:
    """What is remembered of a decision that is about to be kept as a run of this kind."""
    store = workspace.store
    others = store.runs.count_but("run") + (verb != "run")
    again, said = store.staging.next_again(), store.journal.said()
    kept = Last(ground(workspace), moment.now, through, _digest(workspace, reps), again, said, others, moment.is_rehearsal)
    return orjson.dumps(kept).decode()


def concerned(workspace: Workspace, moment: Moment, connections: Iterable[Connection]) -> frozenset[str] | None:
    """The persons to decide at this moment; None: everyone. `connections` are those that will be planned for, and described."""
    last = _last(workspace)
    if last is None or _counts_everyone(workspace) or not _stands(workspace, moment, last):
        return None
    if any(is_seen_otherwise(workspace, one) for one in connections):
        return None
    learnt = news(workspace, _unknown(workspace, last))
    most = max(_FEW, int(_MOST_SHARE * workspace.store.decided.count()))
    if learnt is None or len(learnt.refs) > most:
        return None
    found = {*_stirred(workspace, moment.now), *persons_behind(workspace, learnt.refs), *_bearing(workspace, moment.now)}
    return None if EVERYONE in found or len(found) > most else frozenset(found)


def _counts_everyone(workspace: Workspace) -> bool:
    """Whether each decision looks at all: a shadow has a queue and loads of its own, and breaches that rest a rep are anybody's."""
    return workspace.shadow is not None or workspace.definitions.routing.breaches is not None


def _last(workspace: Workspace) -> Last | None:
    kept = workspace.store.runs.meta(LAST)
    if kept is None:
        return None
    raw = orjson.loads(kept)
    instants = {name: None if raw[name] is None else datetime.fromisoformat(raw[name]) for name in ("at", "again")}
    return Last(**{**raw, **instants})


def _stands(workspace: Workspace, moment: Moment, last: Last) -> bool:
    """Whether all that is nobody's own is as it was for the last decision."""
    store, now = workspace.store, moment.now
    is_same_hour = last.at <= now and faded_at(last.at) == faded_at(now) and _days(workspace, last.at) == _days(workspace, now)
    begins_at = workspace.definitions.begins_at
    has_begun = begins_at is not None and last.at < begins_at <= now
    is_same = is_same_hour and not has_begun and last.is_rehearsal == moment.is_rehearsal and last.ground == ground(workspace)
    if not is_same or (last.again is not None and last.again <= now):
        return False
    if (last.said, last.other_runs) != (store.journal.said(), store.runs.count_but("run")):
        return False
    return last.reps == _digest(workspace, _reps(workspace, now))


def _days(workspace: Workspace, at: datetime) -> list[str]:
    """The days that targets, work and contracts are reckoned by."""
    definitions = workspace.definitions
    zones = (definitions.targets.time_zone, definitions.calendars.named(None).time_zone)
    return [at.astimezone(zone).date().isoformat() for zone in (*map(ZoneInfo, zones), UTC)]


def _reps(workspace: Workspace, now: datetime) -> pl.DataFrame:
    return workspace.team.frame(active_reps(workspace), now)


def _digest(workspace: Workspace, reps: pl.DataFrame) -> str:
    users = user_reps(workspace).sort("ref")
    return hashlib.blake2b(orjson.dumps([reps.to_dicts(), users.rows()]), digest_size=12).hexdigest()


def _unknown(workspace: Workspace, last: Last) -> dict[str, int]:
    """Connection → the number after which its versions were unknown to the last decision, or to the last plan for it."""
    planned = {c.name: int(workspace.store.runs.meta(f"planned_through:{c.name}") or 0) for c in workspace.connections}
    return {name: min(last.through, seq) for name, seq in planned.items()}


def _stirred(workspace: Workspace, now: datetime) -> Iterator[str]:
    """Whom earlier cycles left to this one, and whose instant has come."""
    store = workspace.store
    yield from store.concern.stirred()
    yield from store.concern.woken(now)
    yield from store.decided.unplanned()
    yield from store.outbox.unfinished_persons([connection.name for connection in workspace.connections])
    yield from (refusal.person_id for refusal in store.outbox.refusals().values())
    yield from store.decided.gaps_named("clock_without_task")
    yield from store.decided.on_hold()


def _bearing(workspace: Workspace, now: datetime) -> Iterator[str]:
    """Who bears on the valve, who is next in its queue, and for whom nobody answers as they should."""
    store, definitions = workspace.store, workspace.definitions
    reps, day = _reps(workspace, now), business_day(definitions.calendars.named(None), now)
    team = reps.filter(pl.col("department") == "inside_sales")
    yield from store.decided.answering("inside_sales")["person_id"]
    yield from store.decided.due(team["rep_id"].to_list(), day.ends_at)
    month = now.astimezone(ZoneInfo(definitions.targets.time_zone)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    acts = store.entities.refs_since(Approach, "at", day.starts_at)
    cases = store.entities.refs_since(OpportunitySeen, "created_at", month.astimezone(UTC))
    yield from persons_behind(workspace, [RecordRef.parse(ref) for ref in (*acts, *cases)])
    places = int(team["capacity_per_day"].sum())
    yield from store.concern.first_waiting(places)
    yield from _unanswered(workspace, reps)


def _unanswered(workspace: Workspace, reps: pl.DataFrame) -> Iterator[str]:
    """Persons whose owner may not be able to keep them."""
    owners = workspace.store.decided.owners().join(
        known_owners(reps, workspace.definitions.routing).rename({"rep_id": "owner", "department": "of"}), on="owner", how="left"
    )
    is_fine = pl.col("active") & ~pl.col("queue") & pl.col("absent").is_null() & (pl.col("of") == pl.col("department"))
    by_hand = (pl.col("owner_because") == "crm_user") & pl.col("active").fill_null(True)
    doubtful = owners.filter(pl.col("owner").is_null() | ~(is_fine | by_hand).fill_null(False))
    for department, owner in doubtful.select("department", "owner").unique().iter_rows():
        yield from workspace.store.decided.owned_by(department, owner)
