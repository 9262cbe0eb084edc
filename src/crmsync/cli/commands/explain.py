"""explain: one person's story."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from crmsync.cli.frame import FINE, answers, chosen_language, instant, print_json, workspace
from crmsync.cli.shown import table
from crmsync.errors import StopConnector
from crmsync.messages import Language, name_of, say
from crmsync.sync.brief import moment
from crmsync.sync.explain import Explanation, explain, find_person
from crmsync.sync.workspace import Workspace

# A visitor can have thousands of page views; --json shows them all.
MOST_EVENTS_SHOWN = 25


@answers
def execute(person: str, config: Path, now: str | None, as_json: bool, language: str | None) -> int:
    at, _ = instant(now)
    with workspace(config) as opened:
        words = chosen_language(language, opened.language)
        person_id = find_person(opened, person)
        if person_id is None:
            raise StopConnector("cli.no_person", value=person)
        story = explain(opened, person_id, at)
        if as_json:
            print_json(dataclasses.asdict(story))
        else:
            show(Console(), opened, story, words)
    return FINE


def show(console: Console, opened: Workspace, story: Explanation, words: Language) -> None:
    """The story on a terminal: who, where they stand, why, how they got there, what was written."""
    zone = opened.definitions.targets.time_zone
    _headline(console, story, words)
    _reasons(console, story, words)
    _moves(console, story, zone, words)
    _events(console, story, zone, words)
    _clocks(console, story, zone, words)
    _writes(console, story, zone, words)


def _headline(console: Console, story: Explanation, words: Language) -> None:
    person, state = story.person, story.state
    console.print(
        Text(f"{person.get('name') or '—'}  {person.get('title') or ''}  {person.get('company_name') or '—'}", style="bold")
    )
    console.print(
        say(
            "explain.stands",
            words,
            phase=name_of("phase", state.get("phase"), words),
            temperature=name_of("temperature", state.get("temperature"), words),
            owner=state.get("owner") or "—",
            cycle=state.get("cycle") or 0,
        )
    )
    for record in story.records:
        console.print(Text(say("explain.record", words, record=record["record"], rule=record["rule"]), style="dim"))
    failed = (story.decision.get("qualification") or {}).get("failed") or []
    for conjunct in failed:
        console.print(say("explain.why_not", words, condition=conjunct))
    for gap in story.gaps:
        console.print(Text(name_of("gap", gap["gap"], words), style="red"))


def _reasons(console: Console, story: Explanation, words: Language) -> None:
    reasons = story.decision.get("reasons") or []
    if not reasons:
        return
    shown = table(say("title.reasons", words), "rule", "points:number", "evidence", language=words)
    for reason in reasons:
        shown.add_row(reason["rule"], f"{reason['points']:+g}", _short(reason.get("evidence")))
    score = story.decision.get("score") or {}
    shown.add_row("=", f"{score.get('score') or 0:g}", "")
    console.print(shown)


def _moves(console: Console, story: Explanation, zone: str, words: Language) -> None:
    columns = ("at", "source", "desired", "because", "actor", "evidence")
    shown = table(say("title.moves", words), *columns, language=words)
    for move in story.moves:
        source, target = (name_of("phase", move[key], words) for key in ("source", "target"))
        because = name_of("move", move["because"], words)
        shown.add_row(moment(move["at"], zone, words), source, target, because, move["actor"], _short(move["evidence"]))
    console.print(shown)


def _events(console: Console, story: Explanation, zone: str, words: Language) -> None:
    shown = table(say("title.touches", words), "at", "what", "detail", language=words)
    for event in story.events[-MOST_EVENTS_SHOWN:]:
        name = name_of(event["side"], event["kind"], words)
        style = "cyan" if event["side"] == "approach" else ""
        shown.add_row(moment(event["at"], zone, words), Text(name, style=style), _short(event["detail"]))
    console.print(shown)


def _clocks(console: Console, story: Explanation, zone: str, words: Language) -> None:
    if not story.clocks:
        return
    shown = table(say("title.clocks", words), "clock", "owner", "due", "met", "breached", "detail", language=words)
    for clock in story.clocks:
        times = (moment(clock[name], zone, words) for name in ("due_at", "met_at", "breached_at"))
        shown.add_row(name_of("clock", clock["kind"], words), clock["owner"] or "—", *times, clock["arithmetic"] or "")
    console.print(shown)


def _writes(console: Console, story: Explanation, zone: str, words: Language) -> None:
    if not story.writes:
        return
    shown = table(say("title.written", words), "at", "record", "field", "current", "desired", "state", language=words)
    for write in story.writes[-MOST_EVENTS_SHOWN:]:
        values = (_short(write[name]) for name in ("current", "desired"))
        shown.add_row(moment(write["at"], zone, words), write["record"], write["field"], *values, write["state"])
    console.print(shown)


def _short(value: Any) -> str:
    text = "" if value is None else str(value).replace("\n", " ⏎ ")
    return text if len(text) <= 48 else text[:47] + "…"
