"""undo: what a run wrote, taken back: shown first, written when asked."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson
from rich.console import Console

from crmsync.cli.asked import Asked
from crmsync.cli.frame import FAILED, FINE, Session, answers, print_json, session, terminal
from crmsync.cli.shown import changes_table, failure_json, failures, plan_json_changes, table
from crmsync.cli.watch import watching
from crmsync.messages import Language, name_of, say
from crmsync.sync.brief import moment as in_words
from crmsync.sync.undo import Undoing, Undone, prepare_undo, release, send_undo
from crmsync.sync.workspace import Workspace

# Older runs are told by their ids, which begin with the instant.
MOST_RUNS = 20


@answers
def execute(asked: Asked, run: str | None, apply: bool, letting_go: bool) -> int:
    moment = asked.moment()
    with session(asked) as at_work:
        if run is None:
            return _list_runs(asked, at_work)
        if letting_go:
            return _let_go(asked, at_work, run)
        undoing = prepare_undo(at_work.workspace, run, moment.now)
        undone: Undone | None = None
        if apply:
            with watching(at_work.workspace, at_work.words, quiet=asked.as_json) as progress:
                undone = send_undo(at_work.workspace, undoing, moment, progress)
        if asked.as_json:
            print_json(undo_json(undoing, undone))
        else:
            show(terminal(), undoing, undone, at_work.words)
            failures((*undoing.failures, *(undone.applied.failures if undone else ())), at_work.words)
    return FAILED if undoing.failures or (undone and not _is_fine(undone)) else FINE


def undo_json(undoing: Undoing, undone: Undone | None) -> dict[str, Any]:
    return {
        "undone_run": undoing.undone_run,
        "run_id": undone.run_id if undone else None,
        "changes": plan_json_changes(undoing.plan),
        "left_alone": [
            {"record": str(r.ref), "field": r.field, "current": r.current, "former": r.desired, "why": r.why}
            for r in undoing.plan.refused
        ],
        "held": len(undoing.holds),
        "outcomes": undone.applied.outcomes if undone else {},
        "failures": [failure_json(f) for f in (*undoing.failures, *(undone.applied.failures if undone else ()))],
    }


def show(console: Console, undoing: Undoing, undone: Undone | None, words: Language) -> None:
    """Every field with what stands there and what stood there before; what is left alone by reason; and how it ended."""
    if undoing.plan.changes:
        changes_table(console, undoing.plan, say("title.undo", words, run=undoing.undone_run), words)
    for why, count in sorted(Counter(refused.why for refused in undoing.plan.refused).items()):
        console.print(say("cli.left_alone", words, count=count, why=name_of("refused", why, words)))
    if not undoing.plan.changes:
        console.print(say("undo.nothing", words))
    elif undone is None:
        console.print(say("undo.shown", words, changes=len(undoing.plan.changes), run=undoing.undone_run))
    else:
        console.print(say("undo.done", words, run=undone.run_id, held=len(undoing.holds)))
        for outcome, count in sorted(undone.applied.outcomes.items()):
            console.print(f"{name_of('outcome', outcome, words)}: {count:,}")


def _is_fine(undone: Undone) -> bool:
    return not undone.applied.failures and set(undone.applied.outcomes) <= {"written", "unchanged"}


def _let_go(asked: Asked, at_work: Session, run: str) -> int:
    count = release(at_work.workspace, run)
    if asked.as_json:
        print_json({"undone_run": run, "released": count})
    else:
        terminal().print(say("undo.released", at_work.words, count=count))
    return FINE


def _list_runs(asked: Asked, at_work: Session) -> int:
    runs = latest_runs(at_work.workspace)
    if asked.as_json:
        print_json({"runs": runs})
        return FINE
    shown = table(say("title.runs", at_work.words), "run", "at", "what", "written:number", "state", language=at_work.words)
    zone = at_work.workspace.definitions.targets.time_zone
    for run in runs:
        state = name_of("run_state", run["state"], at_work.words)
        shown.add_row(run["run_id"], in_words(run["now"], zone, at_work.words), run["verb"], f"{run['written']:,}", state)
    terminal().print(shown)
    return FINE


def latest_runs(workspace: Workspace) -> list[dict[str, Any]]:
    """The newest runs, newest first, with how many changes each wrote."""
    rows = workspace.store.runs.frame().sort("run_id", descending=True).head(MOST_RUNS).to_dicts()
    return [
        {
            "run_id": row["run_id"],
            "verb": row["verb"],
            "now": row["now"],
            "state": row["state"],
            "written": orjson.loads(row["summary"]).get("written", 0),
        }
        for row in rows
    ]
