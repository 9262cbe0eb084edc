"""`rules/joints.yaml`: the joints between departments, with an owner on both sides; everything they refer to must be there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from crmsync.config.document import Document, FileModel, Path_, validate
from crmsync.config.rules.common import Name, TitleFile
from crmsync.config.rules.place import Problems
from crmsync.config.rules.sla import Department
from crmsync.decisions.catalogue import nearest
from crmsync.decisions.gaps import CHECKS, ELSEWHERE, OURS
from crmsync.decisions.joints import ENTRIES, LOOP, OWNERS, Ends, Joint, Joints, Side
from crmsync.decisions.recycle import Recycle
from crmsync.decisions.sla import Sla
from crmsync.figures.batons import ITEMS

_GAPS = (*(check.gap for check in CHECKS), *ELSEWHERE)
_OF_NO_JOINT = "dormant"
"""The recycle reason that no department gives: whoever came back too often is left alone."""


class SideFile(FileModel):
    department: Department
    owner: str = ""


class JointFile(FileModel):
    title: TitleFile
    sender: SideFile = Field(alias="from")
    receiver: SideFile = Field(alias="to")
    carries: tuple[str, ...] = Field(min_length=1)
    entry: Literal["qualification", "bant", "won"] | None = None
    clock: str | None = None
    fallback: str | None = None
    reasons: tuple[str, ...] = ()

    @property
    def ends(self) -> Ends:
        return (self.sender.department, self.receiver.department)


class JointsFile(FileModel):
    joints: dict[Name, JointFile]
    fails_on: tuple[str, ...] = OURS


@dataclass(frozen=True, slots=True)
class References:
    """What joints refer to; None for a document that cannot be read, whose own problems are told."""

    sla: Sla | None = None
    recycle: Recycle | None = None


def load_joints(document: Document, references: References) -> Joints:
    """The joints document as a value. Raises FixConfig with every problem: a joint that is missing, that has no owner on a side, or
    that refers to what is not there."""
    file = validate(document, JointsFile)
    problems = Problems(document)
    _check_loop(problems, file)
    for name, joint in file.joints.items():
        place = ("joints", name)
        _check_sides(problems, place, joint)
        _check_items(problems, place, joint)
        if joint.ends in ENTRIES:
            _check_on(problems, place, file, references.sla)
        elif joint.ends in LOOP:
            _check_back(problems, place, joint)
    if references.recycle is not None:
        _check_reasons(problems, file, references.recycle)
    for index, gap in enumerate(file.fails_on):
        if gap not in _GAPS:
            problems.add(("fails_on", index), "rules.no_such_gap", **_known(gap, _GAPS))
    problems.check()
    return Joints(tuple(_joint(name, joint) for name, joint in file.joints.items()), file.fails_on)


def _check_loop(problems: Problems, file: JointsFile) -> None:
    """Each joint of the loop is there once, and no other."""
    seen: set[Ends] = set()
    for name, joint in file.joints.items():
        if joint.ends not in LOOP:
            problems.add(("joints", name), "rules.no_such_joint", sender=joint.ends[0], receiver=joint.ends[1])
        elif joint.ends in seen:
            problems.add(("joints", name), "rules.joint_twice", sender=joint.ends[0], receiver=joint.ends[1])
        seen.add(joint.ends)
    for sender, receiver in LOOP:
        if (sender, receiver) not in seen:
            problems.add(("joints",), "rules.joint_missing", sender=sender, receiver=receiver)


def _check_sides(problems: Problems, place: Path_, joint: JointFile) -> None:
    for key, side in (("from", joint.sender), ("to", joint.receiver)):
        if not side.owner.strip():
            problems.add((*place, key), "rules.joint_without_owner", name=place[-1], department=side.department)


def _check_items(problems: Problems, place: Path_, joint: JointFile) -> None:
    for index, item in enumerate(joint.carries):
        if item not in ITEMS:
            problems.add((*place, "carries", index), "rules.no_such_item", **_known(item, ITEMS))
    problems.unique({(*place, "carries", index): item for index, item in enumerate(joint.carries)})


def _check_on(problems: Problems, place: Path_, file: JointsFile, sla: Sla | None) -> None:
    """A joint that leads on says by what, by when, and what becomes of whoever is not taken."""
    joint = file.joints[str(place[-1])]
    entry = ENTRIES[joint.ends]
    if joint.entry != entry:
        problems.add((*place, "entry"), "rules.joint_entry", name=place[-1], entry=entry)
    (phase,) = LOOP[joint.ends]
    first = sla.first(phase) if sla is not None else None
    if first is not None and joint.clock != first.kind:
        problems.add((*place, "clock"), "rules.joint_clock", name=place[-1], clock=first.kind, phase=phase)
    ways = [name for name, other in file.joints.items() if other.sender.department == joint.receiver.department]
    if joint.fallback not in (*ways, OWNERS):
        known = _known(joint.fallback or "", [*ways, OWNERS])
        problems.add((*place, "fallback"), "rules.joint_fallback", department=joint.receiver.department, **known)
    if joint.reasons:
        problems.add((*place, "reasons"), "rules.joint_key", key="reasons", name=place[-1])


def _check_back(problems: Problems, place: Path_, joint: JointFile) -> None:
    """A way back has its reasons, and nothing of what leads on."""
    for key in ("entry", "clock", "fallback"):
        if getattr(joint, key) is not None:
            problems.add((*place, key), "rules.joint_key", key=key, name=place[-1])
    if not joint.reasons:
        problems.add(place, "rules.joint_without_reasons", name=place[-1])


def _check_reasons(problems: Problems, file: JointsFile, recycle: Recycle) -> None:
    """Every reason is one of recycle.yaml, or a kind of them; and every one of those is given at some joint."""
    named: set[str] = set()
    for name, joint in file.joints.items():
        for index, reason in enumerate(joint.reasons):
            meant = {key for key in recycle.policies if key == reason or key.startswith(f"{reason}_")}
            if not meant:
                kinds = {key.partition("_")[0] for key in recycle.policies} | set(recycle.policies)
                problems.add(("joints", name, "reasons", index), "rules.no_such_reason", **_known(reason, kinds - {_OF_NO_JOINT}))
            named |= meant
    for key in sorted(set(recycle.policies) - named - {_OF_NO_JOINT}):
        problems.add(("joints",), "rules.reason_at_no_joint", name=key)


def _known(name: str, names: Iterable[str]) -> dict[str, str]:
    known = sorted(names)
    return {"name": name, "nearest": nearest(name, known), "known": ", ".join(known)}


def _joint(name: str, file: JointFile) -> Joint:
    return Joint(
        name=name,
        title=file.title.value(),
        sender=Side(file.sender.department, file.sender.owner.strip()),
        receiver=Side(file.receiver.department, file.receiver.owner.strip()),
        carries=file.carries,
        entry=file.entry,
        clock=file.clock,
        fallback=file.fallback,
        reasons=file.reasons,
    )
