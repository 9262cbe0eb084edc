"""Pulling: what it costs in calls, how fast it is, how much memory it takes, and what a cycle costs in which nothing happened.

    python bench/pull.py [--quick] [--only cost|speed|memory|still]

Each CRM is the sandbox in a process of its own. The floor of the speed is the same requests sent again by a bare client on one
connection that parses each answer and keeps nothing.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from statistics import median
from time import perf_counter

from common import Board, asked, forget_peak, leave, peak_mib, resident_mib, say, take_turns
from crmsync.sync.normalise import Following, normalise
from crmsync.sync.pipeline import Cycle, run_cycle
from crmsync.sync.pull import Pulled, pull
from crmsync.sync.workspace import Moment, Silent, Workspace
from crowd import crowd
from tenant import Served, served
from worker import OBJECTS, recorded, repeat, workspace

CRMS = ("salesforce", "hubspot")
PARTS = ("cost", "speed", "memory", "still")
WRITING = ("PATCH", "PUT", "batch/update", "batch/upsert", "batch/create")


@dataclass(frozen=True, slots=True)
class Sizes:
    """People and as many acts per CRM, of the parts `cost` and `speed`, and how many of each change in an increment. `backfill` is
    people only; `known` are two populations of the store, to be compared."""

    people: int
    changed: int
    turns: int
    backfill: int
    known: tuple[int, int]
    is_quick: bool = False


# As many change in a quick run as 1 % of a full one: calls are counted in pages, and fewer would be less than one.
QUICK = Sizes(people=6_000, changed=1_000, turns=3, backfill=4_000, known=(500, 8_000), is_quick=True)
FULL = Sizes(people=100_000, changed=1_000, turns=5, backfill=1_000_000, known=(10_000, 1_000_000))


def main() -> None:
    given = asked(__doc__ or "", PARTS)
    sizes = QUICK if given.quick else FULL
    board = Board("pull")
    for crm in CRMS:
        if given.only in ("", "cost", "speed"):
            with served(crm, sizes.people, sizes.people) as tenant:
                if given.only != "speed":
                    cost(board, tenant, sizes)
                if given.only != "cost":
                    speed(board, tenant, sizes)
        if given.only in ("", "memory"):
            memory(board, crm, sizes)
        if given.only in ("", "still"):
            still(board, crm)
    if given.only in ("", "still"):
        crowded(board, sizes)
    leave(board)


# ------------------------------------------------------------------------------------------------------------------ calls


def cost(board: Board, tenant: Served, sizes: Sizes) -> None:
    """Calls of a full pull and of an increment of 1 %, against the fewest by the fact sheet's recipe. A quick run only tells the
    full pull: what is asked once for each object (may we read it?) weighs too much beside a few dozen pages."""
    crm, changed = tenant.crm, sizes.changed
    most_full = None if sizes.is_quick else 1.02
    with workspace(tenant) as space:
        tenant.steer(minutes=10)
        pull_all(space, tenant.now())
        _tell(board, f"{crm}: calls of a full pull ÷ fewest", tenant.calls(), *fewest_full(crm, sizes.people), at_most=most_full)
        tenant.steer(minutes=30)
        tenant.steer(edit=changed)
        tenant.steer(minutes=10)
        tenant.calls()
        seen = sum(stream.changed for stream in pull_all(space, tenant.now()).streams)
        if seen != 2 * changed:
            raise AssertionError(f"{seen} changes seen of {2 * changed}")
        _tell(board, f"{crm}: calls of a 1 % increment ÷ fewest", tenant.calls(), *fewest_increment(crm, changed), at_most=1.10)


def _tell(board: Board, name: str, calls: Mapping[str, int], fewest: int, formula: str, *, at_most: float | None) -> None:
    total = sum(calls.values())
    board.put(name, total / fewest, at_most=at_most, detail=f"{total} ÷ {fewest} = {formula}")
    for kind, count in sorted(calls.items(), key=lambda item: -item[1]):
        say(f"         {count:6d}  {kind}")


def fewest_full(crm: str, rows: int) -> tuple[int, str]:
    """Salesforce: one count of all objects says how each is read: by Bulk 2.0 (a job, two looks at it, 50,000 rows per answer), or
    2,000 rows per page where that is fewer; each object is described, the day's limits are read. HubSpot: properties once,
    listed by 100, associations by 1,000, and one search for what changed meanwhile."""
    if crm == "salesforce":
        paged, in_bulk = math.ceil(rows / 2_000), 3 + math.ceil(rows / 50_000)
        reading = min(paged, in_bulk)
        how = f"{rows:,} / 2,000" if paged <= in_bulk else f"job + 2 looks + {rows:,} / 50,000"
        return 2 * (1 + reading) + 2, f"2 objects × (describe + {how}) + limits + counts"
    reading = math.ceil(rows / 100) + math.ceil(rows / 1_000) + 1
    return 2 * (1 + reading), f"2 objects × (properties + {rows:,} / 100 listed + {rows:,} / 1,000 associations + a search)"


def fewest_increment(crm: str, changed: int) -> tuple[int, str]:
    """What we write to is described in every run. Salesforce: 2,000 rows per page. HubSpot: searched by 200 until a page is not
    full, associations by 1,000."""
    if crm == "salesforce":
        return 2 * (1 + math.ceil(changed / 2_000)), f"2 objects × (describe + {changed:,} / 2,000)"
    searched, linked = changed // 200 + 1, math.ceil(changed / 1_000)
    how = f"{changed:,} / 200 searched, and one that is not full + {changed:,} / 1,000 associations"
    return 1 + 2 * (searched + linked), f"properties of contacts + 2 objects × ({how})"


# ------------------------------------------------------------------------------------------------------------------ speed


def speed(board: Board, tenant: Served, sizes: Sizes) -> None:
    """Throughput of pull + stage + normalise against the bare loop over the same pages."""
    crm = tenant.crm
    paged = "bulk_query_from: 0" if crm == "salesforce" else ""
    _race(board, f"{crm}: pull + stage + normalise ÷ bare loop", tenant, paged, sizes, at_least=0.35)
    if sizes.is_quick:
        return
    tenant.steer(canned=True)
    _race(board, f"{crm}: the same, answers out of memory", tenant, paged, sizes)
    tenant.steer(canned=False)
    if crm == "salesforce":
        _race(board, f"{crm}: the same by Bulk 2.0", tenant, "bulk_query_from: 1", sizes)


def _race(board: Board, name: str, tenant: Served, options: str, sizes: Sizes, at_least: float | None = None) -> None:
    now = tenant.now()
    with workspace(tenant, options) as space, recorded(space) as requests:
        pull_all(space, now)  # what the floor repeats; and everything is warm
    with ExitStack() as stack:
        fresh = iter([stack.enter_context(workspace(tenant, options)) for _ in range(sizes.turns)])
        turns = take_turns(lambda: repeat(requests), lambda: pull_all(next(fresh), now), sizes.turns)
    detail = turns.shown(2 * sizes.people, "records")
    board.put(name, turns.share_of_the_floor, at_least=at_least, detail=detail)


def pull_all(space: Workspace, now: datetime) -> Pulled:
    """Pull, stage and normalise everything, as a cycle does; raises where anything stopped or did not fit."""
    following = Following(space)
    found = pull(space, now, Silent(), follower=following)
    rejected = following.rejected + normalise(space, now)
    if found.failures or rejected:
        raise AssertionError(f"{found.failures} {rejected}")
    return found


# ----------------------------------------------------------------------------------------------------------------- memory


def memory(board: Board, crm: str, sizes: Sizes) -> None:
    """The most that a backfill takes above the idle process, in a process of its own."""
    with served(crm, sizes.backfill, 100) as tenant:
        command = [sys.executable, __file__, "backfill", crm, tenant.url]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
    found = json.loads(told)
    detail = f"{found['records']:,} records in {found['seconds']:.0f} s; idle {found['idle']:.0f} MiB"
    above = found["peak"] - found["idle"]
    board.put(f"{crm}: memory of a backfill of {sizes.backfill:,} above idle", above, at_most=300, unit=" MiB", detail=detail)


def backfill(crm: str, url: str) -> None:
    """The process that `memory` looks at."""
    tenant = Served(crm, url)
    with workspace(tenant) as space:
        now = tenant.now()
        idle = resident_mib()
        forget_peak()
        begun = perf_counter()
        found = pull_all(space, now)
        records = sum(stream.records for stream in found.streams)
        seconds = perf_counter() - begun
        print(json.dumps({"idle": idle, "peak": peak_mib(), "records": records, "seconds": seconds}))


# ------------------------------------------------------------------------------------------------------------ nothing new


def still(board: Board, crm: str) -> None:
    """What a cycle in which nothing changed asks of the CRM."""
    with served(crm, 200, 200) as tenant, workspace(tenant) as space:
        _settle(space, tenant)
        tenant.calls()
        for _ in range(3):
            _cycle(space, tenant)
        calls = tenant.calls()
    writes = sum(count for kind, count in calls.items() if any(word in kind for word in WRITING))
    detail = ", ".join(f"{count / 3:g} {kind}" for kind, count in sorted(calls.items()))
    name = f"{crm}: calls per object where nothing changed"
    board.put(name, sum(calls.values()) / 3 / len(OBJECTS[crm]), at_most=1, detail=detail)
    board.put(f"{crm}: writes where nothing changed", writes, at_most=0)


def crowded(board: Board, sizes: Sizes) -> None:
    """What the population of the store does to the time of a cycle in which nothing changed. The CRM is a small one: most of the
    records were staged by hand, and everyone was decided."""
    with served("hubspot", 50, 50) as tenant, ExitStack() as stack:
        spaces = [stack.enter_context(workspace(tenant)) for _ in sizes.known]
        for space, persons in zip(spaces, sizes.known, strict=True):
            _settle(space, tenant)
            begun = perf_counter()
            crowd(space, persons, tenant.now())
            say(f"     {persons:,} persons were staged, read, resolved and decided in {perf_counter() - begun:.0f} s")
        for space in spaces:
            if not _rests(_cycle(space, tenant)):
                raise AssertionError("somebody was decided")
        took = [[_timed(partial(_cycle, space, tenant)) for space in spaces] for _ in range(9)]
    fewer, more = sizes.known
    ratio = median(many / few for few, many in took)
    few, many = (median(turn[place] for turn in took) for place in (0, 1))
    detail = f"{many:.3f} s with {more:,} persons, {few:.3f} s with {fewer:,}"
    board.put("a cycle where nothing changed, in a large store beside a small one", ratio, at_most=1.5, detail=detail)


def _settle(space: Workspace, tenant: Served) -> None:
    """Cycles until one has nobody to decide: everyone is written to, and our own writes have come back."""
    for _ in range(20):
        if _rests(_cycle(space, tenant)):
            return
    raise AssertionError("there is always something to do")


def _rests(cycle: Cycle) -> bool:
    return cycle.prepared.decided.decisions.state.is_empty()


def _cycle(space: Workspace, tenant: Served) -> Cycle:
    """A cycle five seconds after the last: many fit between two looks at what fades."""
    cycle = run_cycle(space, Moment(tenant.steer(minutes=1 / 12)))
    if not cycle.is_complete:
        raise AssertionError(f"{cycle.pulled.failures} {cycle.applied.failures}")
    return cycle


def _timed(work: Callable[[], object]) -> float:
    begun = perf_counter()
    work()
    return perf_counter() - begun


if __name__ == "__main__":
    if sys.argv[1:2] == ["backfill"]:
        backfill(sys.argv[2], sys.argv[3])
    else:
        main()
