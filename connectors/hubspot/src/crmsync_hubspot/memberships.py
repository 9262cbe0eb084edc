"""Lists: who is on one, who joins and who leaves, and the lists themselves. Only static ones take members by hand.

HubSpot answers with the records that were really added and removed: whoever is not among them was there, or gone, already. That is
how we tell whom somebody else has put there. So a call is not repeated by itself, though HubSpot would not mind: a second answer
would say that everybody was there already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from crmsync.connect.calls import AnswerLost, CallRejected
from crmsync.connect.contract import Need, Notice, ProvisionStep
from crmsync.errors import RetryLater
from crmsync.model.changes import Change, Receipt
from crmsync.model.memberships import MEMBER, Membership
from crmsync_hubspot.faults import Fault, fault_of
from crmsync_hubspot.objects import OBJECTS
from crmsync_hubspot.portal import STATIC_LISTS, Answer, Portal, chunks
from crmsync_hubspot.receipts import UNANSWERED, failed, own, refused

PEOPLE = "contacts"
# HubSpot documents no limit that a cycle would meet; so many ids make 6 KB.
MEMBERS_AT_ONCE = 500

Row = Mapping[str, Any]


class Enroller:
    """The lists of one portal."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def members(self, list_id: str) -> Iterator[Sequence[tuple[str, str]]]:
        """See `Enrolling.members`."""
        for page in self._portal.members(list_id):
            yield [(PEOPLE, str(row["recordId"])) for row in page]

    def push(self, changes: Sequence[Change]) -> Iterator[Receipt]:
        """Put people on lists and take them off, a list at a time."""
        by_list: dict[str, list[Change]] = {}
        for change in changes:
            by_list.setdefault(_of(change).list_id, []).append(change)
        for list_id, mine in by_list.items():
            for part in chunks(mine, MEMBERS_AT_ONCE):
                yield from self._sent(list_id, part)

    def _sent(self, list_id: str, part: Sequence[Change], *, is_narrowed: bool = False) -> Iterator[Receipt]:
        """The answers to one call. A refusal of the whole for one record's sake is narrowed down by halves; one for the list's sake
        is everybody's."""
        add, remove = ([_of(change).record_id for change in part if change.values()[MEMBER] is wanted] for wanted in (True, False))
        try:
            answer = self._portal.enrol(list_id, add, remove)
        except AnswerLost as error:
            yield from (failed(change, error, "unknown") for change in part)
            return
        except RetryLater as error:
            yield from (failed(change, error, "retry") for change in part)
            return
        if answer.status == 400 and not is_narrowed and not self._portal.takes_by_hand(list_id):
            said = fault_of(answer.status, answer.body, answer.text).message
            yield from (refused(change, Fault(400, "LIST_NOT_STATIC", said)) for change in part)
        elif answer.status == 400 and len(part) > 1:
            middle = len(part) // 2
            yield from self._sent(list_id, part[:middle], is_narrowed=True)
            yield from self._sent(list_id, part[middle:], is_narrowed=True)
        elif answer.status == 404:
            said = fault_of(answer.status, answer.body, answer.text).message
            yield from (refused(change, Fault(404, "LIST_NOT_FOUND", said)) for change in part)
        else:
            yield from _receipts(part, answer)

    def provision(self, needs: Sequence[Need], *, apply: bool) -> Iterator[ProvisionStep]:
        """A step for each list. HubSpot's names of lists are one's own, in any case."""
        try:
            held = {str(row.get("name") or "").strip().lower(): row for row in self._portal.lists()} if needs else {}
        except CallRejected as error:
            yield from (_not_made(need, error) for need in needs)
            return
        for need in needs:
            row = held.get(need.field.lower())
            if row is not None:
                yield _compared(need, row)
            elif not apply:
                yield ProvisionStep(need, "missing", asks=(_ask(need),))
            else:
                yield self._make(need)

    def _make(self, need: Need) -> ProvisionStep:
        try:
            self._portal.create_list(need.field, OBJECTS[PEOPLE].type_id)
        except CallRejected as error:
            return _not_made(need, error)
        return ProvisionStep(need, "created")


def _of(change: Change) -> Membership:
    return Membership.parse(str(change.record_id))


def _receipts(part: Sequence[Change], answer: Answer) -> Iterator[Receipt]:
    if answer.status >= 300:
        yield from (refused(change, fault_of(answer.status, answer.body, answer.text)) for change in part)
        return
    body: Row = answer.body if isinstance(answer.body, Mapping) else {}
    # "recordsIdsAdded" is HubSpot's own spelling
    added = _ids(body, "recordsIdsAdded") | _ids(body, "recordIdsAdded")
    removed, missing = _ids(body, "recordIdsRemoved"), _ids(body, "recordIdsMissing")
    is_answered = any(name in body for name in ("recordsIdsAdded", "recordIdsAdded", "recordIdsRemoved", "recordIdsMissing"))
    # a contact that was merged since joins under its new id
    is_merged = not added <= {_of(change).record_id for change in part}
    for change in part:
        id_, is_wanted = _of(change).record_id, change.values()[MEMBER]
        if not is_answered:
            yield refused(change, Fault(answer.status, UNANSWERED, ""))
        elif id_ in (added if is_wanted else removed):
            yield own(change, "written", "")
        elif is_wanted and id_ in missing:
            yield own(change, "rejected", "OBJECT_NOT_FOUND")
        elif is_wanted and is_merged:
            yield own(change, "conflict", "merged")
        else:
            yield own(change, "unchanged", "")


def _ids(body: Row, name: str) -> set[str]:
    return {str(id_) for id_ in body.get(name) or ()}


def _compared(need: Need, row: Row) -> ProvisionStep:
    """A list of that name that takes nobody by hand, or none but companies, is of no use."""
    kind, held = str(row.get("processingType")), str(row.get("objectTypeId"))
    if kind in STATIC_LISTS and held == OBJECTS[PEOPLE].type_id:
        return ProvisionStep(need, "present")
    return ProvisionStep(need, "refused", f"{kind} {held}", asks=(_ask(need),))


def _not_made(need: Need, error: CallRejected) -> ProvisionStep:
    said = f"{error.vendor_code}: {error.message}"
    scope = Notice("connect.ask_scopes", {"object": need.object, "message": said})
    return ProvisionStep(need, "refused", said, asks=(scope, _ask(need)) if error.status == 403 else (_ask(need),))


def _ask(need: Need) -> Notice:
    return Notice("connect.ask_list", {"list": need.field})
