"""Who is on which list of a CRM. A membership is a record like any other: its id says which list and whom, its one field whether
they are on it. So it is planned, sent, confirmed, undone and looked at as every other change is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from crmsync.model.records import RawRecord, RecordRef

MEMBERSHIPS = "memberships"
"""What memberships go by as an object, in every CRM."""
MEMBER = "member"
"""Their one field: true or false."""

Standing = Literal["joining", "joined", "leaving", "left", "removed"]
"""What we did about a membership: we are about to put somebody on the list, did, are about to take them off, did; or a person took
off whom we had put on. None: nothing, so whoever is on the list was put there by somebody else."""


@dataclass(frozen=True, slots=True, order=True)
class Membership:
    """One person's record on one list. `object` and `record_id` name the person's record, `list_id` the list."""

    list_id: str
    object: str
    record_id: str

    @property
    def id(self) -> str:
        return f"{self.list_id}/{self.object}/{self.record_id}"

    @property
    def member(self) -> str:
        """The person's record within its connection."""
        return f"{self.object}/{self.record_id}"

    def ref(self, connection: str) -> RecordRef:
        """The membership itself as a record."""
        return RecordRef(connection, MEMBERSHIPS, self.id)

    def person_ref(self, connection: str) -> RecordRef:
        """The record of the person."""
        return RecordRef(connection, self.object, self.record_id)

    def shown(self, *, is_member: bool) -> RawRecord:
        """As it is stored: a membership that is over is a deleted record."""
        return RawRecord(MEMBERSHIPS, self.id, {MEMBER: is_member}, None, is_deleted=not is_member)

    @classmethod
    def parse(cls, text: str) -> Membership:
        """Read what `id` wrote. Raises ValueError when it is not three parts."""
        list_id, object_, record_id = text.split("/", 2)
        return cls(list_id, object_, record_id)
