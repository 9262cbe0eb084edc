"""What a path in a query means: which field, and how to read it from a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crmsync.sandbox.salesforce.config import Row
from crmsync.sandbox.salesforce.errors import OrgError
from crmsync.sandbox.salesforce.schema import Field, SObject
from crmsync.sandbox.salesforce.soql.syntax import Word, pointed
from crmsync.sandbox.salesforce.standard import NAME_FIELDS
from crmsync.sandbox.salesforce.times import stamp

if TYPE_CHECKING:
    from crmsync.sandbox.salesforce.org import Org

_DEEPEST = 5
Reader = Callable[[Row], Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One parent on the way: its reference field, the name it is asked by, whether it is the bare `Name` of many objects."""

    field: Field
    relationship: str
    bare: bool


@dataclass(frozen=True, slots=True)
class Column:
    """A resolved path: the parents on the way, the field at its end, the reading of it from the first row and from the last."""

    steps: tuple[Step, ...]
    field: Field
    read: Reader
    last: Reader


def resolve(org: Org, sobject: SObject, word: Word, text: str, alias: str | None = None) -> Column:
    """Find the field that a path names, as the integration user may see it. Raises OrgError `INVALID_FIELD`."""
    path = word.path
    if len(path) > 1 and path[0].lower() in (sobject.name.lower(), (alias or "").lower()):
        path = path[1:]
    if len(path) > _DEEPEST + 1:
        raise _no_column(sobject.name, word, text)
    steps: list[Step] = []
    here: SObject | None = sobject
    for name in path[:-1]:
        reference = None if here is None else here.by_relationship(name)
        if reference is None or reference.relationship is None:
            sentence = (
                f"Didn't understand relationship '{name}' in field path. If you are attempting to use a custom relationship, "
            )
            raise OrgError("INVALID_FIELD", pointed(text, word.place, f"{sentence}be sure to append the '__r' after it."))
        steps.append(Step(reference, reference.relationship, reference.polymorphic))
        here = None if reference.polymorphic else org.readable(reference.refers_to[0])
    field = _name_field(path[-1]) if here is None else here.find(path[-1])
    if field is None:
        raise _no_column("Name" if here is None else here.name, Word((path[-1],), word.place), text)
    last = own_reader(org, here, field)
    return Column(tuple(steps), field, _reader(org, tuple(steps), last), last)


def _name_field(name: str) -> Field | None:
    return next((field for key, field in NAME_FIELDS.items() if key.lower() == name.lower()), None)


def _no_column(entity: str, word: Word, text: str) -> OrgError:
    sentence = (
        f"No such column '{word}' on entity '{entity}'. If you are attempting to use a custom field, be sure to append the "
        "'__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names."
    )
    return OrgError("INVALID_FIELD", pointed(text, word.place, sentence))


def _reader(org: Org, steps: tuple[Step, ...], last: Reader) -> Reader:
    if not steps:
        return last
    keys = [step.field.name for step in steps]

    def read(row: Row) -> Any:
        here: Row | None = row
        for key in keys:
            here = org.row_of(here.get(key)) if here is not None else None
        return None if here is None else last(here)

    return read


def own_reader(org: Org, owner: SObject | None, field: Field) -> Reader:
    """How a field is read from its own row; `owner` is None for the bare `Name` object."""
    name = field.name
    if owner is None and name == "Type":
        return lambda row: type_of(org, row)
    if name == "IsArchived" and owner is not None:
        oldest = stamp(org.clock.now() - org.config.archive_after)
        return lambda row: is_archived(row, oldest)
    formula = org.formulas.get((owner.name, name)) if owner is not None else None
    if formula is not None:
        now = org.clock.now()
        return lambda row: formula(row, now)
    if field.type == "boolean":
        return lambda row: row.get(name, False)
    if field.type == "address":
        return lambda row: _address(row, name.removesuffix("Address"))
    return lambda row: row.get(name)


def _address(row: Row, prefix: str) -> Row | None:
    """A compound address of its parts; null when all of them are."""
    parts = {part[0].lower() + part[1:]: row.get(prefix + part) for part in ("City", "Country", "PostalCode", "State", "Street")}
    if all(value is None for value in parts.values()):
        return None
    return {**parts, "geocodeAccuracy": None, "latitude": None, "longitude": None}


def type_of(org: Org, row: Row) -> str | None:
    """What a polymorphic parent is: an object's name, and `Queue` for a group of that type."""
    name = org.object_of(row["Id"])
    return "Queue" if name == "Group" and row.get("Type") == "Queue" else name


def is_archived(row: Row, oldest: str) -> bool:
    """Closed tasks and ended events leave the ordinary queries about a year later."""
    ended = row.get("EndDateTime") or row.get("ActivityDateTime") or row.get("CompletedDateTime")
    return ended is not None and ended < oldest
