"""Creating and changing records: accept each value, apply the org's rules, store, and leave the traces a real org leaves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from crmsync.sandbox.salesforce import editions, effects, rules
from crmsync.sandbox.salesforce.acting import Acting
from crmsync.sandbox.salesforce.config import Row
from crmsync.sandbox.salesforce.errors import OrgError, no_such_column
from crmsync.sandbox.salesforce.schema import Field, SObject
from crmsync.sandbox.salesforce.storing import change, store
from crmsync.sandbox.salesforce.values import accept

if TYPE_CHECKING:
    from crmsync.sandbox.salesforce.org import Org


def insert(org: Org, sobject: SObject, fields: Mapping[str, Any], acting: Acting) -> str:
    """Create a record; gives its id. Raises OrgError."""
    if not sobject.createable:
        raise OrgError("INVALID_TYPE_FOR_OPERATION", f"entity type {sobject.name} does not support create")
    given = _accept_all(org, sobject, fields, acting, creating=True)
    row = {**_defaults(sobject, given), **given}
    if "OwnerId" in sobject.fields:
        row.setdefault("OwnerId", acting.user_id)
    assigned = rules.assigned_owner(org, sobject, row, acting)
    if assigned is not None:
        row["OwnerId"] = assigned
    effects.derive(org, sobject, row, None)
    rules.check(org, sobject, row, None, acting)
    row["Id"] = org.next_id(sobject)
    store(org, sobject, row, acting)
    effects.leave_traces(org, sobject, row, None, acting)
    return str(row["Id"])


def update(org: Org, sobject: SObject, id: str, fields: Mapping[str, Any], acting: Acting) -> None:
    """Change a live record. Raises OrgError; `NOT_FOUND` and `ENTITY_IS_DELETED` when there is nothing to change."""
    before = org.live(sobject, id)
    if not sobject.updateable:
        raise OrgError("INVALID_TYPE_FOR_OPERATION", f"entity type {sobject.name} does not support update")
    if before.get("IsConverted") and sobject.name == "Lead":
        raise OrgError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
    given = _accept_all(org, sobject, fields, acting, creating=False)
    editions.check_person_contact(sobject, before, given, acting)
    row = {**before, **given}
    assigned = rules.assigned_owner(org, sobject, row, acting)
    if assigned is not None:
        row["OwnerId"] = assigned
    effects.derive(org, sobject, row, before)
    rules.check(org, sobject, row, before, acting)
    change(org, sobject, row, acting)
    editions.mirror_person(org, sobject, row, acting)
    effects.leave_traces(org, sobject, row, before, acting)


def _accept_all(org: Org, sobject: SObject, fields: Mapping[str, Any], acting: Acting, *, creating: bool) -> Row:
    """Every given field in its stored form; a parent named by an external id becomes its id."""
    shape = org.readable(sobject.name) if acting.through_api else sobject
    if not (shape.createable if creating else shape.updateable):
        raise OrgError("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", status=403)
    given: Row = {}
    refused: list[str] = []
    for name, value in fields.items():
        if name == "attributes":
            continue
        field = shape.find(name) or (shape.by_relationship(name) if isinstance(value, Mapping) else None)
        if field is None:
            raise no_such_column(name, sobject.name)
        if field.name == "Id":
            raise OrgError("INVALID_FIELD", f"cannot specify Id in an {'insert' if creating else 'update'} call", ("Id",))
        if not (field.createable if creating else field.updateable):
            refused += [field.name] if value is not None or not creating else []
        else:
            given[field.name] = rules.parent_id(org, field, value) if isinstance(value, Mapping) else accept(field, value)
    if refused:
        raise _not_writable(refused)
    return {name: value for name, value in given.items() if not creating or value is not None}


def _not_writable(names: Iterable[str]) -> OrgError:
    listed = ", ".join(names)
    message = (
        f"Unable to create/update fields: {listed}. Please check the security settings of this field and verify that it is "
        "read/write for your profile or permission set."
    )
    return OrgError("INVALID_FIELD_FOR_INSERT_UPDATE", message, tuple(names))


def _defaults(sobject: SObject, given: Row) -> Row:
    """What a new record has where nothing was said."""
    return {name: field.default for name, field in _with_default(sobject) if given.get(name) is None}


def _with_default(sobject: SObject) -> list[tuple[str, Field]]:
    return [(name, field) for name, field in sobject.fields.items() if field.default is not None]
