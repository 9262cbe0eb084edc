"""The rules that refuse a write: required, unique, references, owners, duplicates, and what the admins added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crmsync.sandbox.salesforce import access
from crmsync.sandbox.salesforce.acting import Acting
from crmsync.sandbox.salesforce.config import Row
from crmsync.sandbox.salesforce.errors import OrgError
from crmsync.sandbox.salesforce.schema import Field, SObject
from crmsync.sandbox.salesforce.tables import fold

if TYPE_CHECKING:
    from crmsync.sandbox.salesforce.org import Org

_ACTIVITIES = ("Task", "Event")


def check(org: Org, sobject: SObject, row: Row, before: Row | None, acting: Acting) -> None:
    """Refuse the row (its newest version, `before` it None on create) by the first rule that it breaks."""
    _check_required(sobject, row)
    changed = [field for field in sobject.fields.values() if row.get(field.name) != (before or {}).get(field.name)]
    for field in changed:
        if field.type == "reference" and row.get(field.name) is not None and (field.createable or field.updateable):
            _check_reference(org, sobject, field, row[field.name])
        if field.unique and row.get(field.name) is not None:
            _check_unique(org, sobject, field, row)
    if any(field.name == "OwnerId" for field in changed):
        _check_owner(org, sobject, row)
    _check_object(org, sobject, row, before)
    access.check(org, sobject, row, acting)
    _check_duplicates(org, sobject, row, before, acting)
    _check_validation(org, sobject, row, before)


def assigned_owner(org: Org, sobject: SObject, row: Row, acting: Acting) -> str | None:
    """The owner that the assignment rule gives, when it runs at all."""
    if org.config.assignment_rule is None or not acting.auto_assign or sobject.name != "Lead":
        return None
    return org.config.assignment_rule(sobject.name, row)


def parent_id(org: Org, field: Field, named: Mapping[str, Any]) -> str:
    """The id of a parent named by an external id: `{"Campaign": {"Key__c": "x"}}`."""
    keys = {name: value for name, value in named.items() if name != "attributes"}
    if len(keys) == 1:
        (name, value), found = next(iter(keys.items())), list[str]()
        for parent in (org.tables[target] for target in field.refers_to if target in org.tables):
            if parent.is_indexed(name):
                found += [i for i in parent.lookup(name, str(value)) or () if not parent.rows[i].get("IsDeleted")]
        if len(found) == 1:
            return found[0]
    message = f"Foreign key external ID: {next(iter(keys.values()), '')} not found for field {next(iter(keys), '')} in entity"
    raise OrgError("INVALID_FIELD", f"{message} {field.refers_to[0]}", (field.name,))


def _check_required(sobject: SObject, row: Row) -> None:
    writable = [field for field in sobject.fields.values() if field.createable and field.type != "boolean"]
    missing = [field.name for field in writable if not field.nillable and row.get(field.name) is None and field.name != "OwnerId"]
    missing = [name for name in missing if not (name == "Probability" or name == "ForecastCategoryName")]
    if missing:
        raise OrgError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", tuple(missing))


def _check_reference(org: Org, sobject: SObject, field: Field, id: str) -> None:
    target = org.object_of(id)
    if target is None or target not in field.refers_to:
        label = "Assigned To ID" if sobject.name in _ACTIVITIES and field.name == "OwnerId" else field.label
        raise OrgError("FIELD_INTEGRITY_EXCEPTION", f"{label}: id value of incorrect type: {id}", (field.name,))
    row = org.tables[target].rows.get(id)
    if row is None:
        raise OrgError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", (field.name,))
    if row.get("IsDeleted"):
        raise OrgError("ENTITY_IS_DELETED", "entity is deleted", (field.name,))
    if target == "Lead" and row.get("IsConverted"):
        raise OrgError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", (field.name,))


def _check_unique(org: Org, sobject: SObject, field: Field, row: Row) -> None:
    """An activity's key is one field of Task and Event together."""
    for name in _ACTIVITIES if sobject.name in _ACTIVITIES else (sobject.name,):
        table = org.tables[name]
        for other in table.lookup(field.name, row[field.name]) or ():
            if other != row.get("Id") and not table.rows[other].get("IsDeleted"):
                message = f"duplicate value found: {field.name} duplicates value on record with id: {other}"
                raise OrgError("DUPLICATE_VALUE", message)


def _check_owner(org: Org, sobject: SObject, row: Row) -> None:
    owner = org.row_of(row.get("OwnerId"))
    if owner is None or sobject.name in ("Group", "User"):
        return
    if owner["Id"].startswith("00G"):
        _check_queue(org, sobject, owner["Id"])
    elif not owner.get("IsActive"):
        message = f"operation performed with inactive user [{owner['Id']}] as owner of {sobject.name.lower()}"
        raise OrgError("INACTIVE_OWNER_OR_USER", message, ("OwnerId",))


def _check_queue(org: Org, sobject: SObject, queue_id: str) -> None:
    links = org.tables["QueueSobject"]
    served = {links.rows[link].get("SobjectType") for link in links.lookup("QueueId", queue_id) or ()}
    if sobject.name in served:
        return
    if sobject.name in _ACTIVITIES:
        message = f"Assigned To ID: id value of incorrect type: {queue_id}"
        raise OrgError("FIELD_INTEGRITY_EXCEPTION", message, ("OwnerId",))
    raise OrgError("INVALID_OPERATION", "Queue not associated with this SObject type", ("OwnerId",))


def _check_object(org: Org, sobject: SObject, row: Row, before: Row | None) -> None:
    if sobject.name in _ACTIVITIES and row.get("WhatId") and str(row.get("WhoId", "")).startswith("00Q"):
        message = "if lead is specified for who, what must be unspecified"
        raise OrgError("FIELD_INTEGRITY_EXCEPTION", message, ("WhatId",))
    if sobject.name == "CampaignMember" and before is None:
        _check_member(org, row)


def _check_member(org: Org, row: Row) -> None:
    if not row.get("LeadId") and not row.get("ContactId"):
        raise OrgError("REQUIRED_FIELD_MISSING", "Required fields are missing: [LeadId, ContactId]", ("LeadId", "ContactId"))
    table = org.tables["CampaignMember"]
    for column in ("LeadId", "ContactId"):
        for other in table.lookup(column, row.get(column) or "") or ():
            if table.rows[other].get("CampaignId") == row["CampaignId"] and not table.rows[other].get("IsDeleted"):
                name = column.removesuffix("Id").lower()
                raise OrgError("DUPLICATE_VALUE", f"This {name} is already a member of the campaign.", (column,))


def _check_duplicates(org: Org, sobject: SObject, row: Row, before: Row | None, acting: Acting) -> None:
    """The duplicate rule on equal e-mail: `alert` lets people and allowSave=true pass, `block` nobody."""
    rule, email = org.config.duplicate_rule, row.get("Email")
    if rule == "off" or email is None or sobject.name not in ("Lead", "Contact") or email == (before or {}).get("Email"):
        return
    if rule == "alert" and (acting.allow_duplicates or not acting.through_api):
        return
    matches = [other for name in ("Lead", "Contact") for other in _same_email(org, name, email) if other != row.get("Id")]
    if matches:
        raise _duplicates(org, sobject, matches, alert=rule == "alert")


def _same_email(org: Org, object: str, email: str) -> list[str]:
    table = org.tables[object]
    return [other for other in table.lookup("Email", email) or () if not table.rows[other].get("IsDeleted")]


def _duplicates(org: Org, sobject: SObject, matches: list[str], *, alert: bool) -> OrgError:
    message = "Use one of these records?" if alert else "You're creating a duplicate record."
    records = [
        {
            "additionalInformation": [],
            "fieldDiffs": [],
            "matchConfidence": 100.0,
            "record": {"attributes": {"type": org.object_of(other)}, "Id": other},
        }
        for other in matches
    ]
    found = {
        "entityType": sobject.name,
        "errors": [],
        "matchEngine": "ExactMatchEngine",
        "matchRecords": records,
        "rule": "Same_Email",
        "size": len(records),
        "success": True,
    }
    result = {
        "allowSave": alert,
        "duplicateRule": "Same_Email",
        "duplicateRuleEntityType": sobject.name,
        "errorMessage": message,
        "matchResults": [found],
    }
    key = "duplicateResut" if org.config.misspells_duplicate_result else "duplicateResult"
    return OrgError("DUPLICATES_DETECTED", message, extra={key: result})


def _check_validation(org: Org, sobject: SObject, row: Row, before: Row | None) -> None:
    for rule in org.config.validation_rules:
        if rule.object == sobject.name and rule.broken(row, before):
            raise OrgError("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message, () if rule.field is None else (rule.field,))


def same_key(field: Field, one: str, other: str) -> bool:
    """Whether two external-id values name the same record."""
    return fold(field, one) == fold(field, other)
