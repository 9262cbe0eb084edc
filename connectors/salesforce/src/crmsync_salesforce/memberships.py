"""Campaigns as lists: who is a member, who joins and leaves, and the campaigns themselves.

Somebody leaves by a status of their own, and is never deleted: their answer to the campaign is a fact that others count. There are
two such statuses, for Salesforce reckons from a member's status whether they responded: who had stays somebody who had.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from crmsync.connect.calls import CallRejected
from crmsync.connect.contract import Need, Notice, ProvisionStep, PushBatch
from crmsync.errors import CrmsyncError, RetryLater
from crmsync.model.changes import Change, FieldDiff, Receipt
from crmsync.model.memberships import MEMBER, Membership
from crmsync_salesforce.api import Api
from crmsync_salesforce.facts import COLLECTION_SIZE
from crmsync_salesforce.granting import said
from crmsync_salesforce.ids import to_18
from crmsync_salesforce.soql import Query, having
from crmsync_salesforce.writing import Writer, code_of

LIST, MEMBERS, STATUSES = "Campaign", "CampaignMember", "CampaignMemberStatus"
# Whether they had responded → the status of who has left. CampaignMemberStatus labels are up to 40 characters.
LEFT: Mapping[bool, str] = {False: "Left", True: "Left after responding"}
NO_STATUS = "NO_LEFT_STATUS"
_COLUMNS = ("Id", "CampaignId", "LeadId", "ContactId", "Status", "HasResponded")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Statuses:
    """A campaign's statuses: label → whether it counts as a response; and the one that new members get. No label at all: we may not
    see them, and what a member's status is after a write says whether it was one."""

    responded: Mapping[str, bool]
    default: str

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Statuses:
        told = sorted(rows, key=lambda row: (not row.get("IsDefault"), row.get("SortOrder") or 0))
        labels = [str(row["Label"]) for row in told]
        return cls({str(row["Label"]): bool(row.get("HasResponded")) for row in told}, labels[0] if labels else "Sent")

    def back(self, *, has_responded: bool) -> str:
        """What who comes back is: the default, or what says that they responded."""
        own = [label for label, responded in self.responded.items() if responded == has_responded and label not in LEFT.values()]
        return self.default if self.default in own or not own else own[0]


class Enroller:
    """The campaigns of one org."""

    def __init__(self, api: Api, writer: Writer) -> None:
        self._api = api
        self._writer = writer

    def members(self, campaign: str) -> Iterator[Sequence[tuple[str, str]]]:
        """See `Enrolling.members`. A lead that was converted is a member as the contact that it became."""
        for page in self._api.pages(having(MEMBERS, _COLUMNS, CampaignId=campaign)):
            yield [_who(row) for row in page if row.get("Status") not in LEFT.values()]

    def push(self, changes: Sequence[Change]) -> Iterator[Receipt]:
        """Make members, and give them their statuses, a campaign at a time."""
        by_list: dict[str, list[Change]] = {}
        for change in changes:
            by_list.setdefault(_of(change).list_id, []).append(change)
        for campaign, mine in by_list.items():
            for start in range(0, len(mine), COLLECTION_SIZE):
                yield from self._sent(campaign, mine[start : start + COLLECTION_SIZE])

    def _sent(self, campaign: str, part: Sequence[Change]) -> Iterator[Receipt]:
        try:
            statuses = (self._statuses([campaign]) or {}).get(campaign, Statuses.of(()))
            rows = self._rows(campaign, part)
        except (RetryLater, CallRejected) as error:
            yield from (_unsent(change, error) for change in part)
            return
        due: list[Change] = []
        for change in part:
            told = _wanted(change, rows.get(_of(change).record_id), statuses)
            if isinstance(told, Receipt):
                yield told
            else:
                due.append(told)
        names = {change.key: str(change.record_id) for change in part}
        for operation in ("create", "update"):
            mine = tuple(change for change in due if change.operation == operation)
            for receipt in self._writer.push(PushBatch(MEMBERS, mine)) if mine else ():
                yield _told(receipt, names[receipt.key])

    def _rows(self, campaign: str, part: Sequence[Change]) -> dict[str, Row]:
        """Lead or contact → their membership of this campaign, whichever status it has."""
        found: dict[str, Row] = {}
        for object_ in ("Lead", "Contact"):
            ids = [_of(change).record_id for change in part if _of(change).object == object_]
            if ids:
                among = Query(MEMBERS, _COLUMNS, "").among(f"{object_}Id", ids)
                rows = self._api.rows(f"{among} AND CampaignId = '{to_18(campaign)}'")
                found |= {to_18(str(row[f"{object_}Id"])): row for row in rows}
        return found

    def _statuses(self, campaigns: Sequence[str]) -> dict[str, Statuses] | None:
        """The statuses of each campaign; None where the user may not see them."""
        columns = ("CampaignId", "Label", "IsDefault", "HasResponded", "SortOrder")
        try:
            rows = self._api.rows(Query(STATUSES, columns, "").among("CampaignId", campaigns))
        except CallRejected:
            return None
        by_list: dict[str, list[Row]] = {}
        for row in rows:
            by_list.setdefault(to_18(str(row["CampaignId"])), []).append(row)
        return {campaign: Statuses.of(mine) for campaign, mine in by_list.items()}

    # -------------------------------------------------------------------------------------------------- provisioning

    def provision(self, needs: Sequence[Need], *, apply: bool) -> Iterator[ProvisionStep]:
        """A step for each campaign, with the statuses of who has left it. Nothing else about it is changed."""
        try:
            held = self._held(needs) if needs else {}
            statuses = self._statuses(sorted(held.values())) if held else {}
        except CallRejected as refusal:
            yield from (_refused(need, refusal) for need in needs)
            return
        for need in needs:
            id_ = held.get(need.field.lower(), "")
            known = (statuses or {}).get(id_, Statuses.of(()))
            lacking = [responded for responded, label in LEFT.items() if label not in known.responded and statuses is not None]
            if id_ and not lacking:
                yield ProvisionStep(need, "present")
            elif not apply:
                labels = ", ".join(LEFT[responded] for responded in lacking) if id_ else ""
                yield ProvisionStep(need, "missing", labels, asks=(_ask(need),))
            else:
                yield self._make(need, id_, lacking)

    def _held(self, needs: Sequence[Need]) -> dict[str, str]:
        """Name in lower case → id; of several campaigns of one name the one with the smallest id."""
        rows = self._api.rows(Query(LIST, ("Id", "Name"), "").among("Name", [need.field for need in needs]))
        found: dict[str, str] = {}
        for row in sorted(rows, key=lambda row: to_18(str(row["Id"]))):
            found.setdefault(str(row["Name"]).lower(), to_18(str(row["Id"])))
        return found

    def _make(self, need: Need, id_: str, lacking: Sequence[bool]) -> ProvisionStep:
        try:
            id_ = id_ or self._create(LIST, Name=need.field, IsActive=True)
            if self._statuses([id_]) is None:
                return ProvisionStep(need, "created")
            taken = self._api.rows(having(STATUSES, ("SortOrder",), CampaignId=id_))
            last = max((int(row.get("SortOrder") or 0) for row in taken), default=0)
            for order, responded in enumerate(lacking, last + 1):
                self._create(STATUSES, CampaignId=id_, Label=LEFT[responded], HasResponded=responded, SortOrder=order)
        except CallRejected as refusal:
            return _refused(need, refusal)
        return ProvisionStep(need, "created")

    def _create(self, object: str, **values: Any) -> str:
        return str(self._api.write("POST", f"sobjects/{object}", values, {}, repeatable=False)["id"])


def _of(change: Change) -> Membership:
    return Membership.parse(str(change.record_id))


def _who(row: Row) -> tuple[str, str]:
    return ("Contact", to_18(str(row["ContactId"]))) if row.get("ContactId") else ("Lead", to_18(str(row["LeadId"])))


def _wanted(change: Change, row: Row | None, statuses: Statuses) -> Change | Receipt:
    """What to write to which member, or the receipt of what is so already."""
    is_wanted, one = bool(change.values()[MEMBER]), _of(change)
    is_there = row is not None and row.get("Status") not in LEFT.values()
    if is_wanted == is_there:
        return Receipt(change.key, "unchanged", change.record_id)
    if row is None:
        values = {"CampaignId": one.list_id, f"{one.object}Id": one.record_id}
        return replace(change, object=MEMBERS, operation="create", fields=_diffs(values), record_id=None)
    has_responded = bool(row.get("HasResponded"))
    status = statuses.back(has_responded=has_responded) if is_wanted else LEFT[has_responded]
    if statuses.responded and status not in statuses.responded and not is_wanted:
        return Receipt(change.key, "rejected", change.record_id, code=NO_STATUS, message=status, details={"class": "data"})
    return replace(change, object=MEMBERS, fields=_diffs({"Status": status}), record_id=to_18(str(row["Id"])))


def _diffs(values: Mapping[str, Any]) -> tuple[FieldDiff, ...]:
    return tuple(FieldDiff(name, None, None, value) for name, value in values.items())


def _told(receipt: Receipt, membership: str) -> Receipt:
    """A member's receipt as that of the membership. Somebody else was faster: they are a member, and theirs."""
    outcome = "unchanged" if receipt.code == "DUPLICATE_VALUE" else receipt.outcome
    return replace(receipt, outcome=outcome, record_id=membership)


def _unsent(change: Change, error: CrmsyncError) -> Receipt:
    return Receipt(change.key, "retry", change.record_id, code=code_of(error))


def _refused(need: Need, refusal: CallRejected) -> ProvisionStep:
    return ProvisionStep(need, "refused", said(refusal), asks=(_ask(need),))


def _ask(need: Need) -> Notice:
    return Notice("connect.ask_list", {"list": need.field})
