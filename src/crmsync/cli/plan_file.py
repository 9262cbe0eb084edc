"""A plan in a file."""

from __future__ import annotations

from pathlib import Path

import orjson

from crmsync.errors import StopConnector
from crmsync.model.changes import Plan
from crmsync.planning.document import KeptPlan, MadeWith, document_of, read_document
from crmsync.sync.workspace import Moment, Workspace


def write_plan(file: Path, plan: Plan, workspace: Workspace, moment: Moment) -> None:
    """Keep the plan whole; only its owner may read it, for it holds what stands in the CRMs. Raises StopConnector where the file
    cannot be written."""
    told = document_of(plan, _made_with(workspace, moment))
    try:
        file.touch(mode=0o600)
        file.write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n")
    except OSError as error:
        raise _unreadable(file, error) from error


def read_plan(file: Path, workspace: Workspace) -> KeptPlan:
    """What the file says. Raises StopConnector for a file that is no plan, was altered, or was made under other definitions or
    mappings than those in force."""
    try:
        told = orjson.loads(file.read_bytes())
    except OSError as error:
        raise _unreadable(file, error) from error
    except orjson.JSONDecodeError:
        told = None
    kept = read_document(told)
    here = _made_with(workspace, Moment(kept.now, kept.made_with.is_rehearsal))
    if kept.made_with != here:
        raise StopConnector("plan.other_definitions", digest=kept.digest)
    return kept


def _made_with(workspace: Workspace, moment: Moment) -> MadeWith:
    mappings = {connection.name: connection.mapping_digest for connection in workspace.connections}
    return MadeWith(moment.is_rehearsal, workspace.definitions_digest, mappings)


def _unreadable(file: Path, error: OSError) -> StopConnector:
    return StopConnector("plan.unreadable", file=str(file), detail=error.strerror or type(error).__name__)
