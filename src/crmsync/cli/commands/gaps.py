"""gaps: every baton about to be dropped."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from crmsync.cli.frame import FINE, answers, chosen_language, print_json, workspace
from crmsync.cli.shown import table
from crmsync.messages import name_of, say


@answers
def execute(config: Path, as_json: bool, language: str | None) -> int:
    with workspace(config) as opened:
        words = chosen_language(language, opened.language)
        gaps = opened.store.decided.gaps().drop("closed_at").to_dicts()
    if as_json:
        print_json({"gaps": gaps})
        return FINE
    if not gaps:
        Console().print(say("cli.gaps_none", words))
        return FINE
    shown = table(say("title.gaps", words), "gap", "person", "department", "since", "detail", language=words)
    for gap in gaps:
        department = name_of("department", gap["department"], words)
        since = gap["opened_at"].isoformat(timespec="minutes")
        shown.add_row(name_of("gap", gap["gap"], words), gap["person_id"], department, since, gap["detail"])
    Console().print(shown)
    return FINE
