"""docs/json.md and what the commands print say the same keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crmsync.sandbox.salesforce.config import ValidationRule
from crmsync.store.tables import OverrideRow as Override

PAGE = Path(__file__).parents[2] / "docs" / "json.md"


def documented(command: str) -> set[str]:
    """The keys of a command's section."""
    for section in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        names, _, body = section.partition("\n")
        if command in names.split(", "):
            return set(re.findall(r"^\| `([^`]+)` \|", body, re.MULTILINE))
    raise AssertionError(f"docs/json.md has no section for {command}")


def leaves(value: Any, path: str = "") -> Iterator[str]:
    """Every key that holds a value, a null, or something empty."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for inner in value:
            yield from leaves(inner, f"{path}[]")
    else:
        yield path


def matches(pattern: str, path: str) -> bool:
    """Whether a documented key names this one; `*` is one name, at the end also whatever is in it."""
    name = r"[^.\[\]]+"
    expression = re.escape(pattern.removesuffix("*")).replace(r"\*", name) + (".+" if pattern.endswith("*") else "")
    return re.fullmatch(expression, path) is not None


def within(path: str, pattern: str) -> bool:
    """Whether a value that holds nothing (null, {}, []) stands where this key would be."""
    start = re.escape(path).replace(r"\*", r"[^.\[\]]+")
    return re.match(rf"{start}(\.|\[\])", pattern) is not None


def check(command: str, printed: Any) -> None:
    keys, said = set(leaves(printed)), documented(command)
    unknown = sorted(k for k in keys if not any(matches(p, k) or within(k, _named(p, k)) for p in said))
    assert unknown == [], "printed and not documented"
    absent = sorted(p for p in said if not any(matches(p, k) or within(k, _named(p, k)) for k in keys))
    assert absent == [], "documented and not printed"


def _named(pattern: str, path: str) -> str:
    """The documented key with the names of this path in place of its `*`, as far as both go."""
    names = path.split(".")
    return ".".join(names[i] if part == "*" and i < len(names) else part for i, part in enumerate(pattern.split(".")))


def test_check_prints_what_is_documented(desk: Any) -> None:
    check("check", desk.type("check", "--config", str(desk.directory), "--json").json)


def test_problems_are_printed_as_documented(desk: Any, tmp_path: Path) -> None:
    check("check", desk.type("check", "--config", str(tmp_path), "--json").json)


@pytest.mark.parametrize(("command", "answer"), [("pull", "pull"), ("plan", "plan"), ("apply", "apply"), ("run", "second_run")])
def test_a_cycle_prints_what_is_documented(story: Any, command: str, answer: str) -> None:
    check(command, getattr(story, answer).json)


def test_a_stopped_connection_is_printed_as_documented(story: Any) -> None:
    desk = story.desk
    gone = {"CRMSYNC_CONNECTIONS__HUBSPOT__BASE_URLS__API": "http://127.0.0.1:9"}
    printed = desk.type("pull", "--config", str(desk.directory), "--now", desk.now, "--json", environment=gone).json
    assert printed["failures"]
    check("pull", printed)


def test_a_story_prints_what_is_documented(story: Any) -> None:
    persons = {change["person_id"] for change in story.plan.json["changes"] if change["task_key"]}
    for person in sorted(persons)[:4]:
        check("explain", story.desk.here("explain", person, "--json").json)


def test_doctor_prints_what_is_documented(desk: Any) -> None:
    check("doctor", desk.here("doctor", "--json").json)


def test_figures_and_gaps_print_what_is_documented(story: Any) -> None:
    check("figures", story.desk.here("figures", "--json").json)
    check("gaps", story.desk.type("gaps", "--config", str(story.desk.directory), "--json").json)


def test_a_veto_prints_what_is_documented_and_stands_until_it_is_lifted(story: Any) -> None:
    desk = story.desk
    who = ("--by", "M. Mori", "--because", "the fair")
    day = (story.finished_at + timedelta(days=2)).date().isoformat()
    check("valve veto", desk.here("valve", "veto", "--department", "marketing", "--until", day, *who, "--json").json)
    check("valve", desk.here("valve", "--json").json)
    shown = desk.here("valve").out
    assert "M. Mori" in shown
    assert "standard@1." in shown
    assert "Vetoed by M. Mori" in desk.here("agreement", "--language", "en").out
    check("valve lift", desk.here("valve", "lift", *who, "--json").json)
    assert desk.here("valve", "--json").json["veto"] is None


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("veto", "--until", "soon", "--department", "marketing", "--by", "M", "--because", "b"), 2, "--until"),
        (("veto", "--until", "2026-04-14", "--by", "M", "--because", "b"), 2, "--department"),
        (("veto", "--until", "2026-04-14", "--department", "marketing", "--by", "M"), 2, "--because"),
        (("veto", "--until", "2020-01-01", "--department", "marketing", "--by", "M", "--because", "b"), 1, "longest_veto_days"),
        (("veto", "--until", "2026-04-15", "--department", "sales", "--by", "M", "--because", "b"), 1, "inside_sales"),
        (("veto", "x@9.9", "--until", "2026-04-15", "--department", "marketing", "--by", "M", "--because", "b"), 1, "x@9.9"),
        (("lift", "--by", "M", "--because", "b"), 1, "No veto"),
        (("turn",), 1, "turn"),
    ],
)
def test_what_is_no_veto_is_refused_with_what_to_do(story: Any, words: tuple[str, ...], code: int, told: str) -> None:
    answer = story.desk.here("valve", *words)
    assert answer.code == code
    assert told in answer.err


def test_a_replay_prints_what_is_documented_and_the_past_what_the_present_did(story: Any) -> None:
    desk = story.desk
    check("replay", desk.type("replay", "--config", str(desk.directory), "--json").json)
    assert "identical to the last byte" in desk.type("replay", "--config", str(desk.directory), "--until", desk.now).out
    assert desk.here("figures", "--json", "--as-of", desk.now).json == desk.here("figures", "--json").json
    check("gaps", desk.type("gaps", "--config", str(desk.directory), "--json", "--as-of", desk.now[:10]).json)
    assert desk.type("gaps", "--config", str(desk.directory), "--as-of", "yesterday").code == 2


def test_a_what_if_prints_what_is_documented(story: Any) -> None:
    desk = story.desk
    rules = str(Path(__file__).parents[2] / "mappings" / "rules")
    last = story.finished_at.date().isoformat()
    words = ("what-if", "--config", str(desk.directory), "--rules", rules, "--from", last, "--to", last)
    flip = {"person_id": "p", "change": "lost", "day": last, "why": "score >= 50", "name": None, "company_name": None}
    answer = desk.type(*words, "--json")
    check("what-if", {**answer.json, "flips": [flip, *answer.json["flips"]]})
    assert answer.requests == ()
    assert "Nobody flips" in desk.type(*words).out


def test_a_shadow_prints_what_is_documented(own_desk: Any) -> None:
    draft = own_desk.directory / "draft"
    draft.mkdir()
    keener = (own_desk.directory / "rules" / "temperature.yaml").read_text(encoding="utf-8")
    keener = keener.replace("enter: 30, leave: 22", "enter: 2, leave: 1").replace("enter: 8, leave: 5", "enter: 1, leave: 0.5")
    (draft / "temperature.yaml").write_text(keener, encoding="utf-8")
    settings = own_desk.directory / "crmsync.yaml"
    before = settings.read_text(encoding="utf-8")
    settings.write_text(before + "shadow: draft\n", encoding="utf-8")
    try:
        assert own_desk.here("run").code == 0
        printed = own_desk.type("shadow", "--config", str(own_desk.directory), "--json").json
    finally:
        settings.write_text(before, encoding="utf-8")
    assert printed["standing"]
    check("shadow", {**printed, "ended": [{"kind": "mql_out", "outcome": "sql", "count": 1}]})


def test_an_undo_prints_what_is_documented(own_desk: Any) -> None:
    run = own_desk.here("run", "--json").json["run_id"]
    shown = own_desk.here("undo", run, "--json").json
    # What is left alone and what fails are as likely as not; their keys are those of the command's own tests.
    alone = {"record": "a/b/c", "field": "f", "current": 1, "former": 2, "why": "changed_since"}
    stopped = {"connection": "c", "code": "d", "params": {"e": "f"}}
    check("undo", {**shown, "left_alone": [alone], "outcomes": {"written": 1}, "failures": [stopped]})
    check("runs", own_desk.here("undo", "--json").json)


def test_dead_letters_print_what_is_documented(own_desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told from both CRMs' real answers: an org whose admins have added a rule refuses every lead."""
    refuse = ValidationRule("Lead", "Ask the hotline first", lambda _row, _before: True)
    monkeypatch.setattr(own_desk.sandbox.org, "config", replace(own_desk.sandbox.org.config, validation_rules=(refuse,)))
    own_desk.pass_time(3)
    own_desk.here("run")
    printed = own_desk.here("letters", "--json").json
    check("letters", printed)
    group = next(group for group in printed["letters"] if group["object"] == "Lead")
    assert (group["cause"], group["code"]) == ("validation_rule", "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    assert "Ask the hotline first" in own_desk.here("letters").out
    check("retry", own_desk.type("retry", "--config", str(own_desk.directory), "--all", "--json").json)
    assert own_desk.here("letters", "--json").json == {"letters": []}


def test_forgetting_prints_what_is_documented_and_asks_no_crm(own_desk: Any) -> None:
    own_desk.here("pull")
    key = next(key for key in own_desk.sandbox.truth.people if own_desk.sandbox.truth.records(key))
    record = own_desk.sandbox.truth.records(key)[0]
    ref = f"{record.system}/{record.object}/{record.id}"
    shown = own_desk.here("forget", ref, "--json")
    check("forget", shown.json)
    assert (shown.requests, shown.json["erased"], shown.json["records"] > 0) == ((), False, True)
    assert own_desk.here("forget", ref, "--apply", "--json").json == {**shown.json, "erased": True}
    own_desk.here("pull")
    gone = own_desk.here("forget", ref)
    assert (gone.code, "Nobody is known" in gone.err) == (1, True)
    assert own_desk.here("forget", ref, "--readmit", "--json").json["readmitted"] > 0


def test_reviews_print_what_is_documented_and_can_be_answered(own_desk: Any) -> None:
    printed = own_desk.here("review", "--json").json
    check("review", {"reviews": [_A_REVIEW, *printed["reviews"]]})
    assert own_desk.here("review").code == 0
    assert own_desk.here("review", "same", "a/b/c").code == 1
    assert own_desk.here("review", "maybe").code == 1


_A_REVIEW: dict[str, Any] = {
    **dict.fromkeys(("record", "person_id", "why", "since", "shown"), "x"),
    "candidates": [{"person_id": "p", "records": ["a/b/c"], "shown": ["x"]}],
}
_AN_OVERRIDE: dict[str, Any] = {
    "counts": [dict.fromkeys(("source", "cause", "definition", "count", "last_at"), 1)],
    "overrides": [dict.fromkeys(Override.model_fields.keys() - {"id"}, 1)],
}


def test_overrides_print_what_is_documented(own_desk: Any) -> None:
    check("overrides", own_desk.type("overrides", "--config", str(own_desk.directory), "--json").json | _AN_OVERRIDE)
    assert own_desk.type("overrides", "--config", str(own_desk.directory)).code == 0


@pytest.mark.parametrize(
    ("printed", "message"),
    [
        ({"gaps": [{"gap": "x", "surprise": 1}]}, "printed and not documented"),
        ({"gaps": [{"gap": "x"}]}, "documented and not printed"),
    ],
)
def test_a_shape_that_differs_is_noticed(printed: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check("gaps", printed)
