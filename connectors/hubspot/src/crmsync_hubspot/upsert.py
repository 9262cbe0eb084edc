"""Creating by our own key, so that a create that arrives twice makes one record. HubSpot has no idempotency header.

    key property       way
    unique             read by key; then batch/upsert by it: HubSpot itself makes repetition harmless
    not unique (or no  search by key; then one create each, never repeated: a lost answer is "unknown", and waits for the index
    upsert there)
    not there          refused: nothing would tell the second create from the first

A record that stands under the key already is never written over here (a rep may have closed the task since): it is the
answer to the first attempt where it holds what we want, a conflict where it does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from crmsync.connect.calls import AnswerLost
from crmsync.errors import RetryLater
from crmsync.model.changes import Change, Receipt
from crmsync_hubspot.catalogue import Catalogue
from crmsync_hubspot.faults import Fault, fault_of
from crmsync_hubspot.linking import link
from crmsync_hubspot.objects import ASSOCIATION_TYPES, OBJECTS
from crmsync_hubspot.portal import BATCH, Portal, chunks
from crmsync_hubspot.receipts import Input, Row, failed, own, refused
from crmsync_hubspot.sending import send
from crmsync_hubspot.values import same, texts_of
from crmsync_hubspot.windows import SEARCH_LIMIT

# The search index shows a new record after "a few moments", seconds as measured; after a lost create we wait a minute.
INDEX_WAIT = timedelta(seconds=60)
# Keys of up to 255 characters, ten of them stay below the 3,000 characters of a search.
KEYS_PER_SEARCH = 10
# Nothing was done: HubSpot has no upsert for this object.
_NO_SUCH_CALL = frozenset({404, 405})


class Upserter:
    """Upserts of one portal. `_lost` remembers creates of unknown outcome for the life of the connector."""

    def __init__(self, portal: Portal, catalogue: Catalogue) -> None:
        self._portal = portal
        self._catalogue = catalogue
        self._non_unique: set[tuple[str, str]] = set()
        self._lost: dict[str, datetime] = {}

    def upsert(self, object: str, changes: Sequence[Change]) -> Iterator[Receipt]:
        """Receipts for changes that create one record each, all by one key property."""
        for key_field in dict.fromkeys(str(change.key_field) for change in changes):
            yield from self._by_key(object, key_field, [one for one in changes if one.key_field == key_field])
        yield from (own(one, "rejected", "KEY_MISSING") for one in changes if not one.key_field or not one.key_value)

    def create(self, object: str, changes: Sequence[Change]) -> Iterator[Receipt]:
        """Plain creates, each sent once: the key stands in a text, and whoever asks makes sure that none is there already."""
        for change in changes:
            yield self._create(object, change, self._texts(object, change))

    def _by_key(self, object: str, key_field: str, asked: Sequence[Change]) -> Iterator[Receipt]:
        changes = [one for one in asked if one.key_value]
        info = self._catalogue.schema(object).fields.get(key_field) or self._catalogue.refresh(object).fields.get(key_field)
        if info is None:
            yield from (own(one, "rejected", "KEY_FIELD_MISSING", None, properties=[key_field]) for one in changes)
            return
        is_unique = info.unique and (object, key_field) not in self._non_unique
        found: dict[str, Row] = {}
        for part in chunks(changes, BATCH):
            try:
                found |= self._read(object, key_field, part) if is_unique else self._search(object, key_field, part)
            except RetryLater as error:
                yield from (failed(change, error, "retry") for change in part)
                changes = [one for one in changes if one not in part]
        there = [(one, self._found(object, one, found[str(one.key_value)])) for one in changes if str(one.key_value) in found]
        yield from link(self._portal, object, [pair for pair in there if pair[1].outcome == "unchanged"])
        yield from (receipt for _, receipt in there if receipt.outcome != "unchanged")
        fresh = [one for one in changes if str(one.key_value) not in found]
        yield from self._send(object, fresh) if is_unique else self._create_each(object, fresh)

    def _names(self, object: str, key_field: str, changes: Sequence[Change]) -> list[str]:
        return sorted({diff.field for one in changes for diff in one.fields} | {key_field, OBJECTS[object].modified})

    def _read(self, object: str, key_field: str, changes: Sequence[Change]) -> dict[str, Row]:
        values = [str(one.key_value) for one in changes]
        return dict(self._portal.batch_read(object, values, self._names(object, key_field, changes), id_property=key_field))

    def _search(self, object: str, key_field: str, changes: Sequence[Change]) -> dict[str, Row]:
        """By key in the index. IN wants lower case and compares so: what it finds is compared again."""
        values = [str(one.key_value) for one in changes]
        found: dict[str, Row] = {}
        for part in chunks(values, KEYS_PER_SEARCH):
            keys = {"propertyName": key_field, "operator": "IN", "values": [value.lower() for value in part]}
            body = {
                "filterGroups": [{"filters": [keys]}],
                "sorts": ["hs_object_id"],
                "properties": self._names(object, key_field, changes),
                "limit": SEARCH_LIMIT,
                "after": "0",
            }
            for row in reversed(self._portal.search(object, body).get("results") or ()):
                found[str((row.get("properties") or {}).get(key_field))] = row
        return {value: found[value] for value in values if value in found}

    def _found(self, object: str, change: Change, row: Row) -> Receipt:
        self._lost.pop(change.key, None)
        fields = self._catalogue.schema(object).fields
        held = row.get("properties") or {}
        differs = [d.field for d in change.fields if not same(held.get(d.field), d.desired, fields[d.field].type)]
        return own(change, "conflict", "exists_already", row, properties=differs) if differs else own(change, "unchanged", "", row)

    def _send(self, object: str, changes: Sequence[Change]) -> Iterator[Receipt]:
        """By batch/upsert. All rows that are answered are linked, new or not: the answer to the first try may have been lost."""
        inputs = [Input.of(one, str(one.key_value), self._texts(object, one), one.key_field) for one in changes]
        results = send(self._portal, object, "upsert", inputs)
        done: list[tuple[Change, Receipt]] = []
        again: list[Change] = []
        for one in inputs:
            result = results[one.trace]
            if not isinstance(result, Fault):
                done.append((one.change, own(one.change, "written", "", result, new=result.get("new"))))
            elif result.is_non_unique_key or result.status in _NO_SUCH_CALL:
                self._non_unique.add((object, str(one.change.key_field)))
                again.append(one.change)
            elif result.status == 409:
                # Somebody was faster: the record that has our key by now is the answer to the next attempt.
                yield replace(refused(one.change, result), outcome="retry")
            else:
                yield refused(one.change, result)
        yield from link(self._portal, object, done)
        if again:
            yield from self._by_key(object, str(again[0].key_field), again)

    def _create_each(self, object: str, changes: Sequence[Change]) -> Iterator[Receipt]:
        for change in changes:
            lost_at = self._lost.get(change.key)
            if lost_at is not None and self._portal.now() - lost_at < INDEX_WAIT:
                yield own(change, "unknown", "WAITING_FOR_INDEX")
            else:
                properties = {**self._texts(object, change), str(change.key_field): str(change.key_value)}
                yield self._create(object, change, properties)

    def _create(self, object: str, change: Change, properties: Mapping[str, str]) -> Receipt:
        """One create with its associations. A lost answer is remembered, and nothing is sent again."""
        body = {
            "properties": dict(properties),
            "associations": [self._association(object, a.object, a.id) for a in change.associations],
        }
        try:
            answer = self._portal.create(object, body)
        except AnswerLost as error:
            self._lost[change.key] = self._portal.client.server_time()
            return failed(change, error, "unknown")
        except RetryLater as error:
            return failed(change, error, "retry")
        if answer.status >= 300:
            return refused(change, fault_of(answer.status, answer.body, answer.text))
        if not (isinstance(answer.body, Mapping) and answer.body.get("id")):  # a yes that names no record is none
            self._lost[change.key] = self._portal.client.server_time()
            return own(change, "unknown", "UNANSWERED")
        self._lost.pop(change.key, None)
        return own(change, "written", "", answer.body, new=True)

    def _association(self, object: str, target: str, id_: str) -> dict[str, Any]:
        kind = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": ASSOCIATION_TYPES[object, target]}
        return {"to": {"id": id_}, "types": [kind]}

    def _texts(self, object: str, change: Change) -> dict[str, str]:
        """The values of a new record: what is empty is left out."""
        fields = self._catalogue.schema(object).fields
        return {name: text for name, text in texts_of(change, fields).items() if text}
