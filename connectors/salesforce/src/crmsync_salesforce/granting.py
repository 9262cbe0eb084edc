"""Letting our own user see the fields that were made for it: a new field is hidden from everyone until field-level security says
otherwise. One permission set of ours carries the grants; profiles and other sets are not touched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crmsync.connect.calls import CallRejected, shown
from crmsync_salesforce.answers import errors_of
from crmsync_salesforce.api import Api
from crmsync_salesforce.facts import COLLECTION_SIZE, PERMISSION_SET
from crmsync_salesforce.soql import having

# A field's object and name.
FieldName = tuple[str, str]
_READ_AND_EDIT = {"PermissionsRead": True, "PermissionsEdit": True}


class Granter:
    """Grants in one org."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def grant(self, fields: Iterable[FieldName]) -> Mapping[FieldName, str]:
        """Give the signed-in user read and edit access to these fields; gives the org's words for those where it would not."""
        wanted = list(dict.fromkeys(fields))
        if not wanted:
            return {}
        try:
            set_id = self._permission_set()
            self._assign(set_id)
            return self._grant_all(set_id, wanted)
        except CallRejected as refusal:
            return dict.fromkeys(wanted, said(refusal))

    def _permission_set(self) -> str:
        found = self._rows("PermissionSet", ("Id",), Name=PERMISSION_SET)
        return str(found[0]["Id"]) if found else self._create("PermissionSet", Name=PERMISSION_SET, Label=PERMISSION_SET)

    def _assign(self, set_id: str) -> None:
        user_id = self._user_id()
        if not self._rows("PermissionSetAssignment", ("Id",), PermissionSetId=set_id, AssigneeId=user_id):
            self._create("PermissionSetAssignment", PermissionSetId=set_id, AssigneeId=user_id)

    def _user_id(self) -> str:
        """Who is signed in: the resource map tells it and needs no right of its own. One that does not is asked outright."""
        identity = str((self._api.get("") or {}).get("identity") or "")
        return identity.rpartition("/")[2] or str(self._api.get("/services/oauth2/userinfo")["user_id"])

    def _grant_all(self, set_id: str, wanted: Sequence[FieldName]) -> Mapping[FieldName, str]:
        held = {row["Field"]: row for row in self._rows("FieldPermissions", ("Id", "Field", "PermissionsEdit"), ParentId=set_id)}
        refused: dict[FieldName, str] = {}
        new = [field for field in wanted if ".".join(field) not in held]
        weak = [field for field in wanted if not held.get(".".join(field), _READ_AND_EDIT)["PermissionsEdit"]]
        for method, part in [*_parts("POST", new), *_parts("PATCH", weak)]:
            rows = [self._row(set_id, field, held.get(".".join(field))) for field in part]
            answer = self._api.write(
                method, "composite/sobjects", {"allOrNone": False, "records": rows}, {}, repeatable=method == "PATCH"
            )
            refused |= _refused(part, answer)
        return refused

    def _row(self, set_id: str, field: FieldName, held: Mapping[str, Any] | None) -> dict[str, Any]:
        object_, name = field
        own = {"id": held["Id"]} if held else {"ParentId": set_id, "SobjectType": object_, "Field": f"{object_}.{name}"}
        return {"attributes": {"type": "FieldPermissions"}, **own, **_READ_AND_EDIT}

    def _rows(self, object: str, fields: Sequence[str], **equal: str) -> list[Mapping[str, Any]]:
        return self._api.rows(having(object, fields, **equal))

    def _create(self, object: str, **values: str) -> str:
        return str(self._api.write("POST", f"sobjects/{object}", values, {}, repeatable=False)["id"])


def said(refusal: CallRejected) -> str:
    """A refusal in the org's words."""
    return shown(f"{refusal.vendor_code} {refusal.message}")


def _parts(method: str, fields: Sequence[FieldName]) -> list[tuple[str, Sequence[FieldName]]]:
    return [(method, fields[start : start + COLLECTION_SIZE]) for start in range(0, len(fields), COLLECTION_SIZE)]


def _refused(part: Sequence[FieldName], answer: Any) -> dict[FieldName, str]:
    rows = answer if isinstance(answer, list) and len(answer) == len(part) else [{}] * len(part)
    return {field: _why(row) for field, row in zip(part, rows, strict=True) if not row.get("success")}


def _why(row: Mapping[str, Any]) -> str:
    errors = errors_of(row.get("errors"))
    return shown(f"{errors[0].code} {errors[0].message}") if errors else "UNKNOWN"
