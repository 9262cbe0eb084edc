"""A CRM in memory and its connector, for tests that are about everything but HTTP. It keeps the contract of
`crmsync.connect.contract` to the letter, at-least-once deliveries, stale pages and lost answers included, and does what it is told
when a test wants trouble. Its cursor is the number of the last change delivered: no clock decides what is pulled.

    crm = FakeCrm("sfa", clock.now, {"contacts": ("email", "phase")}, Capabilities(...))
    id_ = crm.insert("contacts", email="a@example.com")    # a person in front of the CRM
    crm.lose_answers = 1                                   # the next write arrives, its answer does not
    connector = FakeConnector(crm)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from crmsync.connect.contract import Capabilities, Need, Page, ProvisionStep, PullRequest, PushBatch, unread
from crmsync.errors import RetryLater, StopConnector
from crmsync.model.changes import Change, Receipt
from crmsync.model.memberships import MEMBER, MEMBERSHIPS, Membership
from crmsync.model.records import FieldInfo, ObjectSchema, RawRecord

# The CRM's clock ticks at least this much between two changes, so that every change has a stamp of its own.
TICK = timedelta(milliseconds=1)
# What a CRM that is away says, in the words of the kit's own messages.
_SILENCE = {"method": "PATCH", "path": "/records", "vendor_code": "503", "message": "no answer"}


@dataclass(slots=True)
class _Row:
    """One record: what it holds, and every version it had, oldest first."""

    record: RawRecord
    number: int
    versions: list[RawRecord] = field(default_factory=list)


@dataclass
class Trouble:
    """What is to go wrong. Counts go down as they are used up."""

    is_down: bool = False  # every call fails until somebody mends it
    stop_push_after: int | None = None  # the connection breaks after so many answers
    lose_answers: int = 0  # writes that arrive and whose answer does not
    refuse: Callable[[Change], str] = lambda _change: ""  # the CRM's message for a change that it does not take
    hidden: set[str] = field(default_factory=set)  # objects that the credentials may not read
    stale: set[tuple[str, str]] = field(default_factory=set)  # records shown once more as they were before their last change
    is_reversed: bool = False  # pages in the opposite order
    overlap: int = 0  # so many changes are delivered again in every pull
    clock_is_off: timedelta = timedelta(0)  # by so much the CRM's clock is ahead of ours, and its stamps with it
    before_write: Callable[[Change], None] = lambda _change: None  # what happens between our read and our write


class FakeCrm:
    """What a person in front of the CRM sees and does. `fields` are those of each object; `now` gives its clock."""

    def __init__(
        self, name: str, now: Callable[[], datetime], fields: Mapping[str, Sequence[str]], capabilities: Capabilities
    ) -> None:
        self.name = name
        self.capabilities = capabilities
        self.fields: dict[str, dict[str, FieldInfo]] = {
            object_: {name: FieldInfo(name, "string") for name in names} for object_, names in fields.items()
        }
        self.trouble = Trouble()
        self.writes: list[Change] = []  # every change that arrived, also where its answer was lost
        self.pulls: list[str] = []  # the objects pulled, in order
        self.lists: dict[str, set[tuple[str, str]]] = {}  # list → (object, id) of whoever is on it
        self.read_lists: list[str] = []  # lists whose members were read, in order
        self._now = now
        self._rows: dict[str, dict[str, _Row]] = {object_: {} for object_ in fields}
        self._number = 0
        self._stamp: datetime | None = None

    # ----------------------------------------------------------------------------------------------- people at work

    def insert(self, object_: str, **values: Any) -> str:
        """A new record; returns its id."""
        id_ = f"{object_[0]}{len(self._rows[object_]) + 1:04d}"
        self._rows[object_][id_] = _Row(RawRecord(object_, id_, {}, None), 0)
        self.edit(object_, id_, **values)
        return id_

    def edit(self, object_: str, id_: str, **values: Any) -> None:
        """Change fields of a record."""
        record = self._rows[object_][id_].record
        self._put(replace(record, fields={**record.fields, **values}))

    def delete(self, object_: str, id_: str, *, into: str | None = None) -> None:
        """Delete a record, or merge it into another."""
        self._put(replace(self._rows[object_][id_].record, is_deleted=True, replaced_by=into))

    def restore(self, object_: str, id_: str) -> None:
        """Take a record out of the bin."""
        self._put(replace(self._rows[object_][id_].record, is_deleted=False, replaced_by=None))

    def get(self, object_: str, id_: str) -> dict[str, Any] | None:
        """The fields of a live record."""
        row = self._rows[object_].get(id_)
        return None if row is None or row.record.is_deleted else dict(row.record.fields)

    def live(self, object_: str) -> dict[str, dict[str, Any]]:
        """id → fields of every live record."""
        return {id_: dict(row.record.fields) for id_, row in self._rows[object_].items() if not row.record.is_deleted}

    def stamp_of(self, object_: str, id_: str) -> datetime | None:
        """When the record was last changed."""
        return self._rows[object_][id_].record.modified_at

    def lose_field(self, object_: str, name: str) -> None:
        """An admin deletes a field, or hides it from us."""
        del self.fields[object_][name]

    # ----------------------------------------------------------------------------------------------- what it keeps

    def _put(self, record: RawRecord) -> None:
        row = self._rows[record.object][record.id]
        row.versions.append(row.record)
        self._number += 1
        row.number = self._number
        row.record = replace(record, modified_at=self._next_stamp())

    def _next_stamp(self) -> datetime:
        now = self._now() + self.trouble.clock_is_off
        self._stamp = now if self._stamp is None else max(now, self._stamp + TICK)
        return self._stamp

    def _changes(self, object_: str, after: int) -> list[_Row]:
        return sorted((row for row in self._rows[object_].values() if row.number > after), key=lambda row: row.number)

    def _by_key(self, object_: str, name: str, value: Any) -> str | None:
        return next((id_ for id_, fields in self.live(object_).items() if fields.get(name) == value), None)


class FakeConnector:
    """The four verbs over a `FakeCrm`."""

    def __init__(self, crm: FakeCrm, page_size: int = 50) -> None:
        self.crm = crm
        self.capabilities = crm.capabilities
        self._page_size = page_size

    def describe(self, objects: Sequence[str]) -> Mapping[str, ObjectSchema]:
        self._check()
        return {name: self._schema(name) for name in objects}

    def pull(self, request: PullRequest) -> Iterator[Page]:
        self._check()
        self.crm.pulls.append(request.object)
        trouble = self.crm.trouble
        after = max(0, int((request.cursor or {}).get("number", 0)) - trouble.overlap)
        if request.object in trouble.hidden:
            yield Page((), dict(request.cursor or {}), notices=(unread(request.object, "hidden"),))
            return
        through = after
        rows = self.crm._changes(request.object, after)  # noqa: SLF001 - one thing in two halves
        stale = [row for row in rows if (request.object, row.record.id) in trouble.stale and row.versions[1:]]
        trouble.stale -= {(request.object, row.record.id) for row in stale}
        # A cursor must not pass what was not shown yet: it stops before the first record that was shown as it had been.
        limit = min((row.number - 1 for row in stale), default=None)
        for start in range(0, max(len(rows), 1), self._page_size):
            part = rows[start : start + self._page_size]
            shown = [row.versions[-1] if row in stale else row.record for row in part]
            through = max([through, *(row.number for row in part)])
            cursor = through if limit is None else min(through, limit)
            yield Page(
                tuple(self._shown(r, request.fields) for r in (shown[::-1] if trouble.is_reversed else shown)), {"number": cursor}
            )

    def members(self, list_id: str) -> Iterator[Sequence[tuple[str, str]]]:
        """See `connect.contract.Enrolling`."""
        self._check()
        self.crm.read_lists.append(list_id)
        yield sorted(self.crm.lists.get(list_id, ()))

    def push(self, batch: PushBatch) -> Iterator[Receipt]:
        for change in batch.changes:
            self._check()
            trouble = self.crm.trouble
            if trouble.stop_push_after is not None:
                if trouble.stop_push_after == 0:
                    raise RetryLater("connect.retry", after_seconds=1, connection=self.crm.name, **_SILENCE)
                trouble.stop_push_after -= 1
            trouble.before_write(change)
            yield self._answered(change)

    def read(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, RawRecord]:
        self._check()
        live = self.crm.live(object)
        return {
            id_: self._shown(RawRecord(object, id_, live[id_], self.crm.stamp_of(object, id_)), fields)
            for id_ in ids
            if id_ in live
        }

    def provision(self, needs: Sequence[Need], *, apply: bool) -> tuple[ProvisionStep, ...]:
        return tuple(self._provisioned(need, apply=apply) for need in needs)

    def _schema(self, object_: str) -> ObjectSchema:
        if object_ in self.crm.trouble.hidden:
            return ObjectSchema(object_, readable=False, why_not="hidden")
        return ObjectSchema(object_, dict(self.crm.fields[object_]))

    def _check(self) -> None:
        if self.crm.trouble.is_down:
            raise StopConnector("connect.stop", connection=self.crm.name, **_SILENCE)

    def _shown(self, record: RawRecord, fields: Sequence[str]) -> RawRecord:
        """A record as this connection may see it: the fields asked for, as far as the CRM has them."""
        if record.is_deleted:
            return replace(record, fields={})
        visible = self.crm.fields[record.object]
        return replace(record, fields={name: record.fields.get(name) for name in fields if name in visible})

    def _enrolled(self, change: Change) -> Receipt:
        """Put a record on a list, or take it off."""
        message = self.crm.trouble.refuse(change)
        if message:
            return Receipt(change.key, "rejected", change.record_id, code="REFUSED", message=message)
        self.crm.writes.append(change)
        one = Membership.parse(str(change.record_id))
        there, member = self.crm.lists.setdefault(one.list_id, set()), (one.object, one.record_id)
        is_same = (member in there) == change.values()[MEMBER]
        (there.add if change.values()[MEMBER] else there.discard)(member)
        if self.crm.trouble.lose_answers > 0:
            self.crm.trouble.lose_answers -= 1
            return Receipt(change.key, "unknown", change.record_id, code="no_answer")
        return Receipt(change.key, "unchanged" if is_same else "written", change.record_id)

    def _answered(self, change: Change) -> Receipt:
        if change.object == MEMBERSHIPS:
            return self._enrolled(change)
        refusal = self._refusal(change)
        if refusal is not None:
            return refusal
        self.crm.writes.append(change)
        id_ = change.record_id or self.crm._by_key(change.object, str(change.key_field), change.key_value)  # noqa: SLF001
        before = self.crm.get(change.object, id_) if id_ else None
        is_same = before is not None and all(before.get(name) == value for name, value in change.values().items())
        if not is_same:
            id_ = self._write(change, id_)
        if self.crm.trouble.lose_answers > 0:
            self.crm.trouble.lose_answers -= 1
            return Receipt(change.key, "unknown", change.record_id, code="no_answer")
        return Receipt(change.key, "unchanged" if is_same else "written", id_, self.crm.stamp_of(change.object, str(id_)))

    def _write(self, change: Change, id_: str | None) -> str:
        if id_ is not None:
            self.crm.edit(change.object, id_, **change.values())
            return id_
        links = {f"associations.{link.object}": [link.id] for link in change.associations}
        return self.crm.insert(change.object, **{str(change.key_field): change.key_value, **change.values(), **links})

    def _refusal(self, change: Change) -> Receipt | None:
        """Why the CRM does not take a change: it is told not to, a field is not there, the record is gone or has moved."""
        message = self.crm.trouble.refuse(change)
        known = self.crm.fields[change.object]
        missing = sorted(set(change.values()) - set(known))
        if message or missing:
            code = "REFUSED" if message else "NO_SUCH_FIELD"
            return Receipt(change.key, "rejected", change.record_id, code=code, message=message or ", ".join(missing))
        if change.record_id is None:
            return None
        if self.crm.get(change.object, change.record_id) is None:
            return Receipt(change.key, "rejected", change.record_id, code="NOT_FOUND")
        stamp, expected = self.crm.stamp_of(change.object, change.record_id), change.expected_modified_at
        if expected is not None and stamp is not None and stamp > expected:
            return Receipt(change.key, "conflict", change.record_id, stamp, "moved")
        return None

    def _provisioned(self, need: Need, *, apply: bool) -> ProvisionStep:
        if need.type == "list":
            return self._listed(need, apply=apply)
        fields = self.crm.fields[need.object]
        if need.field in fields:
            return ProvisionStep(need, "present")
        if apply:
            fields[need.field] = FieldInfo(need.field, need.type, need.label, unique=need.is_unique)
        return ProvisionStep(need, "created" if apply else "missing")

    def _listed(self, need: Need, *, apply: bool) -> ProvisionStep:
        held = {row.get("name") for row in self.crm.live(need.object).values()}
        if need.field in held:
            return ProvisionStep(need, "present")
        if apply:
            self.crm.insert(need.object, name=need.field)
        return ProvisionStep(need, "created" if apply else "missing")
