"""The joints: where one department hands over to the next, and back. Each is owned on both sides (DOMAIN.md §2, §8).

    marketing → inside_sales → field_sales → customer_success
        ↑____________|______________|

A joint repeats nothing that other definitions say: it names the one that it hands over by,
the clock, the way on and the reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from crmsync.decisions.gaps import OURS
from crmsync.decisions.phase import ARROWS
from crmsync.decisions.scoring import Title
from crmsync.decisions.sla import DEPARTMENTS, MARKETING

Ends = tuple[str, str]
"""From which department to which."""

ANSWERS: Mapping[str, str] = {**dict.fromkeys(MARKETING, "marketing"), **DEPARTMENTS}
"""Phase → the department that answers in it; nobody does in those that are missing."""


def _loop() -> dict[Ends, tuple[str, ...]]:
    found: dict[Ends, set[str]] = {}
    for source, target in ARROWS:
        ends = (ANSWERS.get(source, ""), ANSWERS.get(target, ""))
        if all(ends) and ends[0] != ends[1]:
            found.setdefault(ends, set()).add(target)
    return {ends: tuple(sorted(phases)) for ends, phases in sorted(found.items())}


LOOP: Mapping[Ends, tuple[str, ...]] = _loop()
"""Every joint there is, and the phases that are entered over it: read off the arrows of the phase machine."""

ENTRIES: Mapping[Ends, str] = {
    ("marketing", "inside_sales"): "qualification",
    ("inside_sales", "field_sales"): "bant",
    ("field_sales", "customer_success"): "won",
}
"""What must be so before a baton is passed on: the definition of an MQL, BANT, an opportunity that is won. A way back has its
reasons instead."""

OWNERS = "owners"
"""The fallback where no other joint leads on: what nobody takes is for the two owners."""


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a joint: the department, and the role of whoever owns the joint there."""

    department: str
    owner: str


@dataclass(frozen=True, slots=True)
class Joint:
    """One joint. `entry` is of `ENTRIES`, `clock` the kind that begins with it, `fallback` the joint by which goes on what is not
    taken, or `OWNERS`; a way back to marketing has none of the three but `reasons`: kinds of recycle reasons. `carries` are the
    items of the baton."""

    name: str
    title: Title
    sender: Side
    receiver: Side
    carries: tuple[str, ...]
    entry: str | None = None
    clock: str | None = None
    fallback: str | None = None
    reasons: tuple[str, ...] = ()

    @property
    def ends(self) -> Ends:
        """From which department to which."""
        return (self.sender.department, self.receiver.department)

    @property
    def owners(self) -> tuple[str, ...]:
        """Both owners, once where it is the same."""
        return tuple(dict.fromkeys((self.sender.owner, self.receiver.owner)))


@dataclass(frozen=True, slots=True)
class Joints:
    """The joints document, in its order. `fails_on` are the gaps with which a run has failed; the others are for people to mend."""

    joints: tuple[Joint, ...] = ()
    fails_on: tuple[str, ...] = OURS

    def between(self, sender: str, receiver: str) -> Joint | None:
        """The joint from one department to another; None where nothing is handed over, or nobody has said."""
        return next((joint for joint in self.joints if joint.ends == (sender, receiver)), None)

    def of_gap(self, gap: str, department: str | None) -> Joint | None:
        """At which joint a baton lies on the ground; None for a gap that is at none."""
        ends = _AT.get(gap) or _INTO.get(department or "")
        return None if ends is None else self.between(*ends)

    @property
    def carries(self) -> Mapping[Ends, tuple[str, ...]]:
        """What each baton must carry."""
        return {joint.ends: joint.carries for joint in self.joints}


_AT: Mapping[str, Ends] = {
    "won_without_cs": ("field_sales", "customer_success"),
    "lost_without_reason": ("field_sales", "marketing"),
    "lost_without_recycle_date": ("field_sales", "marketing"),
    "rejected_without_reason": ("inside_sales", "marketing"),
    "accepted_without_bant": ("inside_sales", "field_sales"),
}
"""Gaps that lie at one joint whoever must act; any other lies where its department took over."""
_INTO: Mapping[str, Ends] = {ends[1]: ends for ends in ENTRIES}
