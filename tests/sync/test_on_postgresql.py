"""Two hosts share a PostgreSQL: what is decided and written is what SQLite would have brought, and a second host takes over."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from databases import KINDS, database
from fake_house import House
from sqlalchemy import create_engine, select
from sqlmodel import SQLModel

from crmsync.errors import RetryLater
from crmsync.sync.forget import forget
from crmsync.sync.lease import alone
from crmsync.sync.pipeline import run_cycle
from crmsync.sync.workspace import Moment

# Who holds the lease, and names drawn for a run: of this process, and not of the story.
OF_THE_MOMENT = {"lease": {"holder", "expires_at", "since"}, "run": {"id"}}


def a_story(house: House) -> None:
    """A hand-over, a call, a rejection, and a database opened again on the way."""
    lead = house.mql("tanaka@acme.example")
    house.mql("suzuki@acme.example")
    house.cycle()
    house.call("sfa", by="is1@home.example", contact=lead)
    house.cycle()
    house.reopen()
    house.sfa.edit("contacts", lead, status="rejected", reason="timing")
    house.cycle(later=timedelta(days=1))
    house.cycle(later=timedelta(days=30))


def rows_of(url: str) -> dict[str, list[dict[str, Any]]]:
    engine = create_engine(url)
    with engine.connect() as db:
        found = {}
        for name, table in SQLModel.metadata.tables.items():
            columns = [column for column in table.c if column.name not in OF_THE_MOMENT.get(name, set()) | {"run_id"}]
            found[name] = sorted((dict(row._mapping) for row in db.execute(select(*columns))), key=repr)
    engine.dispose()
    return found


def test_a_story_leaves_the_same_rows_in_either_database(tmp_path: Path) -> None:
    told = []
    for kind in KINDS:
        folder = tmp_path / kind
        folder.mkdir()
        with database(kind, folder) as url:
            house = House(folder, database=url)
            a_story(house)
            house.workspace.close()
            told.append((rows_of(url), house.shown()))
    (rows, shown), (others, also_shown) = told
    assert {name for name in rows if rows[name] != others[name]} == set()
    assert shown == also_shown
    assert len(rows["move"]) > 3, "the story has something to tell"


def test_who_was_forgotten_is_in_no_row_and_does_not_come_back(tmp_path: Path, shared: str) -> None:
    house = House(tmp_path, database=shared)
    a_story(house)
    assert "suzuki" in repr(rows_of(shared)).casefold()
    forget(house.workspace, "suzuki@acme.example", house.clock.now())
    house.cycle(later=timedelta(days=1))
    assert "suzuki" not in repr(rows_of(shared)).casefold()
    house.workspace.close()


@pytest.fixture
def shared(tmp_path: Path):
    with database("postgresql", tmp_path) as url:
        yield url


def test_while_one_host_works_the_other_waits_and_then_goes_on_where_it_was(tmp_path: Path, shared: str) -> None:
    here = House(tmp_path, database=shared)
    here.mql()
    there = House(tmp_path, database=shared)
    there.crms, there.clock = here.crms, here.clock
    there.reopen()
    with alone(here.workspace, "run"), pytest.raises(RetryLater, match=r"lease\.taken"):
        run_cycle(there.workspace, Moment(there.clock.now()))
    here.cycle()
    here.forget_writes()
    there.cycle()
    assert here.writes == [], "everything was written already"
    assert len(there.tasks()) == 1
    here.workspace.close()
    there.workspace.close()
