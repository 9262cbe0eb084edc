"""Dead letters out of the outbox, and sending them again when somebody says so."""

from __future__ import annotations

from datetime import datetime

from crmsync.errors import StopConnector
from crmsync.model.changes import CAUSES, Cause
from crmsync.planning.letters import Letter, Letters, age, gather_letters
from crmsync.sync.lease import done_alone
from crmsync.sync.workspace import Workspace


def dead_letters(workspace: Workspace) -> tuple[Letters, ...]:
    """Every change that a CRM refused and that nothing has replaced, by cause."""
    return gather_letters(_letters(workspace))


@done_alone("retry")
def retry(workspace: Workspace, cause: str | None) -> int:
    """Have the letters of this cause, or all of them, looked at in the next cycle as if they had never been refused. Gives how
    many there are. Raises StopConnector for a cause that is none."""
    if cause is not None and cause not in CAUSES:
        raise StopConnector("letters.no_cause", cause=cause, known=", ".join(CAUSES))
    chosen = [letter for letter in _letters(workspace) if cause in (None, letter.cause)]
    store = workspace.store
    with store.transaction() as db:
        store.outbox.let_go(db, {letter.key for letter in chosen})
        store.decided.replan(db, sorted({letter.person_id for letter in chosen}))
    return len(chosen)


def cause_of(workspace: Workspace, connection: str, code: str) -> Cause:
    """What a refusal's code means, by the table of the connection's CRM."""
    known = {c.name: c.connector.capabilities.causes for c in workspace.connections}
    return known.get(connection, {}).get(code, "other")


def _letters(workspace: Workspace) -> list[Letter]:
    rows = workspace.store.outbox.letters()
    tried: dict[tuple[str, str, str], list[tuple[str, str, datetime]]] = {}
    for one in workspace.store.outbox.tries({row["target"] for _, row in rows}):
        tried.setdefault((one.connection, one.object, one.target), []).append((one.state, one.code, one.at))
    letters = []
    for change, row in rows:
        place = (change.connection, change.object, row["target"])
        first_at, tries = age(tried[place], row["code"])
        letters.append(
            Letter(
                change.key,
                *place,
                change.person_id,
                cause_of(workspace, change.connection, row["code"]),
                row["code"],
                row["message"] or "",
                tuple(sorted(change.values())),
                first_at,
                row["finished_at"],
                tries,
            )
        )
    return letters
