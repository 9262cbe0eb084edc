"""Why not: what is not so, and the fewest steps after which it would be. Every step told is tried: taken for real, it works."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmsync.decisions import catalogue
from crmsync.decisions.conditions import parse
from crmsync.decisions.frames import STATE, empty
from crmsync.decisions.scoring import FitRule, Group, InterestRule, Scoring, Title
from crmsync.decisions.whynot import Step, WhyNot, tell, why_not

NAME = Title("課長以上", "manager or above")


def asked(case: Any, person_id: str = "p", position: float = 0.0, state: Any = None) -> WhyNot:
    return why_not(person_id, case.facts(), empty(STATE) if state is None else state, case.definitions, position, case.now)


def steps(why: WhyNot) -> list[list[str]]:
    return [[f"{step.kind} {step.name}" for step in way] for way in why.ways]


def test_who_qualifies_lacks_nothing(case: Any) -> None:
    case.person("p").touched("quote_request")
    found = asked(case)
    assert (found.qualifies, found.unmet, found.ways, found.shortfall) == (True, (), (), 0)
    assert tell(found, case.definitions, "en") == ["Meets the definition."]


def test_one_look_at_the_prices_is_told_where_it_would_be_enough(case: Any) -> None:
    case.person("p")
    found = asked(case)
    assert [part.text for part in found.unmet] == ["score >= 10", "temperature IN ('hot', 'warm')"]
    assert found.unmet[0].values == (("score", "5.0"),)
    assert (found.score, found.least, found.shortfall) == (5.0, 10.0, 5.0)
    assert steps(found) == [["touch pricing_page"], ["touch quote_request"]]


def test_what_others_did_is_nothing_of_theirs(case: Any) -> None:
    case.person("other").touched("quote_request").approached()
    case.person("p")
    found = asked(case)
    assert (found.score, steps(found)) == (5.0, [["touch pricing_page"], ["touch quote_request"]])


def test_two_touches_of_one_kind_where_one_is_not_enough(case: Any) -> None:
    case.person("p", title_rank=4)
    strict = replace(case.definitions.qualification, loose=replace(case.definitions.qualification.loose, minimum_score=25))
    scoring = replace(case.definitions.scoring, interest=case.definitions.scoring.interest[:1])
    case.using(qualification=strict, scoring=scoring)
    assert steps(asked(case)) == [["touch pricing_page", "touch pricing_page"]]


def test_a_cap_is_no_way_through(case: Any) -> None:
    case.person("p")
    strict = replace(case.definitions.qualification, loose=replace(case.definitions.qualification.loose, minimum_score=26))
    scoring = replace(case.definitions.scoring, interest=case.definitions.scoring.interest[:1])
    case.using(qualification=strict, scoring=scoring)
    found = asked(case)
    assert found.ways == ()
    assert [part.by_steps for part in found.unmet] == [True, True]
    assert tell(found, case.definitions, "en")[-1] == "No 3 acts would be enough."


def test_attributes_that_would_be_enough_are_told_and_those_that_take_points(case: Any) -> None:
    columns = catalogue.attributes({})
    fit = (
        FitRule("big", NAME, parse("employees >= 100", columns), 5),
        FitRule("free", NAME, parse("free_mail", columns), -5),
        FitRule("known", NAME, parse("identified", columns), 6),
    )
    warm = replace(
        case.definitions.qualification, required=(), loose=replace(case.definitions.qualification.loose, minimum_score=6)
    )
    warm = replace(warm, loose=replace(warm.loose, temperatures=("hot", "warm", "cold")))
    case.using(scoring=Scoring(1, fit), qualification=warm)
    case.person("p", free_mail=True, employees=3)
    assert steps(asked(case)) == [["fit big"], ["unfit free"]]


def test_half_a_point_that_is_missing_is_made_up_by_a_rule_that_gives_it(case: Any) -> None:
    fit = (*case.definitions.scoring.fit, FitRule("big", NAME, parse("employees >= 100", catalogue.attributes({})), 0.5))
    loose = replace(case.definitions.qualification.loose, minimum_score=5.5, temperatures=("hot", "warm", "cold"))
    case.using(scoring=Scoring(1, fit), qualification=replace(case.definitions.qualification, loose=loose))
    case.person("p", employees=3)
    found = asked(case)
    assert (found.shortfall, steps(found)) == (0.5, [["fit big"]])


def test_what_no_act_can_change_is_named_apart(case: Any) -> None:
    case.person("p", opted_out=True, title_rank=None)
    found = asked(case)
    assert {part.text: part.by_steps for part in found.unmet} == {
        "title_rank >= 4": False,
        "NOT (opted_out)": False,
        "score >= 10": True,
        "temperature IN ('hot', 'warm')": True,
    }
    assert steps(found) == [["touch pricing_page"], ["touch quote_request"]]
    assert dict(found.unmet[0].values) == {"title_rank": None}
    told = tell(found, case.definitions, "ja")
    assert told[0] == "満たしていない条件: title_rank >= 4(title_rank = 不明)"
    assert told[-1] == "あわせて解消が必要: title_rank >= 4 + NOT (opted_out)"


def test_at_the_strict_end_only_what_makes_hot_is_enough(case: Any) -> None:
    case.person("p").touched("pricing_page")
    assert steps(asked(case, position=1.0)) == [["touch quote_request"]]


def test_a_window_of_the_definition_is_a_step_too(case: Any) -> None:
    asks = parse("touches('seminar', 30) > 0", catalogue.everything({}))
    case.using(qualification=replace(case.definitions.qualification, required=(asks,)))
    case.person("p").touched("pricing_page")
    assert steps(asked(case)) == [["touch seminar"]]


def test_a_person_nobody_knows_is_an_error(case: Any) -> None:
    with pytest.raises(KeyError):
        asked(case, "stranger")


def test_the_sentences_name_rules_and_touches_in_both_languages(case: Any) -> None:
    case.person("p", title_rank=4)
    why = asked(case)
    two = replace(why, ways=((Step("touch", "seminar"), Step("touch", "seminar"), Step("fit", "manager")),))
    case.using(scoring=replace(case.definitions.scoring, fit=(replace(case.definitions.scoring.fit[0], title=NAME),)))
    assert tell(two, case.definitions, "en")[2:] == [
        "5 points are missing: 10 are needed, there are 5.",
        "It would be enough if they now attended a seminar 2 times and were “manager or above”.",
    ]
    assert tell(two, case.definitions, "ja")[-1] == "次があれば満たします: いま「セミナーに参加」を 2 回 + 「課長以上」に該当"
    assert tell(replace(why, ways=()), case.definitions, "en")[-1] == "No 3 acts would be enough."


def test_a_rule_that_takes_points_is_told_as_what_should_not_be(case: Any) -> None:
    case.person("p", title_rank=4)
    case.using(scoring=replace(case.definitions.scoring, fit=(replace(case.definitions.scoring.fit[0], title=NAME),)))
    way = replace(asked(case), ways=((Step("unfit", "manager"),),))
    assert tell(way, case.definitions, "en")[-1] == "It would be enough if they were not “manager or above”."


GROUPED = Scoring(
    1,
    (FitRule("manager", NAME, parse("title_rank >= 4", catalogue.attributes({})), 5),),
    (
        InterestRule("pricing", NAME, "pricing_page", 10, half_life_days=14, cap=20),
        InterestRule("open", NAME, "email_open", 4),
        InterestRule("click", NAME, "email_click", 6, cap=9),
        InterestRule("quote", NAME, "quote_request", 12, is_explicit=True),
    ),
    (Group("mail", ("open", "click"), 7),),
)


def test_one_touch_that_is_enough_is_told_without_a_number(case: Any) -> None:
    case.person("p", title_rank=4)
    way = replace(asked(case), ways=((Step("touch", "seminar"),),))
    assert tell(way, case.definitions, "en")[-1] == "It would be enough if they now attended a seminar."
    assert tell(way, case.definitions, "ja")[-1] == "次があれば満たします: いま「セミナーに参加」"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from(["pricing_page", "email_open", "email_click"]), st.integers(0, 60)), max_size=5),
    st.integers(10, 45),
)
def test_every_way_works_when_it_is_taken_and_none_of_its_steps_can_be_spared(
    new_case: Any, acts: list[tuple[str, int]], least: int
) -> None:
    case = new_case().team()
    definition = replace(
        case.definitions.qualification, required=(), loose=replace(case.definitions.qualification.loose, minimum_score=least)
    )
    case.using(scoring=GROUPED, qualification=definition)
    person = case.person("p", title_rank=4)
    for kind, days in acts:
        person.touched(kind, days_ago=days)
    found = asked(case)
    for way in found.ways:
        taken = len(case.rows["touches"])
        for step in way:
            person.touched(step.name)
        assert asked(case).qualifies
        del case.rows["touches"][-1]
        assert not asked(case).qualifies
        del case.rows["touches"][taken:]


def test_the_temperature_before_is_kept_in_mind(case: Any) -> None:
    case.person("p", title_rank=4).touched("pricing_page", days_ago=0)
    told = case.decide()
    later = case.now + timedelta(days=14)
    case.now = later
    assert [part.text for part in asked(case, state=told.state).unmet] == []
    case.now = later + timedelta(days=14)
    assert "temperature IN ('hot', 'warm')" in [part.text for part in asked(case, state=told.state).unmet]
