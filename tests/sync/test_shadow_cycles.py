"""Cycles with a shadow: the same facts decided twice, one side written, the other remembered; and nothing it does can hurt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from fake_house import House, definitions, team
from sqlalchemy import select
from sqlmodel import SQLModel

from crmsync.decisions import shadow as shadow_rules
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.qualification import End
from crmsync.decisions.signing import Rules
from crmsync.errors import FixConfig, Problem
from crmsync.store.sql import table_of
from crmsync.store.tables import DisagreementRow, ShadowFrameRow
from crmsync.sync.forget import forget
from crmsync.sync.shadow import Shadowed, report
from crmsync.sync.workspace import Shadow


def asking_for(least: float) -> Definitions:
    rules = definitions()
    ends = [End(least, end.temperatures) for end in (rules.qualification.loose, rules.qualification.strict)]
    return replace(rules, qualification=replace(rules.qualification, loose=ends[0], strict=ends[1]))


def under(house: House, shadow: Definitions | None, *problems: Problem) -> None:
    rules = None if shadow is None else Rules.of(shadow, team())
    house.workspace = replace(house.workspace, shadow=Shadow(rules, problems))


def standing(house: House) -> list[dict[str, Any]]:
    found = report(house.workspace)
    assert found is not None
    return [dict(row) for row in found.standing]


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[House]:
    """The same house without a shadow."""
    (tmp_path / "twin").mkdir()
    built = House(tmp_path / "twin")
    yield built
    built.workspace.close()


def live_week(house: House) -> None:
    """People come, one is called, one is accepted, one opts out."""
    first, second = house.mql("tanaka@acme.example"), house.mql("mori@beta.example")
    house.cycle()
    house.call("sfa", "is1@home.example", contact=first)
    house.cycle(later=timedelta(hours=5))
    house.sfa.edit("contacts", first, status="working", need="yes", budget="yes", authority="yes")
    house.sfa.edit("contacts", second, opted_out=True)
    house.mql("kato@gamma.example")
    for _ in range(3):
        house.cycle(later=timedelta(hours=30))


def _everything_but_the_shadow(house: House) -> dict[str, Any]:
    own = {ShadowFrameRow.__tablename__, DisagreementRow.__tablename__, "meta", "lease", "journal"}
    with house.store.transaction() as db:
        return {
            table.name: [tuple(row) for row in db.execute(select(table)).all()]
            for table in SQLModel.metadata.sorted_tables
            if table.name not in own
        }


def test_neither_a_crm_nor_anything_stored_of_the_live_side_differs_by_a_byte(house: House, twin: House) -> None:
    under(house, asking_for(50))
    live_week(house)
    live_week(twin)
    assert house.shown() == twin.shown()
    assert _everything_but_the_shadow(house) == _everything_but_the_shadow(twin)
    assert standing(house)


def test_disagreements_are_named_with_the_reasons_of_both_sides_and_since_when(house: House) -> None:
    under(house, asking_for(50))
    house.mql("tanaka@acme.example")
    house.cycle()
    began = house.clock.now()
    house.cycle(later=timedelta(days=2))
    (row,) = [row for row in standing(house) if row["kind"] == "mql_out"]
    assert (row["live"], row["shadow"], row["since"], row["company_name"]) == ("mql", "inquiry", began, "Acme")
    assert "Tanaka" in row["name"]
    assert orjson.loads(row["shadow_because"])["failed"] == ["score >= 50"]
    assert orjson.loads(row["live_because"])["rules"]
    house.clock.advance(timedelta(days=1))
    found = report(house.workspace, house.clock.now())
    assert found is not None
    assert found.standing == ()


def test_a_disagreement_that_is_gone_says_how_it_ended(house: House) -> None:
    under(house, asking_for(50))
    lead = house.mql("tanaka@acme.example")
    house.cycle()
    house.sfa.edit("contacts", lead, status="working", need="yes", budget="yes", authority="yes")
    house.cycle(later=timedelta(hours=2))
    found = report(house.workspace)
    assert found is not None
    assert found.standing == ()
    assert ("mql_out", "sql") in [(row["kind"], row["outcome"]) for row in found.ended]


def test_other_rules_begin_anew_from_the_live_side(house: House) -> None:
    under(house, asking_for(50))
    house.mql("tanaka@acme.example")
    house.cycle()
    assert standing(house)
    under(house, asking_for(51))
    assert report(house.workspace).decided_at is None  # type: ignore[union-attr]  # a shadow is configured
    house.cycle(later=timedelta(hours=2))
    assert standing(house) == []


def test_it_goes_on_where_it_was_when_the_process_starts_anew(house: House) -> None:
    under(house, asking_for(50))
    house.mql("tanaka@acme.example")
    house.cycle()
    before = standing(house)
    house.reopen()
    under(house, asking_for(50))
    house.cycle(later=timedelta(hours=2))
    assert standing(house) == before


def test_a_shadow_that_fails_is_told_and_the_cycle_is_as_whole_as_ever(
    house: House, twin: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("tanaka@acme.example")

    monkeypatch.setattr("crmsync.sync.shadow.step", broken)
    under(house, asking_for(50))
    for one in (house, twin):
        one.mql("tanaka@acme.example")
    cycle, alone = house.cycle(), twin.cycle()
    assert cycle.is_complete
    assert house.shown() == twin.shown()
    assert cycle.applied.outcomes == alone.applied.outcomes
    (told,) = cycle.pulled.notices
    assert (told.connection, told.code, told.params, told.is_news) == (
        "crmsync",
        "shadow.failed",
        {"error": "ZeroDivisionError"},
        True,
    )
    (again,) = house.cycle(later=timedelta(hours=2)).pulled.notices
    assert not again.is_news
    monkeypatch.setattr("crmsync.sync.shadow.step", shadow_rules.step)
    assert house.cycle(later=timedelta(hours=2)).pulled.notices == ()


def test_rules_that_cannot_be_read_do_not_run_and_stop_nothing(house: House) -> None:
    under(house, None, Problem("draft/sla.yaml", 3, 1, "config.unknown_key", {"key": "x", "nearest": ""}))
    house.mql("tanaka@acme.example")
    cycle = house.cycle()
    assert cycle.is_complete
    assert [told.code for told in cycle.pulled.notices] == ["shadow.unreadable"]
    with pytest.raises(FixConfig):
        report(house.workspace)


def test_who_is_forgotten_is_forgotten_in_the_shadow_too(house: House) -> None:
    under(house, asking_for(50))
    house.mql("tanaka@acme.example")
    house.mql("mori@beta.example")
    house.cycle()
    person = next(row["person_id"] for row in standing(house) if row["company_name"] and "Tanaka" in row["name"])
    house.clock.advance(timedelta(minutes=5))
    forget(house.workspace, "tanaka@acme.example", house.clock.now())
    with house.store.transaction() as db:
        assert person not in {row.person_id for row in db.execute(select(table_of(DisagreementRow)))}
    kept = house.store.shadows.kept(Rules.of(asking_for(50), team()).digest)
    assert kept is not None
    assert person not in kept.before.state["person_id"].to_list()
    assert person not in kept.before.clocks["person_id"].to_list()
    assert kept.before.state.height == 1


def settled(house: House) -> House:
    """Nothing more is to be done, and the next cycle would rest."""
    house.mql("tanaka@acme.example")
    for _ in range(4):
        house.cycle(later=timedelta(minutes=1))
    assert rests(house)
    return house


def rests(house: House) -> bool:
    return house.cycle(later=timedelta(minutes=1)).prepared.decided.facts.persons.is_empty()


def test_a_shadow_that_is_new_ends_a_rest(house: House) -> None:
    settled(house)
    under(house, asking_for(50))
    assert not rests(house)
    assert house.store.shadows.running() is not None
    assert rests(house)


def test_a_cycle_rests_no_longer_than_what_the_shadow_decided_stands(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    settled(house)
    under(house, asking_for(50))
    soon = house.clock.now() + timedelta(minutes=5)
    monkeypatch.setattr("crmsync.sync.pipeline.shadow", lambda *_: Shadowed(soon))
    assert not rests(house)
    assert rests(house)
    house.clock.advance(timedelta(minutes=4))
    assert not rests(house)
