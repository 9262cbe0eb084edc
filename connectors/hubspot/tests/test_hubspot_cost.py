"""What a run costs in calls, against the fewest with which the recipe of HubSpot's own documentation can do it.

The formulas are those of the README. Each figure is counted on a small portal and told for a large one.
"""

from __future__ import annotations

from typing import Any

import pytest

ASSOCIATED = {"contacts": 1, "companies": 0, "calls": 1, "tasks": 1}
REQUIRED = {"companies": {"name": "A"}}


def parts(count: int, size: int) -> int:
    return -(-count // size)


def full_pull(rows: int, targets: int) -> int:
    """Fewest: which properties there are, 100 rows a list, 1,000 a read of associations."""
    return 1 + max(1, parts(rows, 100)) + targets * parts(rows, 1000)


def increment(rows: int, targets: int) -> int:
    """Fewest: 200 rows a search, until one is not full."""
    return rows // 200 + 1 + targets * parts(rows, 1000)


def update(rows: int, *, staged: int = 0, back: int = 0) -> int:
    """Fewest: compare, write, and read stages back, 100 at a time; a stage that goes back is written in two requests."""
    return parts(rows, 100) + parts(rows - back, 100) + 2 * parts(back, 100) + parts(staged, 100)


def new_tasks(rows: int) -> int:
    """Fewest: look for the keys and make the tasks, 100 at a time; link 2,000."""
    return 2 * parts(rows, 100) + parts(rows, 2000)


def populated(rig: Any, object: str, count: int) -> list[str]:
    made = [rig.portal.create(object, REQUIRED.get(object, {"hs_timestamp": "2026-11-01T00:00:00Z"})) for _ in range(count)]
    rig.advance(minutes=30)
    return made


def people(rig: Any, count: int, **properties: str) -> list[str]:
    made = [rig.portal.create("contacts", {"email": f"p{n}@example.com"} | properties) for n in range(count)]
    rig.advance(minutes=30)
    return made


@pytest.mark.parametrize(("object", "rows"), [("contacts", 2350), ("calls", 1000), ("companies", 101), ("tasks", 0)])
def test_a_full_pull_costs_its_lists_and_two_calls_more(rig: Any, object: str, rows: int) -> None:
    """The two: HubSpot's clock before the first list, and a search for what changed meanwhile."""
    _ = people(rig, rows) if object == "contacts" else populated(rig, object, rows)
    assert len(rig.pull(object).ids) == rows
    assert len(rig.requests) == full_pull(rows, ASSOCIATED[object]) + 2


def test_a_full_pull_of_a_large_portal_is_within_two_hundredths_of_the_fewest() -> None:
    fewest = 2 * full_pull(100_000, 1)
    assert (fewest + 4) / fewest < 1.02


@pytest.mark.parametrize("rows", [0, 1, 199, 200, 1450])
def test_an_increment_costs_the_fewest(rig: Any, rows: int) -> None:
    ids = people(rig, 1500)
    cursor = rig.pull("contacts").cursor
    rig.advance(minutes=30)
    for id_ in ids[:rows]:
        rig.portal.update("contacts", id_, {"firstname": "x"})
    rig.advance(minutes=1)
    rig.forget()
    assert len(rig.pull("contacts", cursor).ids) == rows
    assert len(rig.requests) == increment(rows, 1)


def test_an_increment_that_reaches_back_costs_nothing_more_where_the_time_is_known(rig: Any) -> None:
    people(rig, 10)
    rig.advance(hours=5)
    cursor = rig.pull("contacts").cursor
    rig.advance(hours=3)
    rig.pull("owners")
    rig.forget()
    assert rig.pull("contacts", cursor).ids == []
    assert len(rig.requests) == 1


def test_a_quiet_cycle_with_ten_forms_costs_twenty_five_calls(rig: Any) -> None:
    for n in range(10):
        rig.portal.submit_form(rig.portal.add_form(f"f{n}"), {"email": f"p{n}@example.com"})
    rig.advance(hours=1)
    streams = [stream.object for stream in rig.hub.capabilities.streams]
    cursors = {stream: rig.pull(stream).cursor for stream in streams}
    rig.advance(minutes=15)
    cursors = {stream: rig.pull(stream, cursor).cursor for stream, cursor in cursors.items()}
    rig.advance(minutes=15)
    rig.forget()
    for stream, cursor in cursors.items():
        rig.pull(stream, cursor)
    assert len(rig.requests) == 25


def test_a_write_back_costs_the_fewest(rig: Any) -> None:
    ids = people(rig, 730, lifecyclestage="opportunity")
    rig.hub.describe(["contacts"])
    rig.forget()
    wanted = [{"crmsync_phase": "mql"}, {"lifecyclestage": "customer"}, {"lifecyclestage": "lead"}]
    receipts = rig.push(*(rig.change(id_, wanted[n % 3]) for n, id_ in enumerate(ids)))
    assert {receipt.outcome for receipt in receipts} == {"written"}
    assert len(rig.requests) == update(730, staged=486, back=243)


def test_a_second_write_back_costs_the_comparison_alone(rig: Any) -> None:
    changes = [rig.change(id_, {"crmsync_phase": "mql"}) for id_ in people(rig, 250)]
    rig.push(*changes)
    rig.forget()
    rig.push(*changes)
    assert len(rig.requests) == parts(250, 100)


def test_new_tasks_cost_the_fewest(rig: Any) -> None:
    ids = people(rig, 330)
    rig.hub.describe(["tasks"])
    rig.forget()
    receipts = rig.push(*(rig.task(f"sla-{id_}", id_) for id_ in ids))
    assert {receipt.outcome for receipt in receipts} == {"written"}
    assert len(rig.requests) == new_tasks(330)


def test_a_write_back_of_twenty_thousand_is_within_two_hundredths_of_the_fewest() -> None:
    """Runs end after 10,000 changes, each with at most one batch that is not full in each of its three lanes."""
    fewest = update(20_000, staged=10_000, back=5_000)
    assert (fewest + 2 * 4) / fewest < 1.02
