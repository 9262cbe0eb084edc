"""The paper that both heads sign says what the engine does: written from the values, so that no number can differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import date, time, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from crmsync.config.rules import load_definitions
from crmsync.decisions.agreed_rules import Stands
from crmsync.decisions.agreement import render, render_page
from crmsync.decisions.conditions import Condition
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.frames import ValvePosition, Veto
from crmsync.decisions.qualification import Signature
from crmsync.decisions.signing import Rules
from crmsync.decisions.team import Rep, Team
from crmsync.decisions.valve import Override
from crmsync.messages import LANGUAGES, Language

RULES = Path(__file__).parents[2] / "mappings" / "rules"
KINDS = ["pricing_page", "case_page", "page_view", "document_request", "quote_request", "seminar", "card_exchange", "reply"]
KINDS += ["email_open", "email_click", "inbound_call"]
LADDER = {"staff": 1, "manager": 4, "executive": 8}
SHIPPED = load_definitions([RULES], LADDER, frozenset(KINDS))
TEAM = Team(tuple(Rep(f"{n}@home.example", str(n), "inside_sales", "tokyo", "Asia/Tokyo", 15 + n) for n in (1, 2)))
TODAY = date(2026, 6, 1)


def paper(definitions: Definitions = SHIPPED, language: Language = "en", **more: Any) -> str:
    return render(Rules(definitions, "d1gest"), TEAM, language, TODAY, **more)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, Condition):
        yield path, value
    elif is_dataclass(value):
        for field in fields(value):
            yield from leaves(getattr(value, field.name), (*path, field.name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path, value


def altered(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The value with another leaf at the path."""
    if not path:
        return new
    first, *rest = path
    inner = altered(value[first] if not is_dataclass(value) else getattr(value, first), tuple(rest), new)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{first: inner})
    if isinstance(value, Mapping):
        return {**value, first: inner}
    return (*value[:first], inner, *value[first + 1 :])


def another(value: Any) -> Any:
    """Some other value of the same type; None where there is none to try."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, date):
        return value + timedelta(days=1)
    if isinstance(value, time):
        return time(value.hour, value.minute + 1)
    if isinstance(value, Condition):
        return replace(value, text=value.text + " OR free_mail", conjuncts=value.conjuncts[:0])
    return None


def is_agreed(path: tuple[Any, ...]) -> bool:
    """Routing is nobody's promise; who is out for good has no wait; the other wait counts only beside a contract's end; how sure is
    sure enough is arithmetic, and how often lists are read a matter of calls."""
    if path[0] == "routing" or path[-1] in ("otherwise_days", "sureness", "read_back_hours"):
        return False
    return path[:2] != ("recycle", "policies") or SHIPPED.recycle.policies[path[2]].goes == "recycled"


NUMBERS = [path for path, value in leaves(SHIPPED) if another(value) is not None and is_agreed(path)]


@pytest.mark.parametrize("path", NUMBERS, ids=lambda path: ".".join(map(str, path)))
def test_whatever_number_or_condition_changes_the_paper_changes(path: tuple[Any, ...]) -> None:
    value: Any = SHIPPED
    for step in path:
        value = getattr(value, step) if is_dataclass(value) else value[step]
    changed = altered(SHIPPED, path, another(value))
    assert paper(changed) != paper()


def test_where_the_contract_end_is_unknown_the_other_wait_is_said() -> None:
    policy = SHIPPED.recycle.policies["lost_competitor"]
    other = replace(policy, delay=replace(policy.delay, otherwise_days=99))
    changed = replace(SHIPPED, recycle=replace(SHIPPED.recycle, policies={**SHIPPED.recycle.policies, "lost_competitor": other}))
    assert "else 99 days" in paper(changed)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_same_values_give_the_same_bytes_and_the_digest_stands_on_it(language: Language) -> None:
    again = load_definitions([RULES], LADDER, frozenset(KINDS))
    assert paper(language=language) == paper(again, language)
    assert "d1gest" in paper(language=language)
    assert render(Rules(SHIPPED, "other"), TEAM, language, TODAY) != paper(language=language)
    assert "d1gest" in render_page(Rules(SHIPPED, "d1gest"), TEAM, language, TODAY)


def test_it_carries_version_dates_and_signatures() -> None:
    signed = replace(
        SHIPPED.qualification,
        version=3,
        effective_from=date(2026, 4, 1),
        review_by=date(2026, 9, 30),
        signed_by=(
            Signature("marketing", "Head of marketing", date(2026, 3, 20), "d1gest"),
            Signature("inside_sales", "Head of IS"),
        ),
    )
    told = paper(replace(SHIPPED, qualification=signed))
    assert "not yet by: Inside Sales" in told
    assert "| Inside Sales | 2 | 33 |" in told
    for part in (
        "standard@3",
        "2026-04-01",
        "2026-09-30",
        "2026-06-01",
        "| Marketing | Head of marketing | 2026-03-20 | d1gest |  |",
    ):
        assert part in told
    assert "| Inside Sales | Head of IS |  |  |  |" in told
    assert "2026年9月30日" in paper(replace(SHIPPED, qualification=signed), "ja")


def test_guide_item_41_how_long_ago_both_heads_last_looked_at_it_together_is_said() -> None:
    heads = (Signature("marketing", "Head", date(2026, 5, 20)), Signature("inside_sales", "Head", date(2026, 5, 22)))
    for signatures, told in ((heads, "2026-05-22 (10 days ago)"), (heads[:1], "| Last joint review | — |")):
        assert told in paper(replace(SHIPPED, qualification=replace(SHIPPED.qualification, signed_by=signatures)))


@pytest.mark.parametrize(
    ("changes", "stage"),
    [
        ({"is_draft": True}, "Draft"),
        ({"effective_from": date(2026, 6, 2)}, "Agreed, not yet in force"),
        ({"effective_from": TODAY}, "In force"),
        ({"effective_from": None}, "In force"),
        ({"review_by": TODAY}, "In force"),
        ({"review_by": date(2026, 5, 31)}, "In force, review overdue"),
    ],
)
def test_it_says_where_in_its_life_the_definition_stands(changes: dict[str, Any], stage: str) -> None:
    told = paper(replace(SHIPPED, qualification=replace(SHIPPED.qualification, **changes)))
    assert f"| Stage | {stage} |" in told


def test_it_says_where_the_valve_stands_and_who_holds_it() -> None:
    at = ValvePosition(0.5, "standard@1.4", "2026-05-29", "busy", 1.2, None)
    assert "It stands at 0.5 (standard@1.4): at least 21 points, Hot, Warm." in paper(stands=Stands(at))
    held = replace(SHIPPED.valve, override=Override(0.75, date(2026, 12, 28), "Head of IS", "year-end"))
    assert "Set by hand to 0.75 until 2026-12-28 by Head of IS: year-end" in paper(replace(SHIPPED, valve=held))


def test_a_veto_stands_on_the_paper_until_it_ends() -> None:
    at = ValvePosition(0.5, "standard@1.4", "2026-05-29", "vetoed", 1.2, None)
    said = Veto("standard@1.3", 0.5, TODAY, "marketing", "M. Mori", "the fair")
    told = "Vetoed by M. Mori (Marketing): standard@1.3 does not count; it stands at 0.5 until 2026-06-01: the fair"
    assert told in paper(stands=Stands(at, said))
    for gone in (replace(said, until=date(2026, 5, 31)), replace(said, version="standard@2.0")):
        assert "Vetoed" not in paper(stands=Stands(at, gone))


def test_a_bar_in_a_condition_breaks_no_table_and_a_tag_no_page() -> None:
    rule = SHIPPED.scoring.fit[0]
    odd = replace(rule, when=replace(rule.when, text="title = 'a|<b>'"))
    changed = replace(SHIPPED, scoring=replace(SHIPPED.scoring, fit=(odd,)))
    assert "title = 'a\\|<b>'" in paper(changed)
    assert "a|&lt;b&gt;" in render_page(Rules(changed, "d"), TEAM, "en", TODAY)


class Shape(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_is_well_formed_and_says_what_the_paper_says(language: Language) -> None:
    shape = Shape()
    shape.feed(render_page(Rules(SHIPPED, "d1gest"), TEAM, language, TODAY))
    assert shape.open == []
    cells = {
        c.strip().replace("\\|", "|")
        for line in paper(language=language).splitlines()
        for c in line.split(" | ")
        if "---" not in line
    }
    told = {c.strip("| -`#").strip() for c in cells} - {""}
    said = " ".join(shape.texts)
    assert [cell for cell in told if cell not in said] == []
