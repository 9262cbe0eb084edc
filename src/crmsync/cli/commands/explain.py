"""explain: one person's story."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from crmsync.cli.asked import Asked
from crmsync.cli.frame import FINE, answers, print_json, session, terminal
from crmsync.cli.past import looking_back
from crmsync.cli.shown import table
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.whynot import tell
from crmsync.errors import StopConnector
from crmsync.identity.records import Evidence
from crmsync.messages import Language, name_of, say
from crmsync.sync.brief import arithmetic, moment
from crmsync.sync.explain import Explanation, explain, find_person

# A visitor can have thousands of page views: the first and the last are shown, --json shows them all.
MOST_FIRST, MOST_LAST = 8, 22
# Longer values (the brief of a task, the reasons) are named; --json shows them.
LONGEST_VALUE = 40
_FIGURES = ("score", "fit", "interest")
_TEXTS = ("reason", "description", "body", "summary")


@answers
def execute(asked: Asked, person: str, as_of: str | None = None) -> int:
    with session(asked) as at_work, looking_back(asked, at_work.workspace, as_of) as (workspace, now):
        person_id = find_person(workspace, person)
        if person_id is None:
            raise StopConnector("cli.no_person", value=person)
        story = explain(workspace, person_id, now)
        if asked.as_json:
            print_json(story_json(story))
        else:
            show(terminal(), story, at_work.workspace.definitions, at_work.words)
    return FINE


def story_json(story: Explanation) -> dict[str, Any]:
    """The whole story; what each rule gave is in the reasons."""
    told = dataclasses.asdict(story)
    if told["why_not"]:
        told["why_not"]["shortfall"] = story.why_not.shortfall if story.why_not else 0
    return told


def show(console: Console, story: Explanation, definitions: Definitions, words: Language) -> None:
    """The story on a terminal: who, where they stand, why, how they got there, what was written."""
    _Teller(console, story, definitions, words).tell()


@dataclasses.dataclass(frozen=True, slots=True)
class _Teller:
    """One story being told: where, in which language, and in whose time zone."""

    console: Console
    story: Explanation
    definitions: Definitions
    words: Language

    def tell(self) -> None:
        self._headline()
        self._choice()
        self._reasons()
        self._moves()
        self._settlements()
        self._events()
        self._clocks()
        self._writes()

    def _at(self, at: Any) -> str:
        return moment(at, self.definitions.targets.time_zone, self.words)

    def _say(self, code: str, **params: Any) -> str:
        return say(f"explain.{code}", self.words, **params)

    def _title(self, name: str) -> None:
        self.console.print(Text("\n" + say(f"title.{name}", self.words), style="bold"))

    def _headline(self) -> None:
        person, state, words = self.story.person, self.story.state, self.words
        known = (person.get("name"), person.get("title"), person.get("company_name"), person.get("email"))
        self.console.print(Text("  ".join(part for part in known if part) or "—", style="bold"))
        phase, temperature = (name_of(group, state.get(group), words) for group in ("phase", "temperature"))
        self.console.print(self._say("stands", phase=phase, temperature=temperature, cycle=state.get("cycle") or 0))
        if state.get("owner"):
            because = name_of("owner_because", state.get("owner_because"), words)
            self.console.print(self._say("owner", owner=state["owner"], because=because))
        for record in self.story.records:
            rule = say(f"link.{record['rule']}", words, via=Evidence.parse(record["evidence"]).via)
            self.console.print(Text(self._say("record", record=record["record"], rule=rule), style="dim"))
        verdict = self.story.decision.get("qualification") or {}
        if self.story.why_not is not None:
            for line in tell(self.story.why_not, self.definitions, words):
                self.console.print(Text(line))
        if verdict.get("waiting_because"):
            because = name_of("waiting", verdict["waiting_because"], words)
            rank = "" if verdict.get("rank") is None else self._say("rank", rank=verdict["rank"])
            self.console.print(self._say("waits", because=because) + rank)
        for gap in self.story.gaps:
            joint = self.definitions.joints.of_gap(gap["gap"], gap["department"])
            owners = "" if joint is None else f" ({' / '.join(joint.owners)})"
            self.console.print(Text(name_of("gap", gap["gap"], words) + owners, style="red"))

    def _choice(self) -> None:
        """The way to the owner: who comes first, who could take it, who could not and why."""
        choice = self.story.choice
        if choice is None:
            return
        self._title("choice")
        for one in choice.candidates:
            why = say("shadow.separator", self.words).join(name_of("candidate", word, self.words) for word in one.why_not)
            can = self._say("cannot", why=why) if one.why_not else self._say("can")
            before = (
                "" if one.preferred is None else self._say("preferred", because=name_of("owner_because", one.preferred, self.words))
            )
            figures = {"drawn": one.drawn, "weight": one.weight, "open": one.open}
            chosen = one.rep_id == self.story.state.get("owner")
            line = self._say("candidate", rep=one.rep_id, can=can, **figures) + before
            self.console.print(Text(line, style="bold" if chosen else "dim"))
        self.console.print(Text(self._say("else_queue", queue=choice.queue or "—"), style="dim"))

    def _reasons(self) -> None:
        reasons, score = self.story.decision.get("reasons") or [], self.story.decision.get("score") or {}
        if not reasons:
            return
        titles = rule_titles(self.definitions, self.words)
        shown = table(say("title.reasons", self.words), "rule", "points:number", "evidence", language=self.words)
        for reason in sorted(reasons, key=lambda r: (-abs(r["points"]), r["rule"])):
            evidence = self._at(_instant(reason["evidence_at"])) if reason.get("evidence_at") else _short(reason["evidence"])
            shown.add_row(titles.get(reason["rule"], reason["rule"]), f"{reason['points']:+g}", evidence)
        shown.add_row(self._say("total"), f"{score.get('score') or 0:g}", score.get("definition") or "")
        self.console.print()
        self.console.print(shown)

    def _moves(self) -> None:
        if not self.story.moves:
            return
        self._title("moves")
        for move in self.story.moves:
            source, target = (name_of("phase", move[key], self.words) for key in ("source", "target"))
            because, actor = name_of("transition", move["because"], self.words), name_of("actor", move["actor"], self.words)
            self.console.print(
                self._say("move", at=self._at(move["at"]), source=source, target=target, because=because, actor=actor)
                + (f" [{move['definition']}]" if move["definition"] else "")
            )
        self.console.print()

    def _settlements(self) -> None:
        """A line for each thing that people said by hand: whose word stood, when it was set, and how sure that is."""
        if not self.story.settlements:
            return
        self._title("settlements")
        for settlement in self.story.settlements:
            what = name_of("settlement", settlement["source"], self.words)
            self.console.print(Text(self._say("settled", what=what, **self._claim(settlement))))
            for other in settlement["over"]:
                self.console.print(Padding(Text(self._say("settled_over", **self._claim(other)), style="dim"), (0, 0, 0, 4)))
        self.console.print()

    def _claim(self, claim: Mapping[str, Any]) -> dict[str, Any]:
        evidence = self._say("certain" if claim["is_certain"] else "possible")
        return {"value": claim["value"], "record": claim["record"], "at": self._at(claim["set_at"]), "evidence": evidence}

    def _events(self) -> None:
        if not self.story.events:
            return
        shown = table(say("title.touches", self.words), "at", "what", "detail", language=self.words)
        for event in _ends(self.story.events):
            if event is None:
                shown.add_row("", self._say("more", count=len(self.story.events) - MOST_FIRST - MOST_LAST), "")
            else:
                style = "cyan" if event["side"] == "approach" else ""
                what = Text(name_of(event["side"], event["kind"], self.words), style=style)
                shown.add_row(self._at(event["at"]), what, _short(event["detail"]))
        self.console.print(shown)

    def _clocks(self) -> None:
        """A line for each clock, and one for its arithmetic: a column would be too narrow for either."""
        if not self.story.clocks:
            return
        self._title("clocks")
        for clock in self.story.clocks:
            name = name_of("clock", clock["kind"], self.words) + (f" – {clock['owner']}" if clock["owner"] else "")
            line = self._say("clock", clock=name, due=self._at(clock["due_at"]), outcome=self._outcome(clock))
            self.console.print(Text(line, style="red" if clock["breached_at"] else ""))
            self.console.print(Padding(Text(arithmetic(clock["arithmetic"], self.words), style="dim"), (0, 0, 0, 4)))

    def _outcome(self, clock: Mapping[str, Any]) -> str:
        ended = None
        if clock["met_at"]:
            ended = self._say("met", at=self._at(clock["met_at"]), by=self._act(clock["met_by"]))
        elif clock["cancelled_at"]:
            ended = self._say("cancelled", at=self._at(clock["cancelled_at"]))
        elif clock["reassigned_at"]:
            ended = self._say("reassigned", at=self._at(clock["reassigned_at"]))
        if clock["breached_at"]:
            return self._say("breached_then", then=ended) if ended else self._say("breached")
        return ended or self._say("running")

    def _act(self, met_by: str | None) -> str:
        """What met a clock: the reason of a move, or the record of an approach."""
        return name_of("transition", met_by, self.words)

    def _writes(self) -> None:
        """A line for each record and moment, and what was written there below it."""
        if not self.story.writes:
            return
        self._title("written")
        for (at, record, state), fields in groupby(self.story.writes, key=lambda w: (w["at"], w["record"], w["state"])):
            outcome = Text(name_of("outcome", state, self.words), style="green" if state == "written" else "red")
            self.console.print(Text(f"{self._at(at)}  {record}  ").append_text(outcome))
            self.console.print(Padding(Text("; ".join(self._diffs(list(fields))), style="dim"), (0, 0, 0, 4)))

    def _diffs(self, fields: Sequence[Mapping[str, Any]]) -> Iterator[str]:
        texts = [write["field"] for write in fields if _is_text(write)]
        figures = [write["field"] for write in fields if _is_figure(write)]
        for write in fields:
            if write["field"] not in (*texts, *figures):
                code = "set" if write["current"] in (None, "") else "changed"
                yield self._say(code, **{name: _short(write[name]) for name in ("field", "current", "desired")})
        if figures:
            yield self._say("scores", fields=", ".join(figures))
        if texts:
            yield self._say("texts", fields=", ".join(texts))


def rule_titles(definitions: Definitions, words: Language) -> dict[str, str]:
    """Rule → what the definitions call it in this language."""
    scoring = definitions.scoring
    titles = {rule.name: rule.title for rule in scoring.fit} | {rule.name: rule.title for rule in scoring.interest}
    return {name: getattr(title, words) for name, title in titles.items()}


def _instant(value: Any) -> Any:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _ends(events: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any] | None]:
    """All events, or the first and the last with a None between them."""
    if len(events) <= MOST_FIRST + MOST_LAST:
        return list(events)
    return [*events[:MOST_FIRST], None, *events[-MOST_LAST:]]


def _is_text(write: Mapping[str, Any]) -> bool:
    field = str(write["field"]).lower()
    return any(word in field for word in _TEXTS) or len(str(write["desired"] or "")) > LONGEST_VALUE


def _is_figure(write: Mapping[str, Any]) -> bool:
    return str(write["field"]).lower().removeprefix("crmsync_").removesuffix("__c") in _FIGURES


def _short(value: Any) -> str:
    text = "" if value is None else str(value).replace("\n", " ⏎ ")
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
