"""replay: every past decision made again, and compared."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.text import Text

from crmsync.cli.asked import Asked
from crmsync.cli.frame import FAILED, FINE, answers, print_json, session, terminal
from crmsync.cli.past import moment_of
from crmsync.messages import Language, say
from crmsync.sync.brief import moment as in_words
from crmsync.sync.replay import Replayed, replay
from crmsync.sync.workspace import Workspace


@answers
def execute(asked: Asked, until: str | None) -> int:
    with session(asked) as at_work:
        workspace = at_work.workspace
        found = list(replay(workspace, _end(until, workspace)))
        if asked.as_json:
            counts = Counter(run.outcome for run in found)
            outcomes = {name: counts[name] for name in ("identical", "different", "other_rules", "erased")}
            print_json({"outcomes": outcomes, "runs": [dataclasses.asdict(run) for run in found]})
        else:
            show(terminal(), found, workspace.definitions.targets.time_zone, at_work.words)
    return FAILED if any(run.outcome == "different" for run in found) else FINE


def _end(until: str | None, workspace: Workspace) -> str | datetime | None:
    """A run's id, or an instant."""
    if until is None or until in set(workspace.store.runs.frame()["run_id"]):
        return until
    return moment_of(until, workspace, "--until")


def show(console: Console, found: Sequence[Replayed], zone: str, words: Language) -> None:
    """How many runs came out in which way, and the first difference."""
    if not found:
        console.print(say("replay.none", words))
    for outcome, count in Counter(run.outcome for run in found).items():
        console.print(say(f"replay.{outcome}", words, count=f"{count:,}"), style="red" if outcome == "different" else "")
    first = next((run for run in found if run.outcome == "different"), None)
    if first is not None and first.difference is not None:
        difference = first.difference
        where = "/".join(part for part in (difference.person_id, difference.part, difference.field) if part)
        at = in_words(first.at, zone, words)
        values = {"kept": str(difference.kept), "now": str(difference.now)}
        console.print(Text(say("replay.first", words, run=first.run_id, at=at, where=where, **values)))
