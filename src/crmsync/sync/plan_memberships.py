"""The memberships' part of a plan: who joins which list of an MA, and who leaves it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from crmsync.model.changes import Change, Refused
from crmsync.model.memberships import Membership, Standing
from crmsync.model.records import RecordRef
from crmsync.planning.memberships import Place, Seat, settle
from crmsync.sync.decide import Decided
from crmsync.sync.memberships import read_lists
from crmsync.sync.targets import PersonRecord
from crmsync.sync.workspace import Connection, Workspace

_Records = Mapping[str, Sequence[PersonRecord]]


@dataclass(frozen=True, slots=True)
class MembershipPlan:
    """The changes, what is left alone, and what memberships stand at without a change."""

    changes: tuple[Change, ...] = ()
    refused: tuple[Refused, ...] = ()
    standings: Mapping[RecordRef, Standing | None] = field(default_factory=dict)


def plan_memberships(
    workspace: Workspace, decided: Decided, connections: Iterable[Connection], records: Iterable[PersonRecord]
) -> MembershipPlan:
    """Compare the wanted programme of these persons with the lists of every connection that keeps some."""
    kept = [(connection, lists) for connection in connections if (lists := read_lists(workspace, connection))]
    if not kept:
        return MembershipPlan()
    wanted = dict(decided.desired.select("person_id", "nurture_list").iter_rows())
    mine = list(records)
    settled = [
        settle(seat)
        for connection, lists in kept
        for seat in _seats(workspace, connection, lists, _by_person(connection, mine, wanted), wanted)
    ]
    return MembershipPlan(
        tuple(change for one in settled for change in one.changes),
        tuple(refused for one in settled for refused in one.refused),
        {ref: standing for one in settled for ref, standing in one.standings.items()},
    )


def _by_person(connection: Connection, records: Iterable[PersonRecord], wanted: Mapping[str, str | None]) -> _Records:
    """The records of those about whom something was decided, in this CRM: what can be put on a list first, a contact before a
    lead."""
    order = connection.connector.capabilities.person_objects
    found: dict[str, list[PersonRecord]] = {}
    for record in records:
        if record.ref.connection == connection.name and record.person_id in wanted:
            found.setdefault(record.person_id, []).append(record)
    return {p: sorted(mine, key=lambda r: (r.is_read_only, -order.index(r.ref.object), r.ref)) for p, mine in found.items()}


def _seats(
    workspace: Workspace,
    connection: Connection,
    lists: Mapping[str, str],
    records: _Records,
    wanted: Mapping[str, str | None],
) -> Iterator[Seat]:
    """A seat for each person on each list that they are on, were put on or taken off by us, or belong on."""
    there = workspace.store.memberships.on_lists(connection.name, set(lists.values()))
    gone = _gone(workspace, connection, records)
    members = (_member(ref) for refs in (_refs(records), gone) for mine in refs.values() for ref in mine)
    standings = workspace.store.memberships.of(connection.name, members)
    for person, mine in records.items():
        for programme, list_id in lists.items():
            live = _places(list_id, mine, there[list_id], standings)
            former = _former(list_id, gone.get(person, ()), standings)
            seat = Seat(person, programme, wanted[person] == programme, (*live, *former))
            if seat.is_wanted or any(place.is_member or place.standing for place in seat.places):
                yield seat


def _refs(records: _Records) -> Mapping[str, Sequence[RecordRef]]:
    return {person: [record.ref for record in mine] for person, mine in records.items()}


def _gone(workspace: Workspace, connection: Connection, records: _Records) -> Mapping[str, Sequence[RecordRef]]:
    """The records of these persons in this CRM that are there no more: deleted, or merged into another."""
    live = {ref for mine in _refs(records).values() for ref in mine}
    people = connection.connector.capabilities.person_objects
    found: dict[str, list[RecordRef]] = {}
    for text, person in workspace.store.identity.records_of(sorted(records)).items():
        ref = RecordRef.parse(text)
        if ref.connection == connection.name and ref.object in people and ref not in live:
            found.setdefault(person, []).append(ref)
    return found


def _places(
    list_id: str, records: Sequence[PersonRecord], there: set[str], standings: Mapping[str, Mapping[str, Standing]]
) -> Iterator[Place]:
    for record in records:
        membership = Membership(list_id, record.ref.object, record.ref.id)
        standing = standings.get(membership.member, {}).get(membership.id)
        yield Place(membership.ref(record.ref.connection), membership.id in there, standing, not record.is_read_only)


def _former(list_id: str, refs: Sequence[RecordRef], standings: Mapping[str, Mapping[str, Standing]]) -> Iterator[Place]:
    for ref in refs:
        membership = Membership(list_id, ref.object, ref.id)
        standing = standings.get(membership.member, {}).get(membership.id)
        if standing is not None:
            yield Place(membership.ref(ref.connection), is_member=False, standing=standing, can_join=False, is_gone=True)


def _member(ref: RecordRef) -> str:
    return f"{ref.object}/{ref.id}"
