"""The great changes of a record's life: into the bin and out of it, merged into another, converted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from crmsync.sandbox.salesforce import access, effects
from crmsync.sandbox.salesforce.acting import Acting
from crmsync.sandbox.salesforce.config import Row
from crmsync.sandbox.salesforce.errors import OrgError
from crmsync.sandbox.salesforce.schema import SObject
from crmsync.sandbox.salesforce.storing import change, change_silently
from crmsync.sandbox.salesforce.writing import insert

if TYPE_CHECKING:
    from crmsync.sandbox.salesforce.org import Org

CHILDREN: dict[str, tuple[tuple[str, str], ...]] = {
    "Lead": (("Task", "WhoId"), ("Event", "WhoId"), ("CampaignMember", "LeadId")),
    "Contact": (("Task", "WhoId"), ("Event", "WhoId"), ("CampaignMember", "ContactId"), ("OpportunityContactRole", "ContactId")),
    "Account": (("Contact", "AccountId"), ("Opportunity", "AccountId"), ("Task", "WhatId"), ("Event", "WhatId")),
    "Opportunity": (("OpportunityContactRole", "OpportunityId"), ("Task", "WhatId"), ("Event", "WhatId")),
    "Campaign": (("CampaignMember", "CampaignId"), ("CampaignMemberStatus", "CampaignId")),
}
"""What hangs on an object: goes to the bin with it, and over to the winner of a merge."""

_SILENT = ("Task", "Event", "CampaignMember")
"""Children that a merge re-parents without moving their stamps: only a new pull of the winner's children finds them."""

_LARGEST_MERGE = 2


@dataclass(frozen=True, slots=True)
class Conversion:
    """What became of a lead."""

    account_id: str
    contact_id: str
    opportunity_id: str | None


def delete(org: Org, sobject: SObject, id: str, acting: Acting) -> None:
    """Put a live record and its children into the bin. Raises OrgError when there is none or it may not go."""
    row = org.live(sobject, id)
    if not sobject.deletable:
        raise OrgError("INSUFFICIENT_ACCESS_OR_READONLY", f"entity type {sobject.name} does not support delete")
    _into_bin(org, sobject, row, acting)
    if sobject.name in access.GRANTING:
        access.settle(org)
    for child, column in CHILDREN.get(sobject.name, ()):
        for below in _children(org, child, column, row["Id"]):
            delete(org, org.objects[child], below["Id"], acting)


def _into_bin(org: Org, sobject: SObject, row: Row, acting: Acting) -> None:
    table = org.tables[sobject.name]
    if "IsDeleted" not in sobject.fields:
        table.forget(row["Id"])
        return
    change(org, sobject, {**row, "IsDeleted": True}, acting)
    table.bin(row["Id"], org.clock.now())


def undelete(org: Org, sobject: SObject, id: str, acting: Acting) -> None:
    """Take a record out of the bin; its stamp moves."""
    row = org.row_of(id)
    if row is None or not row.get("IsDeleted"):
        raise OrgError("UNDELETE_FAILED", "Entity is not in the recycle bin")
    change(org, sobject, {**row, "IsDeleted": False, "MasterRecordId": None}, acting)


def merge(org: Org, sobject: SObject, winner: str, losers: list[str], acting: Acting) -> None:
    """Merge one or two losers into the winner."""
    kept = org.live(sobject, winner)
    if not sobject.mergeable or not 1 <= len(losers) <= _LARGEST_MERGE:
        raise OrgError("INVALID_OPERATION", "merge takes one or two records of Lead, Contact or Account")
    lost = [org.live(sobject, loser) for loser in losers]
    if kept.get("IsConverted") or any(row.get("IsConverted") for row in lost):
        raise OrgError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
    for row in lost:
        for child, column in CHILDREN[sobject.name]:
            for below in _children(org, child, column, row["Id"]):
                _hand_over(org, child, {**below, column: kept["Id"]}, acting)
        _into_bin(org, sobject, {**row, "MasterRecordId": kept["Id"]}, acting)
    change(org, sobject, org.tables[sobject.name].rows[kept["Id"]], acting)
    if sobject.name == "Lead":
        effects.remember(org, "LeadHistory", kept["Id"], "leadMerged", None, None, acting)


def _hand_over(org: Org, child: str, below: Row, acting: Acting) -> None:
    sobject = org.objects[child]
    if child == "CampaignMember" and _is_member_already(org, below):
        _into_bin(org, sobject, org.tables[child].rows[below["Id"]], acting)
    elif child in _SILENT:
        change_silently(org, sobject, below)
    else:
        change(org, sobject, below, acting)


def _is_member_already(org: Org, member: Row) -> bool:
    column = "LeadId" if member.get("LeadId") else "ContactId"
    others = _children(org, "CampaignMember", column, member[column])
    return any(other["CampaignId"] == member["CampaignId"] and other["Id"] != member["Id"] for other in others)


def _children(org: Org, child: str, column: str, parent: str) -> list[Row]:
    table = org.tables[child]
    found = [table.rows[row_id] for row_id in table.lookup(column, parent) or ()]
    return [row for row in found if not row.get("IsDeleted")]


def convert_lead(org: Org, lead_id: str, acting: Acting, opportunity_name: str | None) -> Conversion:
    """Convert: an account of the same name is taken, else made; a contact, and an opportunity when one is named."""
    lead = org.live(org.objects["Lead"], lead_id)
    if lead.get("IsConverted"):
        raise OrgError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
    owner = lead["OwnerId"] if lead["OwnerId"].startswith("005") else acting.user_id
    account_id = _account_for(org, lead, owner, acting)
    contact_id = _contact_for(org, lead, account_id, owner, acting)
    opportunity_id = None
    if opportunity_name is not None:
        opportunity_id = _opportunity_for(org, lead, opportunity_name, account_id, contact_id, owner, acting)
    conversion = Conversion(account_id, contact_id, opportunity_id)
    _close_lead(org, lead, conversion, acting)
    _move_activities(org, lead["Id"], conversion, acting)
    return conversion


def _account_for(org: Org, lead: Row, owner: str, acting: Acting) -> str:
    table = org.tables["Account"]
    for row_id in table.lookup("Name", lead["Company"]) or ():
        if not table.rows[row_id].get("IsDeleted"):
            return row_id
    same = {name: lead.get(name) for name in ("Phone", "Website", "Industry", "AnnualRevenue", "NumberOfEmployees")}
    address = {f"Billing{part}": lead.get(part) for part in ("Street", "City", "State", "PostalCode", "Country")}
    fields = {"Name": lead["Company"], "OwnerId": owner, "AccountSource": lead.get("LeadSource"), **same, **address}
    return insert(org, org.objects["Account"], fields, acting)


def _contact_for(org: Org, lead: Row, account_id: str, owner: str, acting: Acting) -> str:
    """Fields of the same name go over, custom ones included: the mapping that admins set up first."""
    sobject = org.objects["Contact"]
    same = {
        name: value
        for name, value in lead.items()
        if (field := sobject.fields.get(name)) is not None and field.createable and name not in ("OwnerId", "IsDeleted")
    }
    address = {f"Mailing{part}": lead.get(part) for part in ("Street", "City", "State", "PostalCode", "Country")}
    return insert(org, sobject, {**same, **address, "AccountId": account_id, "OwnerId": owner}, acting)


def _opportunity_for(org: Org, lead: Row, name: str, account_id: str, contact_id: str, owner: str, acting: Acting) -> str:
    close = (org.clock.now() + timedelta(days=90)).date().isoformat()
    fields = {"Name": name, "AccountId": account_id, "OwnerId": owner, "StageName": "Prospecting", "CloseDate": close}
    opportunity_id = insert(org, org.objects["Opportunity"], {**fields, "LeadSource": lead.get("LeadSource")}, acting)
    role = {"OpportunityId": opportunity_id, "ContactId": contact_id, "IsPrimary": True}
    insert(org, org.objects["OpportunityContactRole"], role, acting)
    return opportunity_id


def _close_lead(org: Org, lead: Row, conversion: Conversion, acting: Acting) -> None:
    statuses = org.tables["LeadStatus"].rows.values()
    status = next(row["ApiName"] for row in statuses if row.get("IsConverted"))
    row = {
        **lead,
        "Status": status,
        "IsConverted": True,
        "ConvertedDate": org.clock.now().astimezone(ZoneInfo(org.config.time_zone)).date().isoformat(),
        "ConvertedAccountId": conversion.account_id,
        "ConvertedContactId": conversion.contact_id,
        "ConvertedOpportunityId": conversion.opportunity_id,
    }
    change(org, org.objects["Lead"], row, acting)
    effects.leave_traces(org, org.objects["Lead"], row, lead, acting)
    effects.remember(org, "LeadHistory", lead["Id"], "leadConverted", None, None, acting)


def _move_activities(org: Org, lead_id: str, conversion: Conversion, acting: Acting) -> None:
    """Activities follow to the contact and the new case; a campaign member keeps its lead and gains the contact."""
    for activity in ("Task", "Event"):
        for row in _children(org, activity, "WhoId", lead_id):
            moved = {"WhoId": conversion.contact_id, "WhatId": conversion.opportunity_id, "AccountId": conversion.account_id}
            change(org, org.objects[activity], {**row, **moved}, acting)
    for row in _children(org, "CampaignMember", "LeadId", lead_id):
        moved = {"ContactId": conversion.contact_id, "Type": "Contact", "LeadOrContactId": conversion.contact_id}
        change(org, org.objects["CampaignMember"], {**row, **moved}, acting)
