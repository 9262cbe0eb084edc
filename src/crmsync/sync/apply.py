"""apply → record: send the plan's changes, which the outbox holds, and record what became of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

import structlog
from sqlalchemy import Connection as Database

from crmsync.ahead import runs_of, some_ahead
from crmsync.connect.contract import PushBatch
from crmsync.errors import CrmsyncError
from crmsync.model.changes import Change, Receipt
from crmsync.model.memberships import MEMBER, MEMBERSHIPS, Membership
from crmsync.model.records import RecordRef
from crmsync.planning.memberships import after
from crmsync.planning.plan import is_promised
from crmsync.store.own_writes import Written
from crmsync.sync.collector import collector_at_rest
from crmsync.sync.pull import Failure
from crmsync.sync.workspace import Connection, Progress, Workspace

_log = structlog.get_logger("crmsync.sync.apply")

# One transaction of receipts: small enough that a crash repeats little, large enough that commits do not rule.
_RECORD_EVERY = 1_000
# So many of them may wait to be recorded: now and then the database takes a while, and the CRM need not stand idle for that. What
# waits when we are killed is read again, as is all that was on its way.
_RUNS_AHEAD = 2
# The record holds what we wanted.
_HELD = frozenset({"written", "unchanged"})

Settled = Sequence[tuple[str, Change]]
"""Changes whose values their records hold now, each with the id of its record."""


@dataclass(frozen=True, slots=True)
class Applied:
    """How the changes ended, by outcome, and which connections stopped."""

    outcomes: dict[str, int] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()

    @property
    def written(self) -> int:
        return self.outcomes.get("written", 0)


def apply(
    workspace: Workspace, run_id: str, changes: Iterable[Change], now: datetime, progress: Progress, skip: frozenset[str]
) -> Applied:
    """Send these changes, which the outbox holds for this run, in their order and connection by connection; `skip` names those
    that already stopped."""
    failures: list[Failure] = []
    numbers = workspace.store.outbox.numbers(run_id)
    for name, mine in groupby(changes, key=lambda c: c.connection):
        if name in skip:
            continue
        sender = _Sender(workspace, workspace.connection(name), numbers, now, progress)
        try:
            for batch in _batches(mine):
                sender.connection.client.check_reserve("promised" if is_promised(batch.changes[0]) else "writing")
                sender.send(batch)
        except CrmsyncError as error:
            failures.append(Failure.of(name, error))
            _log.warning("connection_stopped", connection=name, code=error.code)
    return Applied(workspace.store.outbox.outcomes(run_id), tuple(failures))


def _batches(changes: Iterable[Change]) -> Iterator[PushBatch]:
    """One object and one operation each, what is promised apart; how many go into one call is the connector's affair."""
    for (_, _, object_), mine in groupby(changes, key=lambda c: (is_promised(c), c.operation, c.object)):
        yield PushBatch(object_, tuple(mine))


@dataclass(frozen=True, slots=True)
class _Sender:
    """One connection's changes of one run, on their way; `numbers` are those of the outbox, by the changes' keys."""

    workspace: Workspace
    connection: Connection
    numbers: Mapping[str, int]
    now: datetime
    progress: Progress

    def send(self, batch: PushBatch) -> None:
        """Send a batch; the next calls travel while answers to the last ones are recorded. What the CRM has answered is recorded
        even where the connection stops in the middle of it."""
        changes = {change.key: change for change in batch.changes}
        creating = [str(change.key_value) for change in batch.changes if change.operation == "create"]
        with collector_at_rest() as sweep:
            self.workspace.store.outbox.mark_sending([self.numbers[key] for key in changes], self.now, creating)
            self.progress.started("apply", self.connection.name, batch.object, len(changes))
            receipts = self.connection.connector.push(batch)
            for answered in some_ahead(runs_of(receipts, _RECORD_EVERY), _RUNS_AHEAD):
                self._record(batch.object, [(changes[receipt.key], receipt) for receipt in answered])
                sweep()
        self.progress.finished("apply", self.connection.name, batch.object)

    def _record(self, object_: str, answered: Sequence[tuple[Change, Receipt]]) -> None:
        """Confirm receipts and remember what the CRM now holds, in one transaction."""
        if object_ == MEMBERSHIPS:
            self._record_memberships(answered)
            return
        store, name, now = self.workspace.store, self.connection.name, self.now
        held = [(_record_id(change, receipt), change, receipt) for change, receipt in answered if receipt.outcome in _HELD]
        written = {id_: Written(change.values(), receipt.modified_at) for id_, change, receipt in held}
        settled = [(id_, change) for id_, change, _ in held]
        with store.transaction() as db:
            store.outbox.confirm(db, self.numbers, answered, now)
            store.guards.note_written(db, name, object_, written)
            store.bases.save(db, self._seen_values(object_, answered) | self._shared_values(object_, settled), now)
            self._remember_tasks(db, object_, settled)
            refused = [
                str(change.key_value) for change, receipt in answered if change.operation == "create" and _is_refused(receipt)
            ]
            store.placed_tasks.note_refused(db, refused)
            store.staging.stage_own_writes(db, name, object_, written, now)
        self.progress.advanced("apply", name, object_, len(answered))

    def _record_memberships(self, answered: Sequence[tuple[Change, Receipt]]) -> None:
        """Confirm, and remember who is on the lists now and what that is to us."""
        store, now = self.workspace.store, self.now
        told = [(self._ref(MEMBERSHIPS, _record_id(*one)), after(*one)) for one in answered]
        known = [(_record_id(*one), one[0]) for one in answered if one[1].outcome in _HELD]
        with store.transaction() as db:
            store.outbox.confirm(db, self.numbers, answered, now)
            store.memberships.note(db, {ref: standing[0] for ref, standing in told if standing is not None}, now)
            shown = (Membership.parse(id_).shown(is_member=bool(change.values()[MEMBER])) for id_, change in known)
            store.staging.stage_own(db, self.connection.name, shown, now)
        self.progress.advanced("apply", self.connection.name, MEMBERSHIPS, len(answered))

    def _shared_values(self, object_: str, settled: Settled) -> dict[tuple[RecordRef, str], object]:
        """What we wrote to fields that people write too: the base of the next comparison. What an undo put back is somebody else's
        value: it differs from the base as if they had just set it, and the decision hears of it."""
        shared = self._shared(object_)
        if not shared:
            return {}
        return {
            (self._ref(object_, id_), diff.field): diff.desired
            for id_, change in settled
            for diff in change.fields
            if diff.field in shared and not change.undoes
        }

    def _seen_values(self, object_: str, answered: Sequence[tuple[Change, Receipt]]) -> dict[tuple[RecordRef, str], object]:
        """What we had read of such fields where the record has moved since: what stands there now and is not that, somebody set.
        Before our first write there is no other base."""
        moved = [change for change, receipt in answered if receipt.outcome == "conflict" and change.ref is not None]
        shared = self._shared(object_) if moved else set()
        return {
            (self._ref(object_, str(change.record_id)), diff.field): diff.current
            for change in moved
            for diff in change.fields
            if diff.field in shared and not change.undoes
        }

    def _shared(self, object_: str) -> set[str]:
        policies = self.connection.mappings[object_].policies()
        return {name for name, policy in policies.items() if policy == "newest_wins"}

    def _remember_tasks(self, db: Database, object_: str, settled: Settled) -> None:
        """Where each task stands now, and with which values."""
        ours = {change.key_value: (id_, change) for id_, change in settled if change.key_value is not None}
        tasks = self.workspace.store.placed_tasks
        placed = tasks.of(ours)
        for clock_id, (id_, change) in ours.items():
            body = {**placed[clock_id]["body"], **change.values()}
            tasks.place(db, clock_id, self._ref(object_, id_), placed[clock_id]["person_ref"], body, self.now)

    def _ref(self, object_: str, id_: str) -> RecordRef:
        return RecordRef(self.connection.name, object_, id_)


def _is_refused(receipt: Receipt) -> bool:
    return receipt.outcome in ("rejected", "retry", "conflict")


def _record_id(change: Change, receipt: Receipt) -> str:
    return receipt.record_id or change.record_id or ""
