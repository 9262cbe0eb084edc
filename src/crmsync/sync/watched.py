"""watched: what people must be told beside the records. Of the definition in force both heads, looked at once a day, for it does
not change by the hour; and whom a CRM has erased at their own wish, who are to be forgotten here as well."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from crmsync.connect.contract import Notice
from crmsync.decisions.signing import HEADS
from crmsync.decisions.stale import Stale, find
from crmsync.sync.vetoes import owner_of, standing
from crmsync.sync.workspace import Workspace

_WATCHED = "definition_watched"


def watched(workspace: Workspace, now: datetime) -> tuple[Notice, ...]:
    """What stands today: the definition has gone stale, its review is due, a head has vetoed a move of the valve."""
    today = now.astimezone(ZoneInfo(workspace.definitions.targets.time_zone)).date()
    runs, mark = workspace.store.runs, f"{today} {workspace.definitions_digest}"
    kept = orjson.loads(runs.meta(_WATCHED) or "{}")
    if kept.get("mark") != mark:
        kept = {"mark": mark, "notices": [[n.code, dict(n.params)] for n in _looked_at(workspace, today, now)]}
        runs.set_meta(_WATCHED, orjson.dumps(kept).decode())
    notices = [*kept["notices"], *_vetoed(workspace, now)]
    return tuple(Notice(code, params, stands=True) for code, params in notices)


def _vetoed(workspace: Workspace, now: datetime) -> list[tuple[str, Mapping[str, Any]]]:
    """The veto that stands: whose, until when and why."""
    veto = standing(workspace, now)
    if veto is None:
        return []
    told = {"version": veto.version, "position": f"{veto.position:g}", "until": veto.until.isoformat()}
    return [("valve.vetoed", {**told, "owner": owner_of(workspace, veto.department), "by": veto.by, "because": veto.because})]


def to_be_forgotten(workspace: Workspace) -> tuple[Notice, ...]:
    """Who was erased in a CRM and is known here still. It is not done unasked: `crmsync forget` takes every record of theirs, those
    of other CRMs too, and cannot be undone."""
    return tuple(Notice("forget.erased_there", {"record": ref}, stands=True) for ref in workspace.store.hints.erased_there())


def _looked_at(workspace: Workspace, today: date, now: datetime) -> list[Notice]:
    definition = workspace.definitions.qualification
    found = find(workspace.store.decided.moves(), definition, now)
    owners = _owners(workspace)
    notices = [] if found is None else [_stale(found, owners)]
    if definition.stage(today) == "review_due":
        version = f"{definition.name}@{definition.version}"
        notices.append(Notice("definition.review_due", {"version": version, "day": str(definition.review_by), "owners": owners}))
    return notices


def _owners(workspace: Workspace) -> str:
    """Both owners of the joint at which the definition hands over; its two departments where nobody has said."""
    joint = workspace.definitions.joints.between(*HEADS)
    return " / ".join(HEADS if joint is None else joint.owners)


def _stale(found: Stale, owners: str) -> Notice:
    shares = {"then": found.then.share or 0.0, "now": found.now.share or 0.0}
    told = {name: f"{share:.0%}" for name, share in shares.items()}
    counts = {"verdicts_then": found.then.verdicts, "verdicts_now": found.now.verdicts}
    return Notice(
        "definition.stale", {"version": found.version, "owners": owners, "since": found.since.date().isoformat(), **told, **counts}
    )
