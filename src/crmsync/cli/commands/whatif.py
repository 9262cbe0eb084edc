"""what-if: past days under other rules, beside those in force and what happened."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from crmsync.cli.asked import Asked
from crmsync.cli.frame import FINE, answers, print_json, session, terminal
from crmsync.cli.shown import table
from crmsync.figures.whatif import Actual, Play
from crmsync.messages import Language, name_of, say
from crmsync.sync.brief import day_of
from crmsync.sync.names import NOBODY, Names, called, names_of
from crmsync.sync.whatif import WhatIf, what_if


@answers
def execute(asked: Asked, rules: Path, since: datetime, until: datetime, minutes: int) -> int:
    from crmsync.bootstrap import other_rules

    with session(asked, unsigned_too=True) as at_work:
        workspace = at_work.workspace
        other = other_rules(asked.config, rules).definitions
        found = what_if(workspace, other, since.date(), until.date(), minutes)
        names = names_of(workspace, asked.moment().now, {flip.person_id for flip in found.flips})
        if asked.as_json:
            print_json(whatif_json(found, names))
        else:
            show(terminal(), found, names, at_work.words)
    return FINE


def whatif_json(found: WhatIf, names: Names) -> dict[str, Any]:
    days = [
        {
            "day": day,
            "happened": found.happened[day],
            "present": found.present.by_day[day],
            "other": found.other.by_day[day],
            "capacity": found.capacity[day],
        }
        for day in found.days
    ]
    flips = [{**dataclasses.asdict(flip), **names.get(flip.person_id, NOBODY)} for flip in found.flips]
    happened = dataclasses.asdict(found.actual)
    return {"days": days, "happened": happened, "present": _play(found.present), "other": _play(found.other), "flips": flips}


def _play(play: Play) -> dict[str, Any]:
    told = dataclasses.asdict(play)
    del told["by_day"]
    return told


def show(console: Console, found: WhatIf, names: Names, words: Language) -> None:
    """The days, what each definition comes to, and who flips."""
    shown = table(
        say("title.whatif", words), "at", *(f"{c}:number" for c in ("happened", "present", "other", "capacity")), language=words
    )
    for row in whatif_json(found, names)["days"]:
        shown.add_row(day_of(row["day"], words), *(f"{row[name]:,}" for name in ("happened", "present", "other", "capacity")))
    console.print(shown)
    console.print(say("whatif.happened", words, text=_actual(found.actual, words)))
    for name, play in (("present", found.present), ("other", found.other)):
        console.print(say(f"whatif.{name}", words, text=_told(play, words)))
    for name, play in (("present", found.present), ("other", found.other)):
        costs = {"idle": f"{play.idle_hours:,.1f}", "late": f"{play.late:,}", "undone": f"{play.undone_hours:,.1f}"}
        console.print(say("whatif.costs", words, rules=say(f"column.{name}", words), **costs))
    console.print(say("whatif.method", words))
    flips = table(say("title.flips", words), "person", "change", "at", "why", language=words)
    for flip in found.flips:
        flips.add_row(
            called(names.get(flip.person_id, NOBODY), flip.person_id),
            say(f"whatif.{flip.change}", words),
            day_of(flip.day, words),
            name_of("waiting", flip.why, words),
        )
    console.print(flips if found.flips else say("whatif.no_flips", words))


def _actual(found: Actual, words: Language) -> str:
    share = {name: "—" if value is None else f"{value:.0%}" for name, value in (("load", found.load), ("kept", found.sla_kept))}
    return say("whatif.actual", words, total=f"{found.total:,}", hours=f"{found.work_hours:,.1f}", won=f"{found.won:,}", **share)


def _told(play: Play, words: Language) -> str:
    share = {name: "—" if value is None else f"{value:.0%}" for name, value in (("load", play.load), ("kept", play.sla_kept))}
    wins = play.wins
    expected = "—" if wins.expected is None else f"{wins.expected:.1f} ({wins.low:.1f}–{wins.high:.1f})"
    return say(
        "whatif.play",
        words,
        total=f"{play.total:,}",
        hours=f"{play.work_hours:,.1f}",
        wins=expected,
        without=wins.without_rate,
        **share,
    )
