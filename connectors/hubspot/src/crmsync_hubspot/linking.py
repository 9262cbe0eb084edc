"""The associations that a change carries. Linking what is linked changes nothing, so it is done whenever in doubt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from crmsync.connect.calls import CallRejected
from crmsync.errors import RetryLater
from crmsync.model.changes import Change, Receipt
from crmsync_hubspot.faults import Fault, fault_of
from crmsync_hubspot.portal import ASSOCIATION_WRITE, Portal, chunks
from crmsync_hubspot.receipts import outcome_of

Pair = tuple[str, str]


def link(portal: Portal, object: str, done: Sequence[tuple[Change, Receipt]]) -> list[Receipt]:
    """The receipts of changes that were carried out, after their associations were made. One that cannot be made turns its
    receipt, which keeps the record's id: the record is there, its link is not."""
    wanted: dict[str, list[Pair]] = defaultdict(list)
    for change, receipt in done:
        for association in change.associations:
            wanted[association.object].append((str(receipt.record_id), association.id))
    old = [str(receipt.record_id) for _, receipt in done if receipt.outcome == "unchanged"]
    faults: dict[str, Fault] = {}
    for target, pairs in wanted.items():
        missing = _missing(portal, object, target, list(dict.fromkeys(pairs)), old)
        for part in chunks(missing, ASSOCIATION_WRITE):
            faults |= {one: fault for (one, _), fault in _refusals(portal, object, target, part).items()}
    return [_receipt(receipt, faults.get(str(receipt.record_id))) for _, receipt in done]


def _missing(portal: Portal, object: str, target: str, pairs: Sequence[Pair], old: Sequence[str]) -> list[Pair]:
    """The pairs that are not linked yet, as far as it is worth asking: only records that were there before (`old`) can be. Where
    that cannot be read, all of them."""
    asked = [one for one, _ in pairs if one in old]
    try:
        held = portal.associations(object, target, asked) if asked else {}
    except (RetryLater, CallRejected):
        held = {}
    return [(one, other) for one, other in pairs if other not in held.get(one, ())]


def _receipt(receipt: Receipt, fault: Fault | None) -> Receipt:
    if fault is None:
        return receipt
    details = {**receipt.details, "vendor_code": fault.code}
    return replace(receipt, outcome=outcome_of(fault), code="ASSOCIATION_FAILED", message=fault.message, details=details)


def _refusals(portal: Portal, object: str, target: str, pairs: Sequence[Pair]) -> Mapping[Pair, Fault]:
    """The pairs that could not be linked. Errors seldom name their pair, so a refused batch is halved down to it."""
    if not pairs:
        return {}
    try:
        answer = portal.associate(object, target, pairs)
    except RetryLater as error:
        return dict.fromkeys(pairs, Fault(503, str(error.params.get("vendor_code") or error.code), ""))
    errors = _errors(answer.body)
    if answer.status < 300 and not errors:
        return {}
    if len(pairs) == 1:
        return {pairs[0]: fault_of(max(answer.status, 400), errors[0] if errors else answer.body, answer.text)}
    middle = len(pairs) // 2
    return {**_refusals(portal, object, target, pairs[:middle]), **_refusals(portal, object, target, pairs[middle:])}


def _errors(body: Any) -> list[Any]:
    return list(body.get("errors") or ()) if isinstance(body, Mapping) else []
