"""What a cycle did and what a plan would do, as tables for people and as JSON of a stable shape for programs."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from crmsync.cli.halted import alarms_json, withheld_json
from crmsync.messages import LANGUAGES, Language, name_of, say
from crmsync.model.changes import Change, FieldDiff, Plan, Withheld
from crmsync.sync.batons import Lying
from crmsync.sync.facts import active_reps
from crmsync.sync.notices import Told
from crmsync.sync.pipeline import Cycle
from crmsync.sync.provision import lacking_options
from crmsync.sync.pull import Failure, Pulled
from crmsync.sync.workspace import Workspace

# A plan can hold thousands of changes; --json shows them all.
MOST_CHANGES_SHOWN = 200


def table(title: str, *columns: str, language: Language) -> Table:
    """An empty table whose headers come from the catalogue (`column.<name>`). Numbers stand right, and no text is cut off:
    Japanese has no blanks to break a line at, so a cell is broken anywhere."""
    made = Table(title=title, title_justify="left", header_style="bold", pad_edge=False, box=box.SIMPLE_HEAD)
    for column in columns:
        name, _, kind = column.partition(":")
        made.add_column(say(f"column.{name}", language), justify="right" if kind == "number" else "left", overflow="fold")
    return made


def pulled_table(pulled: Pulled, workspace: Workspace, language: Language) -> Table:
    columns = ("connection", "object", "records:number", "new:number", "changed:number")
    shown = table(say("title.pulled", language), *columns, language=language)
    for stream in pulled.streams:
        if stream.records:
            shown.add_row(stream.connection, stream.object, f"{stream.records:,}", f"{stream.new:,}", f"{stream.changed:,}")
    for connection in workspace.connections:
        usage = connection.client.usage
        left = ", ".join(f"{lane} {count:,}" for lane, count in sorted(usage.left.items())) or "—"
        text = say("cli.usage", language, calls=usage.calls, retries=usage.retries, left=left)
        shown.add_row(connection.name, Text(text, style="dim"), "", "", "")
    return shown


def pulled_json(pulled: Pulled, workspace: Workspace) -> dict[str, Any]:
    return {
        "streams": [
            {"connection": s.connection, "object": s.object, "records": s.records, "new": s.new, "changed": s.changed}
            for s in pulled.streams
        ],
        "usage": {
            c.name: {"calls": c.client.usage.calls, "retries": c.client.usage.retries, "left": dict(c.client.usage.left)}
            for c in workspace.connections
        },
        "notices": [notice_json(told) for told in pulled.notices],
        "failures": [failure_json(failure) for failure in pulled.failures],
    }


def plan_table(console: Console, plan: Plan, language: Language) -> None:
    """Every change as a diff: record, field, what stands there, what would."""
    if plan.changes:
        changes_table(console, plan, say("title.plan", language), language)
        console.print(say("cli.plan_summary", language, changes=len(plan.changes), refused=len(plan.refused), digest=plan.digest))
    elif not plan.withheld:
        console.print(say("cli.plan_none", language))
    withheld_table(console, plan.withheld, language)
    for why, count in sorted(Counter(refused.why for refused in plan.refused).items()):
        console.print(say("cli.left_alone", language, count=count, why=name_of("refused", why, language)))


def changes_table(console: Console, plan: Plan, title: str, language: Language) -> None:
    """A row for every field of the first changes, and how many more there are."""
    shown = table(title, "connection", "record", "field", "current", "desired", language=language)
    for change in plan.changes[:MOST_CHANGES_SHOWN]:
        _add_change(shown, change)
    console.print(shown)
    if len(plan.changes) > MOST_CHANGES_SHOWN:
        console.print(say("cli.plan_more", language, count=len(plan.changes) - MOST_CHANGES_SHOWN))


def withheld_table(console: Console, withheld: Sequence[Withheld], language: Language) -> None:
    """What a policy or the roll-out leaves out: as a diff, and counted by connection and reason."""
    if not withheld:
        return
    columns = ("connection", "record", "field", "current", "desired", "because")
    shown = table(say("title.withheld", language), *columns, language=language)
    for one in withheld[:MOST_CHANGES_SHOWN]:
        _add_change(shown, one.change, name_of("withheld", one.why, language))
    console.print(shown)
    if len(withheld) > MOST_CHANGES_SHOWN:
        console.print(say("cli.plan_more", language, count=len(withheld) - MOST_CHANGES_SHOWN))
    for (connection, why), count in sorted(Counter((one.change.connection, one.why) for one in withheld).items()):
        reason = name_of("withheld", why, language)
        console.print(say("cli.withheld", language, connection=connection, count=count, why=reason))


def _add_change(shown: Table, change: Change, *more: str) -> None:
    record = f"{change.object} {change.record_id or '+ ' + str(change.key_value)}"
    ties = [FieldDiff(f"associations.{tie.object}", None, None, tie.id) for tie in change.associations]
    for index, diff in enumerate(change.fields or ties):
        first, last = ((change.connection, record), more) if index == 0 else (("", ""), ("",) * len(more))
        values = (Text(_value(diff.current), style="red"), Text(_value(diff.desired), style="green"))
        shown.add_row(*first, diff.field, *values, *last)


def _value(value: Any) -> str:
    text = "" if value is None else str(value).replace("\n", " ⏎ ")
    return text if len(text) <= 60 else text[:59] + "…"


def plan_json_changes(plan: Plan) -> list[dict[str, Any]]:
    return [change_json(change) for change in plan.changes]


def plan_json(plan: Plan, workspace: Workspace, pulled: Pulled) -> dict[str, Any]:
    return {
        "digest": plan.digest,
        "now": plan.now,
        "changes": plan_json_changes(plan),
        "refused": [
            {"record": str(r.ref), "field": r.field, "current": r.current, "desired": r.desired, "why": r.why} for r in plan.refused
        ],
        "withheld": [{**change_json(one.change), "why": one.why} for one in plan.withheld],
        "alarms": alarms_json(plan),
        "missing_fields": missing_json(workspace),
        "unread": unread_json(workspace),
        "idle_reps": idle_reps(workspace),
        "notices": [notice_json(told) for told in pulled.notices],
        "failures": [failure_json(failure) for failure in pulled.failures],
    }


def change_json(change: Change) -> dict[str, Any]:
    return {
        "key": change.key,
        "connection": change.connection,
        "object": change.object,
        "operation": change.operation,
        "record_id": change.record_id,
        "task_key": change.key_value,
        "person_id": change.person_id,
        "because": change.because,
        "fields": [{"field": d.field, "current": d.current, "desired": d.desired} for d in change.fields],
    }


def cycle_table(cycle: Cycle, workspace: Workspace, language: Language) -> Table:
    """What a cycle did, in one screen."""
    decisions = cycle.prepared.decided.decisions
    shown = table(say("title.cycle", language, run=cycle.run_id), "what", "count:number", language=language)
    pulled = sum(stream.new + stream.changed for stream in cycle.pulled.streams)
    rows = {
        "changed_records": pulled,
        "persons": workspace.store.decided.count(),
        "moves": decisions.moves.height,
        "open_gaps": sum(one.count for one in cycle.lying),
        "calls": sum(connection.client.usage.calls for connection in workspace.connections),
        **{f"outcome_{name}": count for name, count in sorted(cycle.applied.outcomes.items())},
    }
    for name, count in rows.items():
        shown.add_row(say(f"row.{name}", language), f"{count:,}")
    return shown


def cycle_json(cycle: Cycle, workspace: Workspace) -> dict[str, Any]:
    moves = cycle.prepared.decided.decisions.moves
    return {
        "run_id": cycle.run_id,
        "now": cycle.prepared.plan.now,
        "digest": cycle.prepared.plan.digest,
        "pulled": pulled_json(cycle.pulled, workspace),
        "persons": workspace.store.decided.count(),
        "moves": moves.group_by("source", "target").len("count").sort("source", "target").to_dicts(),
        "outcomes": cycle.applied.outcomes,
        "alarms": alarms_json(cycle.prepared.plan),
        "withheld": withheld_json(cycle.prepared.plan),
        "gaps": sum(one.count for one in cycle.lying),
        "lying": [asdict(one) for one in cycle.lying],
        "missing_fields": missing_json(workspace),
        "unread": unread_json(workspace),
        "idle_reps": idle_reps(workspace),
        "failures": [failure_json(f) for f in (*cycle.pulled.failures, *cycle.applied.failures)],
    }


def batons(lying: Iterable[Lying], language: Language) -> None:
    """What lies on the ground, by kind, with who must act: on standard error, what fails the run last."""
    for one in sorted(lying, key=lambda one: one.is_failure):
        department, owners = name_of("department", one.department, language), " / ".join(one.owners) or "—"
        told = {"count": one.count, "gap": name_of("gap", one.gap, language), "department": department, "owners": owners}
        sys.stderr.write(say("batons.lost" if one.is_failure else "batons.lying", language, **told) + "\n")


def failure_json(failure: Failure) -> dict[str, Any]:
    return {"connection": failure.connection, "code": failure.code, "params": failure.params}


def failures(stopped: Iterable[Failure], language: Language) -> None:
    """Each connection that stopped, with why and what to do, on standard error. Which one it is stands there once."""
    for failure in stopped:
        reason = say(failure.code, language, **failure.params).removeprefix(f"{failure.connection}: ")
        sys.stderr.write(say("cli.stopped", language, connection=failure.connection, reason=reason) + "\n")


def notice_json(told: Told) -> dict[str, Any]:
    return {
        "connection": told.connection,
        "object": told.object,
        "code": told.code,
        "params": told.params,
        "is_news": told.is_news,
        **{language: notice_text(told, language) for language in LANGUAGES},
    }


def notice_text(told: Told, language: Language) -> str:
    return say(told.code, language, **{"feature": name_of("feature", told.object, language), **told.params})


def notices(told: Iterable[Told], language: Language) -> None:
    """What connectors told, on standard error, each once: a command that is run by hand tells what still stands, too."""
    for one in told:
        sys.stderr.write(notice_text(one, language) + "\n")


def missing_json(workspace: Workspace) -> list[dict[str, Any]]:
    """What the mappings write to and the CRMs do not have, by connection and object."""
    return [
        {"connection": connection.name, "object": object_, "fields": missing}
        for connection in workspace.connections
        for object_, mapping in sorted(connection.mappings.items())
        if object_ in connection.schemas
        and connection.schemas[object_].readable
        and (missing := sorted({write.field for write in mapping.writes} - set(connection.schemas[object_].fields)))
    ]


def unread_json(workspace: Workspace) -> list[dict[str, Any]]:
    """The objects that the CRMs do not show us, by connection, with the CRM's own reason."""
    return [
        {"connection": connection.name, "object": object_, "why": schema.why_not}
        for connection in workspace.connections
        for object_, schema in sorted(connection.schemas.items())
        if not schema.readable
    ]


def idle_reps(workspace: Workspace) -> list[str]:
    """Who is in the team file and gets nobody: no user of a connected CRM has the address, or one that is not active. Where no
    users are known yet, nobody is said to be idle."""
    active = active_reps(workspace)
    return sorted(rep.rep_id for rep in workspace.team.reps if not active.get(rep.rep_id, not active))


def missing_fields(workspace: Workspace, language: Language) -> None:
    """A CRM that was never set up for crmsync works with less in it: one line per object, on standard error, and one per list that
    lacks options; and one with the reps whom no CRM knows."""
    for found in missing_json(workspace):
        sys.stderr.write(say("cli.missing_fields", language, **{**found, "fields": ", ".join(found["fields"])}) + "\n")
    for connection in workspace.connections:
        for object_, field, options in lacking_options(connection):
            told = {"connection": connection.name, "object": object_, "field": field, "options": ", ".join(options)}
            sys.stderr.write(say("cli.missing_options", language, **told) + "\n")
    if idle := idle_reps(workspace):
        sys.stderr.write(say("cli.idle_reps", language, reps=", ".join(idle)) + "\n")
