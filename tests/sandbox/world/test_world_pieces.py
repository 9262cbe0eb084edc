"""Dice, working time, names and companies: the small pure parts that the world is drawn with."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.sandbox.world.actors.inside_sales import connect_chance
from crmsync.sandbox.world.companies import corporate_number, draw_company, half_width_kana
from crmsync.sandbox.world.config import RepTempers, WorldConfig
from crmsync.sandbox.world.dice import Dice
from crmsync.sandbox.world.names import draw_name, draw_title, full_width
from crmsync.sandbox.world.people import draw_human, other_spelling
from crmsync.sandbox.world.roster import roster
from crmsync.sandbox.world.worktime import JAPAN, after_working, day_of, is_working, is_working_day, next_working

INSTANTS = st.integers(0, 3 * 365 * 86_400).map(lambda seconds: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))


def japan(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=JAPAN)


# ------------------------------------------------------------------------------------------------------------------- dice


def test_two_dice_of_one_key_throw_alike_and_others_do_not() -> None:
    def throws(*key: object) -> list[float]:
        dice = Dice(7, *key)
        return [dice.share() for _ in range(5)]

    assert throws("call", 3) == throws("call", 3)
    assert throws("call", 3) != throws("call", 4)


def test_a_weighted_draw_keeps_to_its_weights() -> None:
    drawn = Counter(Dice(1, "w", number).weighted({"a": 3, "b": 1, "never": 0}) for number in range(4000))
    assert drawn["never"] == 0
    assert drawn["a"] / 4000 == pytest.approx(0.75, abs=0.03)


def test_waits_have_the_mean_that_was_asked_for() -> None:
    waits = [Dice(1, "wait", number).wait(2.0).total_seconds() / 86_400 for number in range(4000)]
    assert sum(waits) / len(waits) == pytest.approx(2.0, rel=0.06)


@given(st.integers(-50, 50), st.integers(0, 50), st.integers())
def test_whole_numbers_stay_within_their_bounds(low: int, width: int, seed: int) -> None:
    assert low <= Dice(seed, "n").whole(low, low + width) <= low + width


# ----------------------------------------------------------------------------------------------------------- working time


def test_work_goes_on_after_the_weekend_and_after_golden_week() -> None:
    assert next_working(japan("2026-05-02T15:00")) == japan("2026-05-07T09:00")
    assert next_working(japan("2026-05-01T10:30")) == japan("2026-05-01T10:30")
    assert next_working(japan("2026-05-01T18:00")) == japan("2026-05-07T09:00")
    assert not is_working_day(date(2026, 9, 22))  # between two holidays: a holiday itself


def test_working_hours_are_counted_over_nights() -> None:
    assert after_working(japan("2026-04-14T17:00"), timedelta(hours=3)) == japan("2026-04-15T11:00")
    assert after_working(japan("2026-04-30T17:00"), timedelta(hours=10)) == japan("2026-05-07T09:00")


@given(INSTANTS)
def test_the_next_working_instant_is_one_and_is_not_before(at: datetime) -> None:
    found = next_working(at)
    assert found >= at
    assert is_working(found)
    assert next_working(found) == found


@given(INSTANTS, st.integers(0, 3000), st.integers(0, 3000))
def test_more_work_ends_later(at: datetime, some: int, more: int) -> None:
    first = after_working(at, timedelta(minutes=some))
    assert after_working(at, timedelta(minutes=some + more)) == after_working(first, timedelta(minutes=more)) >= first


# ------------------------------------------------------------------------------------------------------- names, companies


@pytest.mark.parametrize("number", ["4011001098993", "7123456789012", "7010705000725"])
def test_corporate_numbers_carry_the_right_check_digit(number: str) -> None:
    assert corporate_number(int(number[1:])) == number


def test_a_company_is_written_in_many_ways_but_has_one_domain() -> None:
    companies = [draw_company(3, index, 0.8) for index in range(200)]
    assert len({company.domain for company in companies}) == 200
    assert all(company.domain.endswith(".example") and company.domain.isascii() for company in companies)
    japanese = next(company for company in companies if company.name.startswith("株式会社"))
    core = japanese.name.removeprefix("株式会社")
    assert {f"(株){core}", f"㈱{core}", f"株式会社\u3000{core}"} <= set(japanese.variants)
    assert half_width_kana("ブルーフーズ") == "ﾌﾞﾙｰﾌｰｽﾞ"


def test_japanese_people_have_kanji_and_kana_english_ones_have_neither() -> None:
    people = [draw_name(Dice(1, "name", number), 0.5) for number in range(100)]
    assert {person.language for person in people} == {"ja", "en"}
    for person in people:
        assert bool(person.family.kana) == (person.language == "ja")
        assert person.family.latin.isascii()


def test_titles_come_from_the_ladder() -> None:
    drawn = {draw_title(Dice(1, "title", number), "ja") for number in range(800)}
    assert ("課長", 4) in drawn
    assert ("主任", 2) in drawn
    assert {rank for _, rank in drawn} == set(range(1, 10))


def test_every_address_is_in_a_reserved_domain() -> None:
    config = WorldConfig()
    humans = [draw_human(config, index) for index in range(1000)]
    assert all(human.email.endswith(".example") for human in humans if human.email)
    assert all(rep.rep_id.endswith(".example") for rep in roster(config))
    assert len({human.email for human in humans if human.email}) == sum(1 for human in humans if human.email)


def test_the_other_spelling_of_an_address_is_the_same_address() -> None:
    humans = [draw_human(WorldConfig(), index) for index in range(600)]
    odd = [human for human in humans if human.email and other_spelling(human) != human.email]
    assert {human.link for human in odd} == {"email_case", "email_width"}
    wide = next(human for human in odd if human.link == "email_width")
    assert other_spelling(wide) == full_width(str(wide.email).partition("@")[0]) + "@" + str(wide.email).partition("@")[2]


def test_the_roster_has_one_who_left_and_a_manager_in_every_department() -> None:
    reps = roster(WorldConfig())
    assert [rep.department for rep in reps if not rep.is_active] == ["inside_sales"]
    assert len({rep.rep_id for rep in reps}) == len(reps)
    assert Counter(rep.department for rep in reps if rep.is_manager) == dict.fromkeys({rep.department for rep in reps}, 1)


def test_an_answer_is_less_likely_the_longer_we_wait() -> None:
    tempers = RepTempers()
    chances = [connect_chance(tempers, timedelta(minutes=minutes)) for minutes in (0, 5, 60, 24 * 60, 72 * 60, 900 * 60)]
    assert chances == [0.45, 0.45, 0.33, 0.18, 0.10, 0.10]
    assert day_of(datetime(2026, 4, 13, 15, tzinfo=UTC)) == date(2026, 4, 14)
