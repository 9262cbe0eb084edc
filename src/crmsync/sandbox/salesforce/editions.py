"""What some orgs have and others have not: formulas and further fields, person accounts, several currencies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from crmsync.sandbox.salesforce.acting import Acting
from crmsync.sandbox.salesforce.config import OrgConfig, Row
from crmsync.sandbox.salesforce.errors import OrgError
from crmsync.sandbox.salesforce.provisioned import provision
from crmsync.sandbox.salesforce.schema import Field, SObject, read_fields
from crmsync.sandbox.salesforce.standard import STANDARD
from crmsync.sandbox.salesforce.storing import change, store

if TYPE_CHECKING:
    from crmsync.sandbox.salesforce.org import Org

_CURRENCY = "CurrencyIsoCode picklist(3) create update restricted = *JPY|USD|EUR"
_PRICED = ("Lead", "Account", "Contact", "Opportunity", "Campaign", "User")
_PERSON_ACCOUNT = """
IsPersonAccount boolean defaulted
PersonContactId reference nillable -> Contact as PersonContact
FirstName string(40) rw @ Name
LastName string(80) rw @ Name
PersonEmail email(80) rw lookup
PersonMobilePhone phone(40) rw
PersonTitle string(80) rw
PersonLeadSource string(80) rw
PersonHasOptedOutOfEmail boolean create update defaulted
"""
_SAME_NAME = ("FirstName", "LastName", "Phone", "OwnerId")


def objects_of(config: OrgConfig) -> list[SObject]:
    """Every object of an org of this configuration."""
    found = {sobject.name: provision(sobject) if config.provisioned else sobject for sobject in STANDARD}
    for name, lines in _more_fields(config):
        found[name] = found[name].with_fields(read_fields(lines))
    if config.person_accounts:
        found["Account"] = found["Account"].with_fields(_of_persons(found["Contact"]))
        found["Contact"] = found["Contact"].with_fields(read_fields("IsPersonAccount boolean defaulted"))
    return list(found.values())


def _more_fields(config: OrgConfig) -> Iterator[tuple[str, str]]:
    yield from config.extra_fields
    yield from ((formula.object, f"{formula.field} calculated nillable") for formula in config.formulas)
    yield from ((name, _CURRENCY) for name in _PRICED if config.multi_currency)


def _of_persons(contact: SObject) -> dict[str, Field]:
    """Contact's fields on Account: `Person…`, and custom ones as `X__pc`."""
    custom = {f"{name[:-1]}pc": field for name, field in contact.fields.items() if field.custom}
    return read_fields(_PERSON_ACCOUNT) | {name: replace(field, name=name) for name, field in custom.items()}


def add_person(org: Org, fields: Mapping[str, Any]) -> str:
    """Add a person account, an account and a contact that are one; `fields` are named as on Contact. Gives the contact's id."""
    admin = org.person(None)
    accounts, contacts = org.objects["Account"], org.objects["Contact"]
    account_id, contact_id = org.next_id(accounts), org.next_id(contacts)
    name = " ".join(filter(None, (fields.get("FirstName"), fields.get("LastName"))))
    shared = {"Name": name, "OwnerId": fields.get("OwnerId", admin.user_id), "IsPersonAccount": True}
    on_account = {_on_account(org, field): value for field, value in fields.items()}
    store(org, accounts, {"Id": account_id, **on_account, **shared, "PersonContactId": contact_id}, admin)
    store(org, contacts, {"Id": contact_id, **fields, **shared, "AccountId": account_id}, admin)
    return contact_id


def check_person_contact(sobject: SObject, before: Row, given: Row, acting: Acting) -> None:
    """The contact of a person account is written by way of its account. Raises OrgError."""
    if sobject.name == "Contact" and before.get("IsPersonAccount") and acting.through_api:
        message = f"Unable to create/update fields: {', '.join(given)}. The contact belongs to a person account."
        raise OrgError("INVALID_FIELD_FOR_INSERT_UPDATE", message, tuple(given))


def mirror_person(org: Org, sobject: SObject, row: Row, acting: Acting) -> None:
    """What is written to a person account shows on its contact."""
    if sobject.name != "Account" or not row.get("IsPersonAccount"):
        return
    contact = org.tables["Contact"].rows[row["PersonContactId"]]
    names = {_on_account(org, field): field for field in org.objects["Contact"].fields}
    mirrored = {names[name]: row.get(name) for name in org.objects["Account"].fields if name in names and _is_shared(name)}
    change(org, org.objects["Contact"], {**contact, **mirrored}, acting)


def _on_account(org: Org, field: str) -> str:
    if field.endswith("__c"):
        return f"{field[:-1]}pc"
    return f"Person{field}" if f"Person{field}" in org.objects["Account"].fields else field


def _is_shared(name: str) -> bool:
    return name.endswith("__pc") or name.startswith("Person") or name in _SAME_NAME
