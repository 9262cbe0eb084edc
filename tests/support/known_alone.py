"""Facts gathered of some persons alone, held against those of everyone."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime

import polars as pl
from fake_house import House

from crmsync.sync.facts import gather, gather_judged
from crmsync.sync.workspace import Workspace


def check_alone(workspace: Workspace, now: datetime, *persons: str) -> None:
    """The facts of these persons alone are the rows about them among the facts of everyone."""
    (everyone, words), (alone, few) = gather_judged(workspace, now), gather_judged(workspace, now, persons)
    for part in fields(everyone):
        known, found = getattr(everyone, part.name), getattr(alone, part.name)
        mine = known.filter(pl.col("person_id").is_in(persons)) if "person_id" in known.columns else known
        assert mine.equals(found, null_equal=True), part.name
    assert {s for s in words.settlements if s.claim.person_id in persons} == set(few.settlements)


def check_each_alone(house: House) -> None:
    persons = gather(house.workspace, house.clock.now()).persons["person_id"].to_list()
    for person in persons:
        check_alone(house.workspace, house.clock.now(), person)
    check_alone(house.workspace, house.clock.now(), *persons[:2])
