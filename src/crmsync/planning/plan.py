"""The plan: every change of a cycle in the order in which it is sent, and the digest that names exactly this list."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from crmsync.model.changes import Change, Plan, Refused, Withheld


def make_plan(changes: Iterable[Change], refused: Iterable[Refused], now: datetime, withheld: Iterable[Withheld] = ()) -> Plan:
    """Sort and sign; what is promised goes first, should the calls of the day run out. Raises ValueError for two changes of one
    record: it is diffed once, and a CRM refuses the same id twice."""
    ordered = sorted(_once_each(changes), key=_place)
    kept = sorted(set(refused), key=lambda r: (r.ref, r.field, str(r.desired)))
    left = sorted(withheld, key=lambda w: (*_place(w.change), w.why))
    return Plan(digest=digest(ordered), now=now, changes=tuple(ordered), refused=tuple(kept), withheld=tuple(left))


def is_promised(change: Change) -> bool:
    """Whether somebody waits for this change by an SLA: all that is done with its task."""
    return change.key_value is not None


def _place(change: Change) -> tuple[Any, ...]:
    record = change.record_id or change.key_value or ""
    return change.connection, not is_promised(change), change.operation, change.object, record


def digest(changes: Iterable[Change]) -> str:
    """Equal for equal lists of intended writes, whatever time it is."""
    content = [(c.connection, c.object, c.operation, c.record_id, c.key_value, sorted(c.values().items())) for c in changes]
    return hashlib.sha256(json.dumps(content, default=str, ensure_ascii=False).encode()).hexdigest()[:16]


def change_key(connection: str, object_: str, record: str, values: Mapping[str, Any]) -> str:
    """The idempotency key of a wish: the same values for the same record have the same key."""
    content = json.dumps([connection, object_, record, sorted(values.items())], default=str, ensure_ascii=False)
    return hashlib.blake2b(content.encode(), digest_size=12).hexdigest()


def _once_each(changes: Iterable[Change]) -> list[Change]:
    by_record: dict[tuple[str, str, str], Change] = {}
    for change in changes:
        identity = (change.connection, change.object, change.record_id or change.key_value or "")
        if identity in by_record:
            raise ValueError(f"two changes for {'/'.join(identity)}: a record is diffed once")
        by_record[identity] = change
    return list(by_record.values())
