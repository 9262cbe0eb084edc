"""A rep says in the CRM that the customer asked to wait: the task moves with its due time, once, and nobody is late meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fake_house import MAPPINGS, House

from crmsync.config.mappings import load_mappings
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


def test_the_text_of_a_task_that_moved_tells_the_due_time_that_counts(house: House) -> None:
    contact = house.mql()
    house.cycle()
    ((_, before),) = house.tasks().items()
    assert "= Tue 2 Jun 10:15" in before["body"]
    house.sfa.edit("contacts", contact, call_after="2026-06-08T09:00:00+09:00")
    at(house, 1, 12)
    ((_, task),) = house.tasks().items()
    assert "= Mon 8 Jun 16:15" in task["body"]
    house.forget_writes()
    at(house, 3, 9)
    assert [change.object for change in house.writes if change.object == "tasks"] == []


def test_a_task_that_is_known_by_a_mark_in_its_text_keeps_it_when_it_moves(house: House, tmp_path: Path) -> None:
    text = (MAPPINGS / "tasks.yaml").read_text(encoding="utf-8")
    text = text.replace("upsert_by: key", "upsert_by: absent\n  key_in: body").replace("  key: {from", "  absent: {from")
    text = text.replace("key: key", "key: {from: body, as: mark}")
    (tmp_path / "tasks.yaml").write_text(text, encoding="utf-8")
    house.reopen(load_mappings([MAPPINGS, tmp_path], "fake"))
    contact = house.mql()
    house.cycle()
    house.sfa.edit("contacts", contact, call_after="2026-06-08T09:00:00+09:00")
    at(house, 1, 12)
    at(house, 1, 13)
    ((_, task),) = house.sfa.live("tasks").items()
    said, _, mark = task["body"].partition("\n[crmsync ")
    assert "= Mon 8 Jun 16:15" in said
    assert mark.startswith(house.person_of("sfa", contact))


def test_what_a_rep_wrote_into_a_task_stands_when_it_moves(house: House) -> None:
    contact = house.mql()
    house.cycle()
    ((_, task),) = house.tasks().items()
    (task_id,) = (id_ for id_, fields in house.sfa.live("tasks").items() if fields.get("key") == task["key"])
    house.sfa.edit("tasks", task_id, body="Asked for the manager. " + task["body"])
    house.sfa.edit("contacts", contact, call_after="2026-06-08T09:00:00+09:00")
    at(house, 1, 12)
    ((_, moved),) = house.tasks().items()
    assert due(house) == "Mon 08 16:15"
    assert moved["body"].startswith("Asked for the manager. ")


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
