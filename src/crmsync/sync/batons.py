"""batons: what lies on the ground after a cycle, and which of it has failed the run: what only crmsync can have left there."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from crmsync.sync.workspace import Workspace

_log = structlog.get_logger("crmsync.sync.batons")


@dataclass(frozen=True, slots=True)
class Lying:
    """Open gaps of one kind: who must act, the joint at which they lie with its owners (where they lie at one), how many, and
    whether a run has failed that leaves them."""

    gap: str
    department: str | None
    count: int
    joint: str | None
    owners: tuple[str, ...]
    is_failure: bool


def lying(workspace: Workspace) -> tuple[Lying, ...]:
    """All that lies open, by kind and department. What fails the run goes to the log as well, without a name."""
    joints = workspace.definitions.joints
    found = []
    for gap, department, count in workspace.store.decided.open_gaps():
        joint = joints.of_gap(gap, department)
        name, owners = (None, ()) if joint is None else (joint.name, joint.owners)
        found.append(Lying(gap, department, count, name, owners, gap in joints.fails_on))
    for one in (one for one in found if one.is_failure):
        _log.error("baton_lost", gap=one.gap, count=one.count)
    return tuple(found)
