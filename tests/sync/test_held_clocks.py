"""A rep says in the CRM that the customer asked to wait: the task moves with its due time, once, and nobody is late meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from fake_house import House

from crmsync.sync.explain import explain

TOKYO = ZoneInfo("Asia/Tokyo")


def due(house: House) -> str:
    """When the one open task is due, as its CRM shows it."""
    ((_, task),) = house.tasks().items()
    return f"{datetime.fromisoformat(task['due']).astimezone(TOKYO):%a %d %H:%M}"


def at(house: House, day: int, hour: int) -> None:
    """The next cycle runs at this hour of June 2026 in Tokyo."""
    house.cycle(later=datetime(2026, 6, day, hour, tzinfo=TOKYO).astimezone(UTC) - house.clock.now())


def test_a_task_waits_as_long_as_the_customer_does(house: House) -> None:
    contact = house.mql()
    house.cycle()
    assert due(house) == "Tue 02 10:15"
    house.sfa.edit("contacts", contact, hold="Waiting for customer")
    at(house, 1, 16)
    at(house, 3, 12)
    assert due(house) == "Tue 02 10:15"
    person = house.person_of("sfa", contact)
    assert [clock["breached_at"] for clock in house.clocks(person)] == [None]
    house.sfa.edit("contacts", contact, hold="")
    at(house, 4, 9)
    assert due(house) == "Thu 04 13:15"
    house.forget_writes()
    house.cycle()
    assert house.writes == []
    (running,) = house.clocks(person)
    assert "on hold 2026-06-01T16:00+09:00 - 2026-06-04T09:00+09:00 waiting_for_customer" in running["arithmetic"]


def test_whoever_wants_to_be_called_later_is_due_later_at_once(house: House) -> None:
    contact = house.mql()
    house.cycle()
    house.sfa.edit("contacts", contact, call_after="2026-06-08T09:00:00+09:00")
    at(house, 1, 12)
    assert due(house) == "Mon 08 16:15"
    house.forget_writes()
    at(house, 3, 9)
    assert [change.object for change in house.writes if change.object == "tasks"] == []


def test_a_hold_in_either_crm_counts_and_explain_tells_it(house: House) -> None:
    contact = house.mql()
    house.cycle()
    for id_ in house.ma.live("contacts"):
        house.ma.edit("contacts", id_, hold="Waiting for customer")
    at(house, 2, 17)
    person = house.person_of("sfa", contact)
    assert [clock["breached_at"] for clock in house.clocks(person)] == [None]
    told = explain(house.workspace, person, house.clock.now())
    assert "waiting_for_customer" in str(told)


@pytest.mark.parametrize("again", [1, 3])
def test_on_hold_cycles_are_quiet(house: House, again: int) -> None:
    contact = house.mql()
    house.cycle()
    house.sfa.edit("contacts", contact, hold="Waiting for customer")
    house.cycle()
    house.forget_writes()
    for _ in range(again):
        house.cycle()
    assert house.writes == []
