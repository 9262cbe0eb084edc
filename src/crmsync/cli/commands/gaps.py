"""gaps: every baton about to be dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from crmsync.cli.asked import Asked
from crmsync.cli.frame import FINE, answers, print_json, session, terminal
from crmsync.cli.past import looking_back
from crmsync.cli.shown import table
from crmsync.decisions.joints import Joint
from crmsync.messages import Language, name_of, say
from crmsync.sync.brief import moment
from crmsync.sync.workspace import Workspace


@answers
def execute(asked: Asked, as_of: str | None = None) -> int:
    with session(asked) as at_work, looking_back(asked, at_work.workspace, as_of) as (workspace, _):
        found = open_gaps(workspace)
        if asked.as_json:
            print_json({"gaps": found})
        else:
            show(terminal(), found, at_work.workspace.definitions.targets.time_zone, at_work.words)
    return FINE


def open_gaps(workspace: Workspace) -> list[dict[str, Any]]:
    """Every open gap, oldest first: gap, person_id, department, detail, opened_at; and where it lies at a joint, that and its two
    owners."""
    joints = workspace.definitions.joints
    gaps = workspace.store.decided.gaps().drop("closed_at").to_dicts()
    return [{**gap, **_owned(joints.of_gap(gap["gap"], gap["department"]))} for gap in gaps]


def _owned(joint: Joint | None) -> dict[str, Any]:
    return {"joint": joint.name, "owners": list(joint.owners)} if joint is not None else {"joint": None, "owners": []}


def show(console: Console, gaps: Sequence[Mapping[str, Any]], zone: str, words: Language) -> None:
    """One row per gap in words, or the sentence that says there is none."""
    if not gaps:
        console.print(say("cli.gaps_none", words))
        return
    shown = table(say("title.gaps", words), "gap", "person", "department", "owners", "since", language=words)
    for gap in gaps:
        department = name_of("department", gap["department"], words)
        owners = " / ".join(gap["owners"]) or "—"
        what = name_of("gap", gap["gap"], words) + (f" ({gap['detail']})" if gap["detail"] else "")
        shown.add_row(what, gap["person_id"], department, owners, moment(gap["opened_at"], zone, words))
    console.print(shown)
