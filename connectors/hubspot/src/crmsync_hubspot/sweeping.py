"""What a sweep makes of records that are stored and no longer listed: in the bin, merged into another, or gone for good.

A listing alone is no proof: each such record is looked for by its id before it is called gone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from crmsync.model.records import RawRecord
from crmsync_hubspot.objects import ObjectFacts
from crmsync_hubspot.portal import Portal
from crmsync_hubspot.records import archived_record


def missing_ids(known: Sequence[int], listed: Sequence[int], last_id: int, *, is_last: bool) -> list[str]:
    """The stored ids (rising) that this part of the listing should have shown and did not. `last_id` is where the part before
    ended; after the last part there is nothing. HubSpot lists by rising id, which no page of it promises: a part that is in
    another order says nothing of what is missing. Pure."""
    if list(listed) != sorted(listed) or (listed and listed[0] <= last_id):
        return []
    end = None if is_last else listed[-1] if listed else last_id
    upto = len(known) if end is None else bisect_right(known, end)
    there = set(listed)
    return [str(id_) for id_ in known[bisect_right(known, last_id) : upto] if id_ not in there]


def gone_records(portal: Portal, facts: ObjectFacts, ids: Sequence[str]) -> tuple[RawRecord, ...]:
    """What became of these records, for those that are not there after all."""
    if not ids:
        return ()
    live = portal.batch_read(facts.name, ids, (facts.modified,))
    left = [id_ for id_ in ids if id_ not in live]
    binned = portal.batch_read(facts.name, left, (facts.modified,), archived=True)
    lost = [id_ for id_ in left if id_ not in binned]
    return (*(archived_record(facts.name, row) for row in binned.values()), *_lost(portal, facts, lost))


def _lost(portal: Portal, facts: ObjectFacts, ids: Sequence[str]) -> Iterator[RawRecord]:
    """Records that are in no list and in no bin. A single read follows merges; after a gdpr-delete there is nothing."""
    for id_ in ids:
        row = portal.get(facts.name, id_, ()) if facts.merges else None
        current = str(row["id"]) if row else None
        if current != id_:
            yield RawRecord(facts.name, id_, {}, None, is_deleted=True, replaced_by=current)
