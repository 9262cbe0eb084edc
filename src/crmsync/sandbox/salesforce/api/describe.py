"""Describe: an object's shape in the vendor's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crmsync.sandbox.salesforce.schema import Field, SObject

_SOAP = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "address": "urn:address",
}
_PLURALS = {"Opportunity": "Opportunities", "OpportunityHistory": "Opportunity Histories", "LeadStatus": "Lead Status Values"}
_SYSTEM_FIELDS = frozenset(
    ("Id", "IsDeleted", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp", "Name")
)

# What describe says of every field that this org has.
_OF_EVERY_FIELD: Mapping[str, Any] = {
    "aiPredictionField": False,
    "autoNumber": False,
    "calculatedFormula": None,
    "cascadeDelete": False,
    "controllerName": None,
    "defaultValueFormula": None,
    "dependentPicklist": False,
    "deprecatedAndHidden": False,
    "displayLocationInDecimal": False,
    "encrypted": False,
    "filteredLookupInfo": None,
    "formulaTreatNullNumberAsZero": False,
    "highScaleNumber": False,
    "htmlFormatted": False,
    "inlineHelpText": None,
    "mask": None,
    "maskType": None,
    "queryByDistance": False,
    "referenceTargetField": None,
    "relationshipOrder": None,
    "restrictedDelete": False,
    "writeRequiresMasterRead": False,
}


def describe(sobject: SObject, base: str) -> dict[str, Any]:
    """The whole description; `base` is `/services/data/v66.0`."""
    return {
        **summary(sobject, base),
        "actionOverrides": [],
        "childRelationships": [],
        "compactLayoutable": True,
        "fields": [describe_field(field) for field in sobject.fields.values()],
        "listviewable": None,
        "lookupLayoutable": None,
        "namedLayoutInfos": [],
        "networkScopeFieldName": None,
        "recordTypeInfos": [
            {
                "active": True,
                "available": True,
                "defaultRecordTypeMapping": True,
                "developerName": "Master",
                "master": True,
                "name": "Master",
                "recordTypeId": "012000000000000AAA",
                "urls": {"layout": f"{base}/sobjects/{sobject.name}/describe/layouts/012000000000000AAA"},
            }
        ],
        "searchLayoutable": True,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": [{"label": f"All {_plural(sobject.name).lower()}", "name": "everything"}],
    }


def summary(sobject: SObject, base: str) -> dict[str, Any]:
    """What the global list says of one object."""
    url = f"{base}/sobjects/{sobject.name}"
    return {
        "activateable": False,
        "associateEntityType": None,
        "associateParentEntity": None,
        "createable": sobject.createable,
        "custom": False,
        "customSetting": False,
        "deepCloneable": False,
        "deletable": sobject.deletable,
        "deprecatedAndHidden": False,
        "feedEnabled": sobject.mergeable,
        "hasSubtypes": False,
        "isInterface": False,
        "isSubtype": False,
        "keyPrefix": sobject.prefix,
        "label": sobject.name,
        "labelPlural": _plural(sobject.name),
        "layoutable": sobject.createable,
        "mergeable": sobject.mergeable,
        "mruEnabled": sobject.createable,
        "name": sobject.name,
        "queryable": True,
        "replicateable": "SystemModstamp" in sobject.fields,
        "retrieveable": True,
        "searchable": sobject.createable,
        "triggerable": sobject.createable,
        "undeletable": sobject.undeletable,
        "updateable": sobject.updateable,
        "urls": {"describe": f"{url}/describe", "rowTemplate": f"{url}/{{ID}}", "sobject": url},
    }


def _plural(name: str) -> str:
    return _PLURALS.get(name, f"{name}s")


def describe_field(field: Field) -> dict[str, Any]:
    """One field, with every key that describe has had since API 59."""
    is_numeric = field.precision > 0
    return {
        **_OF_EVERY_FIELD,
        "aggregatable": field.filterable,
        "byteLength": field.length * (1 if field.type in ("id", "reference") else 3),
        "calculated": field.calculated,
        "caseSensitive": field.case_sensitive,
        "compoundFieldName": field.compound,
        "createable": field.createable,
        "custom": field.custom,
        "defaultValue": False if field.type == "boolean" else None,
        "defaultedOnCreate": field.defaulted,
        "digits": 8 if field.type == "int" else 0,
        "externalId": field.external_id,
        "extraTypeInfo": "personname" if field.name == "Name" and field.length == 121 else None,
        "filterable": field.filterable,
        "groupable": field.filterable and not is_numeric and field.type not in ("datetime", "address"),
        "idLookup": field.id_lookup,
        "label": field.label,
        "length": field.length,
        "name": field.name,
        "nameField": field.name in ("Name", "Subject"),
        "namePointing": field.polymorphic,
        "nillable": field.nillable,
        "permissionable": field.name not in _SYSTEM_FIELDS and not field.required,
        "picklistValues": [_picklist_value(field, value) for value in field.values],
        "polymorphicForeignKey": field.polymorphic,
        "precision": field.precision,
        "referenceTo": list(field.refers_to),
        "relationshipName": field.relationship,
        "restrictedPicklist": field.restricted,
        "scale": field.scale,
        "searchPrefilterable": field.type == "reference",
        "soapType": _SOAP.get(field.type, "xsd:string"),
        "sortable": field.sortable,
        "type": field.type,
        "unique": field.unique,
        "updateable": field.updateable,
    }


def _picklist_value(field: Field, value: str) -> dict[str, Any]:
    return {"active": True, "defaultValue": value == field.default, "label": value, "validFor": None, "value": value}
