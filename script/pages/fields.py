"""The README's table of custom fields, from the shipped mappings."""

from __future__ import annotations

from collections.abc import Iterable

from crmsync.bootstrap import shipped
from crmsync.config.mappings import load_mappings
from crmsync.mapping import CustomField
from pages.markdown import code
from pages.markdown import table as markdown_table

CRMS = ("salesforce", "hubspot")
TYPES = {
    "text": "text",
    "long_text": "long text",
    "number": "number",
    "choice": "list",
    "datetime": "date and time",
    "date": "date",
}


def table_rows() -> dict[str, dict[str, list[CustomField]]]:
    """Name without the Salesforce suffix → CRM → the fields of that name."""
    found: dict[str, dict[str, list[CustomField]]] = {}
    for crm in CRMS:
        for mapping in load_mappings([shipped(crm)], crm).values():
            for wanted in mapping.custom_fields:
                found.setdefault(wanted.field.removesuffix("__c"), {}).setdefault(crm, []).append(wanted)
    return found


def written() -> set[str]:
    """Fields that crmsync writes; the others are filled by people."""
    mappings = [m for crm in CRMS for m in load_mappings([shipped(crm)], crm).values()]
    return {write.field.removesuffix("__c") for mapping in mappings for write in mapping.writes}


def table() -> str:
    ours = written()
    rows = [
        [code(name), _type(by_crm), _objects(by_crm.get("salesforce", ())), _objects(by_crm.get("hubspot", ())), _who(name, ours)]
        for name, by_crm in sorted(table_rows().items(), key=lambda item: (item[0] in ours, item[0]))
    ]
    return markdown_table(["field", "type", "Salesforce (with `__c`)", "HubSpot", "filled by"], rows)


def _who(name: str, ours: set[str]) -> str:
    return "crmsync" if name in ours else "people"


def _type(by_crm: dict[str, list[CustomField]]) -> str:
    first = next(iter(by_crm.values()))[0]
    unique = ", unique, external id" if first.is_unique else ""
    options = f": {', '.join(first.options)}" if first.options else ""
    return TYPES[first.type] + unique + options


def _objects(wanted: Iterable[CustomField]) -> str:
    return ", ".join(dict.fromkeys(each.object for each in wanted)) or "—"
