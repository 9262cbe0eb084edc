"""The three-way diff of one record: base (last written, or seen and taken into account), current, desired.

    base     current  desired   policy           →
    any      = d      d         any              nothing
    any      c        none      any              nothing
    any      c        d         crmsync_owns     write
    b        = b      d         newest_wins      write: nobody has touched it since
    none     c        d         newest_wins      write: the first time we say anything here
    b        void     d         newest_wins      write: an owner taken away, who has left, or outvoted by a newer one is none chosen
    b        ≠ b      d         newest_wins      refused, human_edit: a person spoke after us; the decision hears of it
    any      blank    d         fill_if_blank    write
    any      c        d         fill_if_blank    nothing
    any      c        d         source_wins      nothing

Only `newest_wins` looks at a base. Where it writes nothing because both agree, or because nothing is wanted, what stands there is
taken into account: base becomes current.

A difference within a field's tolerance, or of a field that is not written alone, is no reason to write; once a record is written
for another reason, such fields go along, so that what stands there was true at one moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crmsync.model.changes import Change, FieldDiff, Policy, Refused
from crmsync.model.records import RecordRef
from crmsync.planning.plan import change_key

Same = Callable[[str, Any, Any], bool]


@dataclass(frozen=True, slots=True)
class FieldRule:
    """How one field may be written."""

    policy: Policy
    tolerance: float = 0.0
    alone: bool = True


@dataclass(frozen=True, slots=True)
class Target:
    """One remote record as last read, with what we know of our own earlier writes to it. Values are the vendor's. `void` names
    fields whose present value cannot stand, and is as good as none: an owner who has left, or lost to a newer word elsewhere."""

    ref: RecordRef
    person_id: str
    modified_at: datetime | None
    current: Mapping[str, Any]
    bases: Mapping[str, Any] = field(default_factory=dict)
    void: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RecordDiff:
    """What to write, what is left alone and why, and which bases now stand at what people set."""

    ref: RecordRef
    change: Change | None
    refused: tuple[Refused, ...]
    accounted: Mapping[str, Any]


def diff_record(
    target: Target,
    desired: Mapping[str, Any],
    rules: Mapping[str, FieldRule],
    same: Same,
    because: str,
    unwritable: Iterable[tuple[str, str]] = (),
) -> RecordDiff:
    """Compare one record. `desired` has a vendor field only where we want something said; `rules` names every field we may
    write; `same(field, a, b)` is canonical equality; `unwritable` are (field, why) of wishes that the CRM cannot hold."""
    diffs: list[FieldDiff] = []
    refused = [Refused(target.ref, name, target.current.get(name), None, why) for name, why in unwritable]
    accounted: dict[str, Any] = {}
    for name, rule in rules.items():
        current = target.current.get(name)
        base = target.bases.get(name)
        if name not in desired or same(name, current, desired[name]):
            if rule.policy == "newest_wins" and (name not in target.bases or not same(name, base, current)):
                accounted[name] = current
            continue
        verdict = _verdict(name, rule.policy, target, same)
        if verdict == "write":
            alone = rule.alone and not is_within(rule.tolerance, current, desired[name])
            diffs.append(FieldDiff(name, base, current, desired[name], alone))
        elif verdict:
            refused.append(Refused(target.ref, name, current, desired[name], verdict))
    is_due = any(diff.alone for diff in diffs)
    return RecordDiff(target.ref, _change(target, tuple(diffs) if is_due else (), because), tuple(refused), accounted)


def _verdict(name: str, policy: Policy, target: Target, same: Same) -> str:
    current = target.current.get(name)
    if policy == "crmsync_owns":
        return "write"
    if policy == "newest_wins":
        untouched = name not in target.bases or same(name, target.bases[name], current)
        is_void = name in target.void or same(name, current, None)
        return "write" if untouched or is_void else "human_edit"
    if policy == "fill_if_blank":
        return "write" if same(name, current, None) else ""
    return ""


def is_within(tolerance: float, current: Any, desired: Any) -> bool:
    """Whether two numbers differ by no more than `tolerance`. What is no number, or not there yet, never is."""
    if not tolerance:
        return False
    try:
        return abs(float(current) - float(desired)) <= tolerance
    except (TypeError, ValueError):
        return False


def _change(target: Target, diffs: tuple[FieldDiff, ...], because: str) -> Change | None:
    if not diffs:
        return None
    ref = target.ref
    return Change(
        key=change_key(ref.connection, ref.object, ref.id, {d.field: d.desired for d in diffs}),
        connection=ref.connection,
        object=ref.object,
        operation="update",
        fields=diffs,
        person_id=target.person_id,
        record_id=ref.id,
        expected_modified_at=target.modified_at,
        because=because,
    )
