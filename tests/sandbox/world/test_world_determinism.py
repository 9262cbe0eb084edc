"""The same seed is the same world, however time is advanced."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from crmsync.sandbox.world import Actors, WorldConfig
from crmsync.sandbox.world.control import Sandbox, build_sandbox

OBJECTS = ("User", "Lead", "Contact", "Account", "Opportunity", "Task", "Event", "Campaign", "CampaignMember")
TYPES = ("contacts", "companies", "deals", "calls", "meetings", "emails", "notes", "tasks")


def dump(sandbox: Sandbox) -> dict[str, list[Any]]:
    org = {name: list(sandbox.org.rows(name)) for name in OBJECTS}
    portal = {name: list(sandbox.portal.rows(name)) for name in TYPES}
    return {**org, **portal, **sandbox.dump_truth()}


def after(config: WorldConfig, days: int, step: timedelta) -> Sandbox:
    sandbox = build_sandbox(config)
    end = config.day_zero + timedelta(days=days)
    while sandbox.clock.now() < end:
        sandbox.advance_to(min(end, sandbox.clock.now() + step))
    return sandbox


SMALL = WorldConfig(population=80, seed=3, trade_show_days=(5,), rep_leaves_on_day=8)


def test_the_same_seed_gives_the_same_world_twice() -> None:
    assert dump(after(SMALL, 10, timedelta(days=10))) == dump(after(SMALL, 10, timedelta(days=10)))


@pytest.mark.parametrize("step", [timedelta(days=1), timedelta(hours=7, minutes=13)])
def test_many_small_steps_give_the_world_of_one_jump(step: timedelta) -> None:
    assert dump(after(SMALL, 14, step)) == dump(after(SMALL, 14, timedelta(days=14)))


def test_another_seed_gives_another_world() -> None:
    one, other = build_sandbox(SMALL), build_sandbox(WorldConfig(population=80, seed=4))
    assert {p.email for p in one.truth.people.values()} != {p.email for p in other.truth.people.values()}


def test_with_all_actors_off_the_world_stands_still() -> None:
    sandbox = build_sandbox(WorldConfig(population=80, actors=Actors.none()))
    before = dump(sandbox)
    end = sandbox.config.day_zero + timedelta(days=60)
    sandbox.advance_to(end)
    assert sandbox.clock.now() == end
    assert dump(sandbox) == before


def test_a_person_visits_alike_whoever_else_there_is() -> None:
    def visits(population: int) -> dict[str, list[Any]]:
        sandbox = build_sandbox(WorldConfig(population=population, actors=only))
        zero = sandbox.config.day_zero
        sandbox.advance_to(zero + timedelta(days=30))
        keys = [f"p{index:06d}" for index in range(60)]
        return {key: [(t.at, t.kind) for t in sandbox.truth.touches(key) if t.at > zero] for key in keys}

    only = replace(Actors.none(), visitors=True)
    assert visits(60) == visits(90)
    assert sum(map(len, visits(60).values())) > 20
