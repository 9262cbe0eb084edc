"""Rules take over by themselves at the midnight that begins their day; what was decided before stays decided as it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import polars as pl
from fake_house import House, definitions

from crmsync.decisions.definitions import Definitions
from crmsync.decisions.qualification import End
from crmsync.decisions.signing import Rules
from crmsync.store.tables import RunRow
from crmsync.sync.replay import replay

DAY = date(2026, 6, 3)


def next_rules(least: float) -> Definitions:
    rules = definitions()
    ends = [End(least, end.temperatures) for end in (rules.qualification.loose, rules.qualification.strict)]
    changed = replace(rules.qualification, version=7, loose=ends[0], strict=ends[1], effective_from=DAY)
    return replace(rules, qualification=changed)


def succeeded(house: House, least: float = 5000) -> House:
    """Somebody comes on each of four days; from the third on, the successor lets nobody through."""
    house.workspace = replace(house.workspace, successor=Rules(next_rules(least), "rules-7"))
    for number in range(4):
        house.mql(f"person{number}@acme{number}.example")
        house.cycle(later=timedelta(hours=24))
    return house


def phases(house: House) -> list[str]:
    return sorted(house.store.decided.states()["phase"])


def ran_under(house: House) -> list[str]:
    return list(house.store.decided.frame(RunRow).sort("run_id")["definitions"])


def test_until_its_day_the_present_rules_hold_and_from_its_midnight_on_the_successor(house: House) -> None:
    succeeded(house)
    assert ran_under(house) == ["rules-1", "rules-7", "rules-7", "rules-7"]
    assert phases(house) == ["inquiry", "inquiry", "inquiry", "mql"]


def test_who_was_handed_over_before_is_not_taken_back_and_keeps_the_version_of_then(house: House) -> None:
    succeeded(house)
    handed = house.store.decided.states().filter(pl.col("phase") == "mql").to_dicts()
    assert [row["definition"].partition(".")[0] for row in handed] == ["plain@1"]
    assert house.store.decided.valve().version.startswith("plain@7.")  # type: ignore[union-attr]  # it was looked at


def test_the_past_is_decided_again_under_the_rules_of_each_day(house: House) -> None:
    succeeded(house, least=0)
    outcomes: list[Any] = [one.outcome for one in replay(house.workspace)]
    assert outcomes == ["identical"] * 4


def test_it_runs_on_where_the_process_was_started_before_its_day(house: House) -> None:
    """`start` keeps one workspace for months."""
    succeeded(house)
    assert house.workspace.definitions is definitions()
    assert house.workspace.at(house.clock.now()).definitions_digest == "rules-7"
