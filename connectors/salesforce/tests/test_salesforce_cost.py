"""What a day costs in calls, counted by the org itself, against the fewest with which the vendor's API can do it.

The org is a scale model: pages and results hold a fiftieth of what they really do, so that two thousand rows cost what a
hundred thousand do. Writing needs no model: it goes by two hundred rows.
"""

from __future__ import annotations

from math import ceil

import pytest
from salesforce_place import LEAD, Place, place, update

from crmsync.sandbox.salesforce.config import OrgConfig

SCALE = 50
PAGE, RESULTS, CROSSOVER = 2_000 // SCALE, 50_000 // SCALE, 10_000 // SCALE
ORG = OrgConfig(largest_page=PAGE, bulk_page=RESULTS)
ROWS = 100_000 // SCALE
TASK = ("Subject", "WhoId", "Who.Type", "Status", "OwnerId", "Owner.Type", "CompletedDateTime")


def fewest_to_read(rows: int) -> int:
    """By REST's pages, or by a job: made, looked at twice at least, and its results fetched."""
    return min(max(1, ceil(rows / PAGE)), 1 + 2 + ceil(rows / RESULTS))


def fewest_to_begin(objects: int) -> int:
    """The day's limits, the counts of all objects, and what each object looks like."""
    return 2 + objects


def fewest_to_write(rows: int) -> int:
    """Two hundred rows a call, which also reads back what it wrote and what the next call's rows are compared with."""
    return ceil(rows / 200) + 1


def spent(crm: Place) -> int:
    return crm.app.service.usage.spent()


def populated(crm: Place) -> list[str]:
    ids = [crm.lead(f"n{n}") for n in range(ROWS)]
    for lead in ids:
        crm.org.insert("Task", {"Subject": "Call", "WhoId": lead})
    crm.later(minutes=20)
    return ids


def pull_all(crm: Place) -> int:
    """Pull leads and activities; gives the rows that came."""
    return len(crm.pull("Lead", LEAD)) + len(crm.pull("Task", TASK))


@pytest.fixture(scope="module")
def figures() -> dict[str, tuple[int, int]]:
    """What was spent and the fewest, of each kind of work, one after the other in one org."""
    found: dict[str, tuple[int, int]] = {}
    with place(ORG, bulk_query_from=CROSSOVER) as crm:
        ids = populated(crm)
        assert pull_all(crm) == 2 * ROWS
        found["full pull"] = spent(crm), fewest_to_begin(2) + 2 * fewest_to_read(ROWS)

        crm.later(hours=1)
        for lead in ids[: ROWS // 100]:
            crm.org.update("Lead", lead, {"Rating": "Cold"})
        before = spent(crm)
        crm.later(hours=1)
        assert pull_all(crm) == ROWS // 100
        found["increment of 1 %"] = spent(crm) - before, fewest_to_read(ROWS // 100) + 1

        crm.later(hours=1)
        before = spent(crm)
        assert pull_all(crm) == 0
        found["nothing new"] = spent(crm) - before, 2

    with place() as crm:
        ids = [crm.lead(f"n{n}") for n in range(ROWS)]
        crm.connector.describe(["Lead"])
        before = spent(crm)
        receipts = crm.push(*(update(lead, Rating="Hot", Company="B") for lead in ids))
        assert {receipt.outcome for receipt in receipts.values()} == {"written"}
        found["write-back"] = spent(crm) - before, fewest_to_write(ROWS)

        before = spent(crm)
        receipts = crm.push(*(update(lead, Rating="Hot", Company="B") for lead in ids))
        assert {receipt.outcome for receipt in receipts.values()} == {"unchanged"}
        found["write-back of nothing new"] = spent(crm) - before, ceil(ROWS / 200)
    return found


@pytest.mark.parametrize(
    ("work", "at_most"),
    [
        ("full pull", 1.02),
        ("increment of 1 %", 1.10),
        ("nothing new", 1.0),
        ("write-back", 1.02),
        ("write-back of nothing new", 1.0),
    ],
)
def test_the_calls_spent_are_the_fewest_there_can_be(figures: dict[str, tuple[int, int]], work: str, at_most: float) -> None:
    ours, fewest = figures[work]
    assert ours / fewest <= at_most, f"{work}: {ours} calls, {fewest} would do"


def test_a_first_pull_by_jobs_costs_a_seventh_of_pages(figures: dict[str, tuple[int, int]]) -> None:
    ours, _ = figures["full pull"]
    assert ours * 7 <= 2 * ceil(ROWS / PAGE) + fewest_to_begin(2)


@pytest.mark.parametrize("rows", [CROSSOVER - 1, CROSSOVER])
def test_at_the_crossover_neither_way_is_dearer_than_the_other(rows: int) -> None:
    costs = []
    for bulk in (0, CROSSOVER):
        with place(ORG, bulk_query_from=bulk) as crm:
            for n in range(rows):
                crm.lead(f"n{n}")
            crm.pull()
            costs.append(len(crm.asked("/query")))
    assert costs == [ceil(rows / PAGE), ceil(rows / PAGE) if rows < CROSSOVER else 4], "a real job is looked at once or twice more"
