"""provision: the custom fields that the mappings want: shown first, created when asked."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from crmsync.cli.asked import Asked
from crmsync.cli.frame import FAILED, FINE, answers, print_json, session, terminal
from crmsync.cli.shown import failure_json, failures, table
from crmsync.messages import Language, name_of, say
from crmsync.sync.provision import Provisioned, provision


@answers
def execute(asked: Asked, apply: bool) -> int:
    with session(asked) as at_work:
        found = provision(at_work.workspace, apply=apply)
        if asked.as_json:
            print_json(provisioned_json(found, at_work.words))
        else:
            show(terminal(), found, at_work.words)
            failures(found.failures, at_work.words)
    return FAILED if found.failures or (apply and not found.is_complete) else FINE


def provisioned_json(found: Provisioned, words: Language) -> dict[str, Any]:
    return {
        "fields": [
            {
                "connection": connection,
                "object": step.need.object,
                "field": step.need.field,
                "type": step.need.type,
                "label": step.need.label,
                "options": list(step.need.options),
                "is_unique": step.need.is_unique,
                "state": step.state,
                "message": step.message,
                "asks": [say(ask.code, words, **ask.params) for ask in step.asks],
            }
            for connection, step in found.steps
        ],
        "failures": [failure_json(failure) for failure in found.failures],
    }


def show(console: Console, found: Provisioned, words: Language) -> None:
    """One row per field, with what an admin has to do where it could not be made."""
    columns = ("connection", "object", "field", "what", "state", "detail")
    shown = table(say("title.provision", words), *columns, language=words)
    for connection, step in found.steps:
        kind = step.need.type + (": " + ", ".join(step.need.options) if step.need.options else "")
        state = name_of("provision_state", step.state, words)
        shown.add_row(connection, step.need.object, step.need.field, kind, state, step.message)
    console.print(shown)
    asks = [(connection, say(ask.code, words, **ask.params)) for connection, step in found.steps for ask in step.asks]
    for connection in dict.fromkeys(connection for connection, _ in asks):
        console.print(say("cli.provision_asks", words, connection=connection))
        for ask in dict.fromkeys(text for name, text in asks if name == connection):
            console.print(f"  * {ask}", markup=False, highlight=False, soft_wrap=True)
    console.print(say(_outcome(found), words))


def _outcome(found: Provisioned) -> str:
    """The last word. Where all that could be looked at is there, and some CRM could not be, nothing is known to be missing."""
    if found.is_complete:
        return "cli.provision_done"
    is_all_there = all(step.state in ("present", "created") for _, step in found.steps)
    return "cli.provision_unasked" if is_all_there else "cli.provision_missing"
