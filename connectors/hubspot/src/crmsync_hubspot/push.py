"""Writing: what can be sent, in runs of one operation and no record twice; one receipt for every change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from crmsync.connect.contract import PushBatch
from crmsync.model.changes import Change, Operation, Receipt
from crmsync_hubspot.catalogue import Catalogue
from crmsync_hubspot.checking import Checker
from crmsync_hubspot.faults import Fault
from crmsync_hubspot.portal import Portal
from crmsync_hubspot.receipts import refused
from crmsync_hubspot.update import Updater, Wanted
from crmsync_hubspot.upsert import Upserter

# How many changes are compared and written before the next begin. 10,000 updates take half a minute; 2,000 creates share one
# call for their associations.
LONGEST_RUN: Mapping[Operation, int] = {"update": 10_000, "upsert": 2_000, "create": 2_000}


class Pusher:
    """The write side of one portal."""

    def __init__(self, portal: Portal, catalogue: Catalogue) -> None:
        self._portal = portal
        self._catalogue = catalogue
        self._upserter = Upserter(portal, catalogue)

    def push(self, batch: PushBatch) -> Iterator[Receipt]:
        """See `Connector.push`. A record that is named twice goes out in two runs: HubSpot refuses a batch for that."""
        refusals: list[Receipt] = []
        checker = Checker(self._catalogue, batch.object)
        for operation, run in runs(batch.changes):
            wanted = _writable(checker, run, refusals)
            match operation:
                case "update":
                    yield from Updater(self._portal, self._catalogue, batch.object).update(wanted)
                case "upsert":
                    yield from self._upserter.upsert(batch.object, [change for change, _ in wanted])
                case "create":
                    yield from self._upserter.create(batch.object, [change for change, _ in wanted])
        yield from refusals


def _writable(checker: Checker, changes: Iterable[Change], refusals: list[Receipt]) -> Iterator[Wanted]:
    """The changes that can be sent as they are; those that cannot are added to the refusals. Each is looked at when its turn
    comes: the first are on their way meanwhile."""
    for change in changes:
        texts = checker.texts(change)
        if isinstance(texts, Fault):
            refusals.append(refused(change, texts))
        else:
            yield change, texts


def runs(changes: Iterable[Change]) -> Iterator[tuple[Operation, Iterator[Change]]]:
    """The changes in runs of one operation and no record twice, in their order; each is compared and written before the next
    begins, so none is so long that what was compared first grows old. A run is to be read to its end before the next."""
    return ((operation, run) for (_, operation), run in groupby(changes, _Runs().place))


@dataclass(slots=True)
class _Runs:
    """How far the changes have been cut: the number of the run and its operation."""

    run: tuple[int, Operation] = (0, "update")
    seen: set[str | None] = field(default_factory=set)

    def place(self, change: Change) -> tuple[int, Operation]:
        """The run that the next change belongs to."""
        name = change.record_id if change.operation == "update" else change.key_value
        number, operation = self.run
        if name in self.seen or len(self.seen) == LONGEST_RUN[operation] or change.operation != operation:
            self.run, self.seen = (number + 1, change.operation), set()
        self.seen.add(name)
        return self.run
