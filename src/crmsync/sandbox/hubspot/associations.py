"""Which record belongs with which, under which association types; both directions are kept in step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from crmsync.sandbox.hubspot.errors import invalid
from crmsync.sandbox.hubspot.types import ObjectType, pair

VENDOR, USER = "HUBSPOT_DEFINED", "USER_DEFINED"


@dataclass(frozen=True, slots=True, order=True)
class Kind:
    """One association type as seen from the near side."""

    category: str
    type_id: int


@dataclass(frozen=True, slots=True)
class Label:
    """A custom label of the portal's own."""

    type_id: int
    label: str
    back_id: int


Links = dict[int, set[Kind]]
_FIRST_LABEL = 501
_PRIMARY_LEADS = {("contacts", "companies"), ("deals", "companies"), ("leads", "contacts"), ("leads", "companies")}
"""Pairs of which the near record has one primary at most; its first associated record becomes it. The way back only mirrors."""


class Associations:
    """All associations of the portal."""

    def __init__(self) -> None:
        self._links: dict[tuple[str, str], dict[int, Links]] = {}
        self._labels: dict[tuple[str, str], list[Label]] = {}
        self._next_label = _FIRST_LABEL

    def of(self, near: ObjectType, number: int, far: ObjectType) -> Links:
        """What `number` is associated with among `far`, in the order it was made."""
        return self._links.get((near.name, far.name), {}).get(number, {})

    def partners(self, near: ObjectType, number: int) -> Iterator[tuple[str, int]]:
        """Everything that `number` is associated with, as (type name, id)."""
        for (name, far), by_id in self._links.items():
            if name == near.name:
                for other in by_id.get(number, {}):
                    yield far, other

    def kinds(self, near: ObjectType, far: ObjectType) -> dict[Kind, str | None]:
        """The association types that exist between two object types, with their labels."""
        stock = pair(near, far)
        known: dict[Kind, str | None] = {}
        if stock.primary:
            known[Kind(VENDOR, stock.primary)] = "Primary"
        known[Kind(VENDOR, stock.default)] = None
        known.update({Kind(USER, made.type_id): made.label for made in self._labels.get((near.name, far.name), [])})
        return known

    def add_label(self, near: ObjectType, far: ObjectType, label: str) -> Label:
        """Define a custom label, in both directions."""
        made = Label(self._next_label, label, self._next_label + 1)
        self._next_label += 2
        self._labels.setdefault((near.name, far.name), []).append(made)
        self._labels.setdefault((far.name, near.name), []).append(Label(made.back_id, label, made.type_id))
        return made

    def link(self, near: ObjectType, number: int, far: ObjectType, other: int, kinds: Iterable[Kind] = ()) -> None:
        """Associate two records; without kinds by the pair's default type. Raises PortalError 400 for an unknown type."""
        if (far.name, near.name) in _PRIMARY_LEADS:
            self.link(far, other, near, number, [self._back(near, far, kind) for kind in self._known(near, far, kinds)])
            return
        chosen = self._known(near, far, kinds)
        stock = pair(near, far)
        chosen.add(Kind(VENDOR, stock.default))
        primary = Kind(VENDOR, stock.primary)
        if stock.primary and (primary in chosen or not any(primary in held for held in self.of(near, number, far).values())):
            self._drop_primary(near, number, far, primary)
            chosen.add(primary)
        self._set(near, number, far, other, chosen)
        self._set(far, other, near, number, {self._back(near, far, kind) for kind in chosen})

    def _known(self, near: ObjectType, far: ObjectType, kinds: Iterable[Kind]) -> set[Kind]:
        chosen = set(kinds)
        if unknown := chosen - self.kinds(near, far).keys():
            raise invalid(f"{near.singular} to {far.singular} has no association type {min(unknown).type_id}")
        return chosen

    def _drop_primary(self, near: ObjectType, number: int, far: ObjectType, primary: Kind) -> None:
        for other, kinds in self.of(near, number, far).items():
            kinds.discard(primary)
            self.of(far, other, near).get(number, set()).discard(self._back(near, far, primary))

    def _set(self, near: ObjectType, number: int, far: ObjectType, other: int, kinds: set[Kind]) -> None:
        self._links.setdefault((near.name, far.name), {}).setdefault(number, {}).setdefault(other, set()).update(kinds)

    def _back(self, near: ObjectType, far: ObjectType, kind: Kind) -> Kind:
        forth, back = pair(near, far), pair(far, near)
        if kind.category == USER:
            return Kind(USER, next(made.back_id for made in self._labels[near.name, far.name] if made.type_id == kind.type_id))
        return Kind(VENDOR, back.primary if kind.type_id == forth.primary else back.default)

    def replace_kinds(self, near: ObjectType, number: int, far: ObjectType, other: int, kinds: Iterable[Kind]) -> None:
        """Set exactly these labels on a pair (its default type stays)."""
        self.unlink(near, number, far, other)
        self.link(near, number, far, other, kinds)

    def unlink(self, near: ObjectType, number: int, far: ObjectType, other: int) -> None:
        """Take the association between two records away, whatever its types."""
        self._links.get((near.name, far.name), {}).get(number, {}).pop(other, None)
        self._links.get((far.name, near.name), {}).get(other, {}).pop(number, None)

    def unlink_kinds(self, near: ObjectType, number: int, far: ObjectType, other: int, kinds: Iterable[Kind]) -> None:
        """Take single labels away; the association itself stays until none is left."""
        there = self.of(near, number, far).get(other, set())
        back = self.of(far, other, near).get(number, set())
        for kind in kinds:
            there.discard(kind)
            back.discard(self._back(near, far, kind))
        if not there:
            self.unlink(near, number, far, other)

    def forget(self, near: ObjectType, number: int) -> list[tuple[str, int]]:
        """Take away all associations of a record; gives what it was associated with."""
        partners = list(self.partners(near, number))
        for far, other in partners:
            self._links.get((near.name, far), {}).pop(number, None)
            self._links.get((far, near.name), {}).get(other, {}).pop(number, None)
        return partners

    def move(self, near: ObjectType, number: int, to: int) -> None:
        """Hand all associations of one record to another of its type."""
        for (name, far_name), by_id in list(self._links.items()):
            if name != near.name:
                continue
            for other, kinds in by_id.pop(number, {}).items():
                by_id.setdefault(to, {}).setdefault(other, set()).update(kinds)
                back = self._links[far_name, name][other].pop(number, set())
                self._links[far_name, name][other].setdefault(to, set()).update(back)
