"""Sending a batch until every row has its answer: refused batches are narrowed down, tired ones halved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from crmsync.errors import RetryLater
from crmsync_hubspot.faults import TOO_MUCH_WORK, Fault
from crmsync_hubspot.portal import BATCH, Portal, chunks
from crmsync_hubspot.receipts import Input, Row, halves, match


def send(portal: Portal, object: str, verb: Literal["update", "upsert"], inputs: Sequence[Input]) -> dict[str, Row | Fault]:
    """Trace id → HubSpot's row, or why there is none, for every input. Every resend is of rows that were not written, or whose
    repetition gives the same."""
    settled: dict[str, Row | Fault] = {}
    waiting: list[Sequence[Input]] = list(chunks(inputs, BATCH))[::-1]
    while waiting:
        part = waiting.pop()
        try:
            matched = match(portal.write(object, verb, [one.body() for one in part]), part)
        except RetryLater as error:
            status = int(error.params.get("status") or 503)
            if status in TOO_MUCH_WORK and len(part) > 1:
                waiting.extend(halves(part))
                continue
            fault = Fault(
                max(status, 500), str(error.params.get("vendor_code") or error.code), str(error.params.get("message") or "")
            )
            settled.update({one.trace: fault for one in part})
            continue
        settled.update(matched.settled)
        waiting.extend(matched.again)
    return settled
