"""What follows from a write by itself: derived fields, histories, the activity dates of people and cases."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from crmsync.sandbox.salesforce import access
from crmsync.sandbox.salesforce.acting import Acting
from crmsync.sandbox.salesforce.config import Row
from crmsync.sandbox.salesforce.schema import SObject
from crmsync.sandbox.salesforce.storing import change_silently, store
from crmsync.sandbox.salesforce.times import instant

if TYPE_CHECKING:
    from crmsync.sandbox.salesforce.org import Org

_CATEGORY_NAMES = {"Pipeline": "Pipeline", "BestCase": "Best Case", "Forecast": "Commit", "Omitted": "Omitted", "Closed": "Closed"}
_TRACKED: dict[str, tuple[str, tuple[str, ...]]] = {
    "Lead": ("LeadHistory", ("Status", "OwnerId")),
    "Opportunity": ("OpportunityFieldHistory", ("StageName", "Amount", "CloseDate", "OwnerId")),
}
_SNAPSHOT = ("StageName", "Amount", "CloseDate", "Probability", "ExpectedRevenue", "ForecastCategory")
_DATA_TYPES = {"Amount": "Currency", "CloseDate": "DateOnly", "OwnerId": "EntityId"}


def derive(org: Org, sobject: SObject, row: Row, before: Row | None) -> None:
    """Fill the fields that follow from others, in the row that is about to be stored."""
    match sobject.name:
        case "Lead" | "Contact" | "User":
            row["Name"] = " ".join(filter(None, (row.get("FirstName"), row.get("LastName"))))
        case "Opportunity":
            _derive_opportunity(org, row, before)
        case "Task":
            _derive_task(org, row, before)
        case "Event":
            _derive_event(org, row)
        case "CampaignMember":
            _derive_member(org, row)
        case "Group":
            row.setdefault("DeveloperName", str(row.get("Name", "")).replace(" ", "_"))


def _derive_opportunity(org: Org, row: Row, before: Row | None) -> None:
    stage = _status(org, "OpportunityStage", row.get("StageName"))
    moved = before is None or before.get("StageName") != row.get("StageName")
    given = row.get("Probability") is not None and row.get("Probability") != (before or {}).get("Probability")
    row["IsClosed"], row["IsWon"] = bool(stage.get("IsClosed")), bool(stage.get("IsWon"))
    if moved:
        row["LastStageChangeDate"] = org.now_stamp() if before is not None else None
        if not given:
            row["Probability"] = stage.get("DefaultProbability", 0.0)
        row["ForecastCategory"] = stage.get("ForecastCategory", "Pipeline")
        row["ForecastCategoryName"] = _CATEGORY_NAMES[row["ForecastCategory"]]
    if row.get("Amount") is not None:
        row["ExpectedRevenue"] = round(row["Amount"] * (row.get("Probability") or 0.0) / 100, 2)
    if row.get("CloseDate") is not None:
        _derive_fiscal(row, date.fromisoformat(row["CloseDate"]))


def _derive_fiscal(row: Row, close: date) -> None:
    """The org's fiscal year starts in April and is named by the calendar year in which it begins."""
    year = close.year if close.month >= 4 else close.year - 1
    quarter = (close.month - 4) % 12 // 3 + 1
    row["FiscalYear"], row["FiscalQuarter"], row["Fiscal"] = year, quarter, f"{year} {quarter}"


def _derive_task(org: Org, row: Row, before: Row | None) -> None:
    row["IsClosed"] = bool(_status(org, "TaskStatus", row.get("Status")).get("IsClosed"))
    row["IsHighPriority"] = row.get("Priority") == "High"
    row["AccountId"] = _account_of(org, row)
    if not row["IsClosed"]:
        row["CompletedDateTime"] = None
    elif before is None or not before.get("IsClosed"):
        row["CompletedDateTime"] = org.now_stamp()


def _derive_event(org: Org, row: Row) -> None:
    row["AccountId"] = _account_of(org, row)
    start = row.get("StartDateTime") or row.get("ActivityDateTime")
    if start is None:
        return
    row["StartDateTime"] = row["ActivityDateTime"] = start
    if row.get("EndDateTime") is not None:
        row["DurationInMinutes"] = int((instant(row["EndDateTime"]) - instant(start)).total_seconds() // 60)
    row["ActivityDate"] = _day(org, instant(start))
    row["EndDate"] = _day(org, instant(row.get("EndDateTime") or start))


def _derive_member(org: Org, row: Row) -> None:
    statuses = org.tables["CampaignMemberStatus"]
    defined = [statuses.rows[i] for i in statuses.lookup("CampaignId", row.get("CampaignId") or "") or ()]
    named = next((status for status in defined if status.get("Label") == row.get("Status")), None)
    row["HasResponded"] = bool(named.get("HasResponded")) if named is not None else row.get("Status") == "Responded"
    row["Type"] = "Contact" if row.get("ContactId") else "Lead"
    row["LeadOrContactId"] = row.get("ContactId") or row.get("LeadId")
    if row["HasResponded"] and row.get("FirstRespondedDate") is None:
        row["FirstRespondedDate"] = _day(org, org.clock.now())


def _day(org: Org, at: datetime) -> str:
    return at.astimezone(ZoneInfo(org.config.time_zone)).date().isoformat()


def _account_of(org: Org, activity: Row) -> str | None:
    what, who = org.row_of(activity.get("WhatId")), org.row_of(activity.get("WhoId"))
    if what is not None:
        return what["Id"] if what["Id"].startswith("001") else what.get("AccountId")
    return None if who is None else who.get("AccountId")


def _status(org: Org, object: str, name: str | None) -> Row:
    rows = org.tables[object].rows.values()
    return next((row for row in rows if row.get("ApiName") == name), {})


def leave_traces(org: Org, sobject: SObject, row: Row, before: Row | None, acting: Acting) -> None:
    """Write what other objects remember of this write: history rows and the last activity of the people involved."""
    if sobject.name in _TRACKED:
        _leave_history(org, sobject, row, before, acting)
    if sobject.name == "Opportunity":
        _leave_snapshot(org, row, before, acting)
    if sobject.name == "Campaign" and before is None:
        _add_member_statuses(org, row, acting)
    if sobject.name == "Event" or (sobject.name == "Task" and row.get("IsClosed")):
        _touch(org, row)
    if sobject.name in access.GRANTING:
        access.settle(org)


def _leave_history(org: Org, sobject: SObject, row: Row, before: Row | None, acting: Acting) -> None:
    history, columns = _TRACKED[sobject.name]
    if before is None:
        remember(org, history, row["Id"], "created", None, None, acting)
        return
    for column in columns:
        old, new = before.get(column), row.get(column)
        if old != new and column == "OwnerId":
            # an owner's change leaves two rows: one with the names, one with the ids
            remember(org, history, row["Id"], "Owner", _name(org, old), _name(org, new), acting)
            remember(org, history, row["Id"], "Owner", old, new, acting, data_type="EntityId")
        elif old != new:
            remember(org, history, row["Id"], column, old, new, acting, data_type=_DATA_TYPES.get(column, "Text"))


def remember(
    org: Org, object: str, parent: str, field: str, old: Any, new: Any, acting: Acting, *, data_type: str = "Text"
) -> None:
    """Append one row to a history object."""
    sobject = org.objects[object]
    column = "LeadId" if object == "LeadHistory" else "OpportunityId"
    values = {column: parent, "Field": field, "OldValue": old, "NewValue": new, "DataType": data_type}
    store(org, sobject, {"Id": org.next_id(sobject), **values}, acting)


def _name(org: Org, id: str | None) -> str | None:
    row = org.row_of(id)
    return None if row is None else row.get("Name")


def _leave_snapshot(org: Org, row: Row, before: Row | None, acting: Acting) -> None:
    """OpportunityHistory keeps the whole forecast picture at each change of a part of it."""
    if before is not None and all(before.get(column) == row.get(column) for column in _SNAPSHOT):
        return
    sobject = org.objects["OpportunityHistory"]
    picture = {column: row.get(column) for column in _SNAPSHOT}
    former = {"PrevAmount": (before or {}).get("Amount"), "PrevCloseDate": (before or {}).get("CloseDate")}
    store(org, sobject, {"Id": org.next_id(sobject), "OpportunityId": row["Id"], **picture, **former}, acting)


def _add_member_statuses(org: Org, campaign: Row, acting: Acting) -> None:
    sobject = org.objects["CampaignMemberStatus"]
    for order, label in enumerate(("Sent", "Responded"), 1):
        flags = {"IsDefault": order == 1, "HasResponded": label == "Responded", "SortOrder": order}
        store(org, sobject, {"Id": org.next_id(sobject), "CampaignId": campaign["Id"], "Label": label, **flags}, acting)


def _touch(org: Org, activity: Row) -> None:
    """LastActivityDate moves on the person, case and account of a closed task or an event; no stamp moves with it."""
    day = activity.get("ActivityDate") or _day(org, org.clock.now())
    for related in {activity.get("WhoId"), activity.get("WhatId"), activity.get("AccountId")} - {None}:
        row, name = org.row_of(related), org.object_of(str(related))
        if row is not None and name is not None and (row.get("LastActivityDate") or "") < day:
            change_silently(org, org.objects[name], {**row, "LastActivityDate": day})
