"""Who may see which field. A field that is made over the API is hidden from everyone, its maker too, until a permission set grants
it; and what an integration may set up is its user's permissions' affair."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crmsync.sandbox.salesforce.acting import Acting
from crmsync.sandbox.salesforce.config import ASSIGNMENTS, CUSTOMIZE, PERMISSION_SETS, Row
from crmsync.sandbox.salesforce.errors import OrgError
from crmsync.sandbox.salesforce.schema import AUDIT, SObject, read_fields

if TYPE_CHECKING:
    from crmsync.sandbox.salesforce.org import Org

_PERMISSION_SET = f"""
Id id defaulted
Name string(80) create update
Label string(80) create update
Description string(255) rw
IsOwnedByProfile boolean defaulted
{AUDIT}
"""
_FIELD_PERMISSIONS = """
Id id defaulted
ParentId reference create -> PermissionSet as Parent
SobjectType picklist(40) create
Field picklist(255) create
PermissionsRead boolean create update
PermissionsEdit boolean create update
SystemModstamp datetime defaulted
"""
_ASSIGNMENT = """
Id id defaulted
PermissionSetId reference create -> PermissionSet as PermissionSet
AssigneeId reference create -> User as Assignee
SystemModstamp datetime defaulted
"""
_CUSTOM_FIELD = """
Id id defaulted
DeveloperName string(80)
TableEnumOrId string(40)
NamespacePrefix string(15) nillable
FullName string(255) nillable
Metadata complexvalue nillable
CreatedDate datetime defaulted
SystemModstamp datetime defaulted
"""

ACCESS: tuple[SObject, ...] = (
    SObject("PermissionSet", "0PS", read_fields(_PERMISSION_SET), undeletable=False),
    SObject("FieldPermissions", "01k", read_fields(_FIELD_PERMISSIONS), undeletable=False),
    SObject("PermissionSetAssignment", "0Pa", read_fields(_ASSIGNMENT), updateable=False, undeletable=False),
    SObject("CustomField", "00N", read_fields(_CUSTOM_FIELD), createable=False, updateable=False, deletable=False),
)
TOOLING_ONLY = frozenset({"CustomField"})
"""Objects that only the Tooling API knows."""

_RIGHT_FOR = {
    "PermissionSet": PERMISSION_SETS,
    "FieldPermissions": PERMISSION_SETS,
    "PermissionSetAssignment": ASSIGNMENTS,
    "Group": CUSTOMIZE,
    "QueueSobject": CUSTOMIZE,
}
_ONE_OF_A_KIND = {
    "PermissionSet": ("Name",),
    "FieldPermissions": ("ParentId", "SobjectType", "Field"),
    "PermissionSetAssignment": ("PermissionSetId", "AssigneeId"),
    "QueueSobject": ("QueueId", "SobjectType"),
}
GRANTING = frozenset({"PermissionSet", "FieldPermissions", "PermissionSetAssignment"})


def demand(org: Org, right: str, acting: Acting) -> None:
    """Raises OrgError where the integration user acts without this permission."""
    if acting.through_api and acting.user_id == org.integration_id and right not in org.config.integration_rights:
        raise OrgError("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", status=403)


def check(org: Org, sobject: SObject, row: Row, acting: Acting) -> None:
    """Refuse what only an administrator may set up, what is there already, and grants of what there is not. Raises OrgError."""
    if sobject.name in _RIGHT_FOR:
        demand(org, _RIGHT_FOR[sobject.name], acting)
    for other in _twins(org, sobject, row):
        code = "DUPLICATE_DEVELOPER_NAME" if sobject.name == "PermissionSet" else "DUPLICATE_VALUE"
        raise OrgError(code, f"duplicate value found: <unknown> duplicates value on record with id: {other}")
    if sobject.name == "FieldPermissions":
        _check_grant(org, row)


def _twins(org: Org, sobject: SObject, row: Row) -> Iterator[str]:
    key = _ONE_OF_A_KIND.get(sobject.name)
    if key is not None:
        rows = org.tables[sobject.name].rows.values()
        yield from (other["Id"] for other in rows if other["Id"] != row.get("Id") and all(other.get(k) == row.get(k) for k in key))


def _check_grant(org: Org, row: Row) -> None:
    object_, _, name = str(row.get("Field")).partition(".")
    sobject = org.objects.get(object_)
    field = sobject.fields.get(name) if sobject is not None and row.get("SobjectType") == object_ else None
    if field is None:
        message = f"Field Name: bad value for restricted picklist field: {row.get('Field')}"
        raise OrgError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, ("Field",))
    if row.get("PermissionsEdit") and not row.get("PermissionsRead"):
        raise OrgError("FIELD_INTEGRITY_EXCEPTION", "Field permission Edit depends on: Read", ("PermissionsEdit",))


def settle(org: Org) -> None:
    """Work out anew what the integration user's permission sets grant, after one of them changed."""
    sets = {row["PermissionSetId"] for row in org.rows("PermissionSetAssignment") if row["AssigneeId"] == org.integration_id}
    grants: dict[tuple[str, str], bool] = {}
    for row in org.rows("FieldPermissions"):
        if row["ParentId"] in sets and row.get("PermissionsRead"):
            object_, _, name = row["Field"].partition(".")
            grants[(object_, name)] = grants.get((object_, name), False) or bool(row.get("PermissionsEdit"))
    org.grants = grants
    org.schema_changed_at = org.clock.now()
