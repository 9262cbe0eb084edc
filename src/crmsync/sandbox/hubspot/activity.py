"""What visitors leave behind: forms with their submissions, page views, and the lists that people are put on."""

from __future__ import annotations

import uuid
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from crmsync.sandbox.hubspot.errors import PortalError, not_found
from crmsync.sandbox.hubspot.types import ObjectType

_SPACE = uuid.UUID("6d3f2e0a-2f0c-5c4e-9a55-0d6a3a2f7b10")
UNREADABLE_FORMS = frozenset({"blog_comment"})
"""Kinds of form whose submissions the vendor does not hand out."""


def derived_id(*parts: object) -> str:
    """A UUID that depends on `parts` alone."""
    return str(uuid.uuid5(_SPACE, "/".join(map(str, parts))))


@dataclass(frozen=True, slots=True)
class Submission:
    """One filled-in form; `at_ms` is milliseconds since 1970."""

    id: str
    at_ms: int
    page_url: str
    values: tuple[tuple[str, str], ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "conversionId": self.id,
            "submittedAt": self.at_ms,
            "values": [{"name": name, "value": value, "objectTypeId": "0-1"} for name, value in self.values],
            "pageUrl": self.page_url,
        }


@dataclass(slots=True)
class Form:
    """One form and what came in through it, oldest first."""

    guid: str
    name: str
    kind: str
    created_at: str
    submissions: list[Submission] = field(default_factory=list)
    senders: set[str] = field(default_factory=set)

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.guid,
            "name": self.name,
            "formType": self.kind,
            "createdAt": self.created_at,
            "updatedAt": self.created_at,
            "archived": False,
            "fieldGroups": [],
            "configuration": {"language": "ja"},
        }

    def page(self, after: int, limit: int) -> tuple[list[Submission], bool]:
        """Up to `limit` submissions, newest first, skipping `after` of them. Raises PortalError 400 for an unreadable kind."""
        if self.kind in UNREADABLE_FORMS:
            raise PortalError(
                400, "VALIDATION_ERROR", f"Form type {self.kind} is not allowed", sub_category="FORM_TYPE_NOT_ALLOWED"
            )
        end = len(self.submissions) - after
        return self.submissions[max(0, end - limit) : max(0, end)][::-1], end > limit


@dataclass(frozen=True, slots=True)
class Event:
    """One event occurrence of a contact."""

    id: str
    type: str
    at: str
    properties: Mapping[str, str]


class Events:
    """Event occurrences by contact, oldest first."""

    def __init__(self) -> None:
        self._of: dict[int, list[Event]] = {}

    def add(self, contact: int, kind: str, at: str, properties: Mapping[str, str]) -> None:
        events = self._of.setdefault(contact, [])
        events.append(Event(derived_id("event", contact, kind, at, len(events)), kind, at, properties))

    def looks(self, after: str, before: str) -> Iterator[tuple[int, str]]:
        """(contact, when) of every page view between two times."""
        for contact in self._of:
            for event in self.between(contact, after, before):
                if event.type == "e_visited_page":
                    yield contact, event.at

    def move(self, contacts: Iterable[int], to: int) -> None:
        """Give the events of merged contacts to the result."""
        moved = [event for contact in contacts for event in self._of.pop(contact, [])]
        self._of[to] = sorted([*self._of.get(to, []), *moved], key=lambda event: event.at)

    def between(self, contact: int, after: str, before: str) -> list[Event]:
        """Events with after <= time <= before, oldest first; blank bounds are open."""
        events = self._of.get(contact, [])
        start = bisect_left(events, after, key=lambda event: event.at)
        return [event for event in events[start:] if not before or event.at <= before]


@dataclass(slots=True)
class RecordList:
    """One list of records; only manual and snapshot lists take members by hand."""

    id: int
    name: str
    kind: ObjectType
    processing: str
    created_at: str
    updated_at: str
    members: dict[int, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "listId": str(self.id),
            "listVersion": 1,
            "name": self.name,
            "objectTypeId": self.kind.type_id,
            "processingType": self.processing,
            "processingStatus": "COMPLETE",
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
            "filtersUpdatedAt": self.created_at,
            "additionalProperties": {"hs_list_size": str(len(self.members))},
        }

    def change(self, add: Iterable[int], remove: Iterable[int], now: str) -> tuple[list[int], list[int]]:
        """Put records on the list and take others off; gives what really changed.

        Raises PortalError 400 for a list that is kept by its filters.
        """
        if self.processing == "DYNAMIC":
            raise PortalError(400, "VALIDATION_ERROR", f"List {self.id} is dynamic: its members follow from its filters")
        added = [number for number in dict.fromkeys(add) if number not in self.members]
        removed = [number for number in dict.fromkeys(remove) if number in self.members]
        self.members.update(dict.fromkeys(added, now))
        for number in removed:
            del self.members[number]
        if added or removed:
            self.updated_at = now
        return added, removed


@dataclass(slots=True)
class Campaign:
    """One marketing campaign with what was spent on it, item by item: (name, amount, when)."""

    guid: str
    properties: dict[str, str]
    created_at: str
    updated_at: str
    spent: list[tuple[str, float, str]] = field(default_factory=list)

    def as_json(self, wanted: Iterable[str]) -> dict[str, Any]:
        """With those of the properties that are asked for and hold something."""
        held = self.properties | ({"hs_spend_items_sum_amount": _amount(self.total)} if self.spent else {})
        return {
            "id": self.guid,
            "properties": {name: held[name] for name in wanted if held.get(name)},
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
            "businessUnits": [],
        }

    @property
    def total(self) -> float:
        return sum(amount for _, amount, _ in self.spent)


def _amount(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


@dataclass(frozen=True, slots=True)
class Crowd:
    """Visitors of one day whom nobody knows, and the pages that they looked at."""

    visitors: int
    views: int


class Activity:
    """Forms, events, lists and campaigns of the portal."""

    def __init__(self) -> None:
        self.forms: dict[str, Form] = {}
        self.events = Events()
        self.lists: dict[int, RecordList] = {}
        self.campaigns: dict[str, Campaign] = {}
        self.crowds: dict[tuple[str, str], Crowd] = {}

    def campaign(self, guid: str) -> Campaign:
        """Raises PortalError 404."""
        if guid not in self.campaigns:
            raise not_found(f"Campaign {guid} does not exist")
        return self.campaigns[guid]

    def form(self, guid: str) -> Form:
        """Raises PortalError 404."""
        if guid not in self.forms:
            raise not_found(f"Form {guid} does not exist")
        return self.forms[guid]

    def list(self, number: str) -> RecordList:
        """Raises PortalError 404."""
        found = self.lists.get(int(number)) if number.isdecimal() else None
        if found is None:
            raise not_found(f"List {number} does not exist")
        return found
