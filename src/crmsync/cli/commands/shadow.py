"""shadow: where the rules that run silently beside the live ones disagree with them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from rich.console import Console

from crmsync.cli.asked import Asked
from crmsync.cli.commands.explain import rule_titles
from crmsync.cli.frame import FINE, answers, print_json, session, terminal
from crmsync.cli.shown import table
from crmsync.decisions.definitions import Definitions
from crmsync.errors import StopConnector
from crmsync.messages import Language, name_of, say
from crmsync.sync.brief import moment
from crmsync.sync.names import called
from crmsync.sync.shadow import Report, report

MOST_SHOWN = 200


@answers
def execute(asked: Asked, since: datetime | None = None) -> int:
    with session(asked) as at_work:
        workspace = at_work.workspace
        zone = ZoneInfo(workspace.definitions.targets.time_zone)
        found = report(workspace, None if since is None else since.replace(tzinfo=zone).astimezone(UTC))
        if found is None:
            raise StopConnector("shadow.none")
        if asked.as_json:
            print_json(report_json(found))
        else:
            _Teller(terminal(), workspace.definitions, found, at_work.words).tell()
    return FINE


def report_json(found: Report) -> dict[str, Any]:
    qualification = found.rules.definitions.qualification
    reasons = ("live_because", "shadow_because")
    return {
        "digest": found.rules.digest,
        "definition": f"{qualification.name}@{qualification.version}",
        "since": found.since,
        "decided_at": found.decided_at,
        "counts": found.counts,
        "standing": [{**row, **{name: orjson.loads(row[name]) for name in reasons}} for row in found.standing],
        "ended": found.ended,
    }


class _Teller:
    """A report being told in one language."""

    def __init__(self, console: Console, live: Definitions, found: Report, words: Language) -> None:
        self._console, self._found, self._words = console, found, words
        self._zone = live.targets.time_zone
        self._titles = {**rule_titles(found.rules.definitions, words), **rule_titles(live, words)}

    def tell(self) -> None:
        found, qualification = self._found, self._found.rules.definitions.qualification
        name = f"{qualification.name}@{qualification.version}"
        if found.since is None:
            self._console.print(self._say("not_yet", definition=name, digest=found.rules.digest))
            return
        since, decided = (moment(at, self._zone, self._words) for at in (found.since, found.decided_at))
        self._console.print(self._say("runs", definition=name, digest=found.rules.digest, since=since, decided=decided))
        if not found.standing and not found.ended:
            self._console.print(self._say("agrees"))
            return
        self._counts()
        self._standing()

    def _say(self, code: str, **params: Any) -> str:
        return say(f"shadow.{code}", self._words, **params)

    def _counts(self) -> None:
        columns = ("disagreement", "count:number", "oldest")
        shown = table(say("title.shadow", self._words), *columns, language=self._words)
        for row in self._found.counts:
            shown.add_row(
                name_of("shadow.kind", row["kind"], self._words),
                f"{row['count']:,}",
                moment(row["oldest"], self._zone, self._words),
            )
        self._console.print(shown)
        for row in self._found.ended:
            kind, outcome = name_of("shadow.kind", row["kind"], self._words), name_of("phase", row["outcome"], self._words)
            self._console.print(self._say("ended", count=row["count"], kind=kind, outcome=outcome))

    def _standing(self) -> None:
        if not self._found.standing:
            return
        columns = ("person", "disagreement", "since", "in_force", "shadow")
        shown = table(say("title.disagreements", self._words), *columns, language=self._words)
        for row in self._found.standing[:MOST_SHOWN]:
            sides = (self._side(row, side) for side in ("live", "shadow"))
            kind = name_of("shadow.kind", row["kind"], self._words)
            shown.add_row(called(row, row["person_id"]), kind, moment(row["since"], self._zone, self._words), *sides)
        self._console.print(shown)
        if len(self._found.standing) > MOST_SHOWN:
            self._console.print(self._say("more", count=len(self._found.standing) - MOST_SHOWN))

    def _side(self, row: Mapping[str, Any], side: str) -> str:
        """What this side says of the person, and why."""
        because = orjson.loads(row[f"{side}_because"])
        if row["kind"] == "owner":
            return f"{row[side] or '—'}\n{name_of('owner_because', because.get('owner'), self._words)}"
        group = "temperature" if row["kind"] == "temperature" else "phase"
        lines = [name_of(group, row[side], self._words), *self._reasons(because, is_keenness=group == "temperature")]
        return "\n".join(lines)

    def _reasons(self, because: Mapping[str, Any], *, is_keenness: bool) -> list[str]:
        if not is_keenness and because.get("failed"):
            return [self._say("not_met", text=text) for text in because["failed"]]
        if not is_keenness and because.get("waits"):
            return [self._say("waits", because=name_of("waiting", because["waits"], self._words))]
        rules = [f"{self._titles.get(one['rule'], one['rule'])} {one['points']:+g}" for one in because.get("rules") or []]
        score = because.get("interest" if is_keenness else "score")
        return [] if score is None else [self._say("points", score=f"{score:g}", rules=self._say("separator").join(rules) or "—")]
