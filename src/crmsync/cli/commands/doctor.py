"""doctor: what each connection can do, what it cannot, and whom to ask for what."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rich.console import Console
from rich.text import Text

from crmsync.cli.asked import Asked
from crmsync.cli.frame import FAILED, FINE, answers, print_json, session, terminal
from crmsync.cli.shown import table
from crmsync.errors import StopConnector
from crmsync.messages import LANGUAGES, Language, name_of, say
from crmsync.sync.doctor import Examined, Told, examine
from crmsync.sync.forecasts import Outlook

_STYLES = {"ok": "green", "warning": "yellow", "error": "bold red"}


@answers
def execute(asked: Asked, connection: str | None) -> int:
    moment = asked.moment()
    with session(asked) as at_work:
        known = [one.name for one in at_work.workspace.connections]
        if connection is not None and connection not in known:
            raise StopConnector("cli.no_connection", value=connection, known=", ".join(known))
        found = examine(at_work.workspace, moment.now, connection)
        if asked.as_json:
            print_json(examined_json(found))
        else:
            show(terminal(), found, at_work.words)
    return FINE if found.is_well else FAILED


def examined_json(found: Examined) -> dict[str, Any]:
    return {
        "ok": found.is_well,
        "findings": [_finding(one) for one in found.told],
        "forecasts": {name: _forecast(view) for name, view in found.outlooks.items()},
    }


def _finding(one: Told) -> dict[str, Any]:
    finding = one.finding
    return {
        "connection": one.connection,
        "check": finding.check,
        "state": finding.state,
        "code": finding.code,
        "params": finding.params,
        **{language: sentence(one, language) for language in LANGUAGES},
    }


def _forecast(view: Outlook) -> dict[str, Any]:
    needed = view.needed
    return {
        "calls_a_day": needed.a_day,
        "allowed_a_day": view.allowed,
        "first_load": needed.first_load,
        "every_minutes": needed.every_minutes,
        "objects": [
            {
                "object": one.object,
                "records": one.records,
                "a_quiet_cycle": one.a_quiet_cycle,
                "besides_a_day": round(one.besides_a_day, 1),
            }
            for one in needed.objects
        ],
    }


def sentence(one: Told, language: Language) -> str:
    """What was found, in words; `feature` is what people call what an object feeds."""
    params = dict(one.finding.params)
    feature = name_of("feature", str(params.get("object", "")), language)
    return say(one.finding.code, language, **{"feature": feature, "connection": one.connection, **params})


def show(console: Console, found: Examined, words: Language) -> None:
    """One row per finding, what is wrong with its remedy, and the sum of it."""
    shown = table(say("title.doctor", words), "connection", "check", "state", "finding", language=words)
    for one in found.told:
        state = Text(name_of("finding_state", one.finding.state, words), style=_STYLES[one.finding.state])
        shown.add_row(one.connection or "crmsync", name_of("check", one.finding.check, words), state, sentence(one, words))
    console.print(shown)
    states = Counter(one.finding.state for one in found.told)
    code = "doctor.well" if found.is_well else "doctor.unwell"
    console.print(say(code, words, errors=states["error"], warnings=states["warning"]))
