"""What another definition would have changed: the same rules change nothing, stricter ones flip exactly whom an oracle names."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from fake_house import House, definitions

from crmsync.decisions.definitions import Definitions
from crmsync.decisions.qualification import End
from crmsync.sync.names import called, names_of
from crmsync.sync.whatif import what_if

FIRST, LAST = date(2026, 6, 2), date(2026, 6, 8)


@pytest.fixture
def week(house: House) -> House:
    """A week in which somebody comes every day: some look at prices once, some also ask for a document."""
    for number in range(4):
        email = f"person{number}@acme{number}.example"
        contact = house.contact("ma", email)
        house.visit("ma", contact)
        if number % 2:
            house.visit("ma", contact, "document_request")
        house.contact("sfa", email)
        house.cycle(later=timedelta(hours=24))
    house.cycle(later=timedelta(days=3))
    return house


def stricter(least: float) -> Definitions:
    rules = definitions()
    ends = [End(least, end.temperatures) for end in (rules.qualification.loose, rules.qualification.strict)]
    return replace(rules, qualification=replace(rules.qualification, loose=ends[0], strict=ends[1]))


def test_the_same_rules_flip_nobody(week: House) -> None:
    found = what_if(week.workspace, definitions(), FIRST, LAST, 30)
    assert found.flips == ()
    assert found.present == found.other
    assert found.present.total > 0
    assert sum(found.happened.values()) == found.present.total == found.actual.total
    assert found.actual.work_hours == found.present.work_hours
    assert found.present.idle_hours > 0


def test_what_the_first_day_had_handed_over_before_nine_is_played_as_well(house: House) -> None:
    house.visit("ma", house.contact("ma", "person@acme.example"))
    house.cycle(later=timedelta(hours=22))  # Tuesday, 8:00
    house.cycle(later=timedelta(days=3))
    found = what_if(house.workspace, definitions(), FIRST, LAST, 30)
    assert found.happened[FIRST] == 1
    assert found.present.by_day == found.happened


def test_stricter_rules_lose_exactly_those_whose_score_is_too_low_and_say_why(week: House) -> None:
    before = week.shown()
    plain = what_if(week.workspace, stricter(0), FIRST, LAST, 30)
    scores = {row["person_id"]: row["score"] for row in week.store.decided.frame(_desired()).to_dicts()}
    least = (min(scores.values()) + max(scores.values())) / 2
    found = what_if(week.workspace, stricter(least), FIRST, LAST, 30)
    lost = {flip.person_id for flip in found.flips}
    assert plain.flips == ()
    assert 0 < len(lost) < found.present.total
    assert {flip.change for flip in found.flips} == {"lost"}
    assert all(flip.why == f"score >= {round(least, 2):g}" for flip in found.flips)
    assert found.other.total == found.present.total - len(lost)
    assert week.shown() == before


def test_rules_that_are_to_hold_later_are_played_as_if_they_held(week: House) -> None:
    later = replace(definitions(), qualification=replace(definitions().qualification, effective_from=LAST + timedelta(days=30)))
    found = what_if(week.workspace, later, FIRST, LAST, 30)
    assert found.flips == ()
    assert found.other == found.present


def test_who_flips_is_called_by_name(week: House) -> None:
    found = what_if(week.workspace, stricter(99), FIRST, LAST, 30)
    names = names_of(week.workspace, week.clock.now(), {flip.person_id for flip in found.flips})
    told = {called(names[flip.person_id], flip.person_id) for flip in found.flips}
    assert len(told) == len(found.flips) > 0
    assert all("Person" in line and "Acme" in line and line.endswith(flip.person_id) for line, flip in _paired(told, found.flips))


def _paired(told: set[str], flips: Any) -> list[tuple[str, Any]]:
    return [(next(line for line in told if flip.person_id in line), flip) for flip in flips]


def _desired() -> type:
    from crmsync.store.tables import DesiredRow

    return DesiredRow


def test_calls_of_the_last_business_day_fill_the_week_end_whomever_they_reached(tmp_path: Path) -> None:
    house = House(tmp_path, capacity=1)
    quiet = [house.contact("sfa", f"quiet{number}@acme.example") for number in range(2)]
    house.cycle()
    house.cycle(later=timedelta(days=4, hours=5))  # Friday, after 15:00
    for rep, contact in zip(("is1", "is2"), quiet, strict=True):
        house.call("sfa", f"{rep}@home.example", contact=contact)
    house.cycle()
    house.cycle(later=timedelta(hours=19))  # Saturday
    house.mql("keen@acme.example")
    house.cycle()
    house.cycle(later=timedelta(days=3))
    found = what_if(house.workspace, definitions(), FIRST, date(2026, 6, 9), 30)
    house.workspace.close()
    assert {day: count for day, count in found.present.by_day.items() if count} == {date(2026, 6, 8): 1}
