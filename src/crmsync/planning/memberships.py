"""Joining and leaving a list: what we did about a membership (its standing), whether it is there now, whether it is wanted.

    standing            on the list   wanted   →
    none                no            yes      join
    none                yes           any      nothing: a person put them there, and it is theirs
    joining, leaving    no            yes      join: it never arrived, or they had left
    joining, leaving    yes           yes      nothing: joined
    joined              yes           yes      nothing
    joined              no            any      nothing, human_edit: a person took them off, and nobody puts them back (removed)
    joined, joining     yes           no       leave
    leaving             yes           no       leave: it never arrived
    joining, leaving    no            no       nothing
    left                no            yes      join
    left                yes           any      nothing: a person put them back, and it is theirs
    removed             no            yes      nothing, human_edit
    removed             yes           any      nothing: a person put them back, and it is theirs

A person with several records is one: where a CRM moves a membership from one record to another, as from a lead to the contact that
it became, what we did about the one goes for the other. So it does where a record was merged into another: who was put there by
us under the old one is taken for ours under the new one, though no list has been read since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from crmsync.model.changes import Change, FieldDiff, Receipt, Refused
from crmsync.model.memberships import MEMBER, MEMBERSHIPS, Standing
from crmsync.model.records import RecordRef
from crmsync.planning.plan import change_key

_OURS = ("joining", "joined", "leaving")
_INTENDED: Mapping[bool, Standing] = {True: "joining", False: "leaving"}
_ARRIVED: Mapping[bool, Standing] = {True: "joined", False: "left"}


@dataclass(frozen=True, slots=True)
class Place:
    """One record of a person on one list; `ref` is that of the membership. A converted lead cannot be put on a list any more, and
    of a record that is gone nothing but its standing counts."""

    ref: RecordRef
    is_member: bool
    standing: Standing | None = None
    can_join: bool = True
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class Seat:
    """A person and a list: their places, the best first, whether they are wanted there, and for which programme."""

    person_id: str
    programme: str
    is_wanted: bool
    places: Sequence[Place]


@dataclass(frozen=True, slots=True)
class Settled:
    """What to do about a seat, what is left alone and why, and what its places stand at from now on (None: nothing of ours)."""

    changes: tuple[Change, ...] = ()
    refused: tuple[Refused, ...] = ()
    standings: Mapping[RecordRef, Standing | None] = field(default_factory=dict)


def settle(seat: Seat) -> Settled:
    """Compare one seat, by the table above."""
    live = [place for place in seat.places if not place.is_gone]
    there = [place for place in live if place.is_member]
    ours = [place for place in seat.places if place.standing in _OURS]
    moved: dict[RecordRef, Standing | None] = {place.ref: None for place in ours if place.is_gone}
    if there:
        return _there(seat, there, ours)
    if any(place.standing in ("joined", "removed") for place in live):
        return _taken_off(seat)
    first = next((place for place in live if place.can_join), None)
    if first is not None and (seat.is_wanted or moved):
        # what was merged into this record may be on the list by it: then it is ours
        before = replace(first, standing="joining") if moved else first
        return Settled(changes=(_change(seat, before),), standings=moved)
    return Settled(standings=moved | {p.ref: "left" if p.standing == "leaving" else None for p in ours if not p.is_gone})


def intended(change: Change) -> Standing:
    """What a membership stands at once a change of it is about to be sent."""
    return _INTENDED[bool(change.values()[MEMBER])]


def after(change: Change, receipt: Receipt) -> tuple[Standing | None] | None:
    """What a membership stands at after an answer, as a tuple of one; None where the answer says nothing. Who was on the list when
    we came, though we had never tried, was put there by somebody else; who was off it when we left had been taken off."""
    is_wanted, before = bool(change.values()[MEMBER]), change.fields[0].base
    if receipt.outcome == "written" or (receipt.outcome == "unchanged" and before == intended(change)):
        return (_ARRIVED[is_wanted],)
    if receipt.outcome == "unchanged":
        return (None,) if is_wanted else ("removed" if before == "joined" else "left",)
    if receipt.outcome == "unknown":
        return None
    return (before if before in (*_OURS, "left", "removed") else None,)


def _there(seat: Seat, there: Sequence[Place], ours: Sequence[Place]) -> Settled:
    if not ours:
        return Settled(standings={place.ref: None for place in seat.places if place.standing is not None})
    if not seat.is_wanted:
        moved = {place.ref: None for place in ours if not place.is_member}
        return Settled(changes=tuple(_change(seat, place) for place in there), standings=moved)
    now: dict[RecordRef, Standing | None] = {place.ref: None for place in ours if not place.is_member}
    now |= {place.ref: "joined" for place in there if place.standing != "joined"}
    return Settled(standings=now)


def _taken_off(seat: Seat) -> Settled:
    """By a person: it stays so until a person puts them back."""
    over = [place for place in seat.places if place.standing in ("joined", "removed")]
    news: dict[RecordRef, Standing | None] = {place.ref: "removed" for place in over if place.standing == "joined"}
    refused = tuple(Refused(place.ref, MEMBER, False, True, "human_edit") for place in over[:1]) if seat.is_wanted else ()
    return Settled(refused=refused, standings=news)


def _change(seat: Seat, place: Place) -> Change:
    """Onto the list, or off it. Its base is what we did about it so far."""
    ref, values = place.ref, {MEMBER: seat.is_wanted}
    return Change(
        key=change_key(ref.connection, MEMBERSHIPS, ref.id, values),
        connection=ref.connection,
        object=MEMBERSHIPS,
        operation="update",
        fields=(FieldDiff(MEMBER, place.standing, place.is_member, seat.is_wanted),),
        person_id=seat.person_id,
        record_id=ref.id,
        because=seat.programme,
    )
