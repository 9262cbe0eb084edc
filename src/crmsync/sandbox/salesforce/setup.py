"""What an administrator sets up: the org itself, its users and queues, the tables of statuses and stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crmsync.sandbox.salesforce.acting import Acting
from crmsync.sandbox.salesforce.config import Row
from crmsync.sandbox.salesforce.storing import store
from crmsync.sandbox.salesforce.writing import insert

if TYPE_CHECKING:
    from crmsync.sandbox.salesforce.org import Org

_LEAD_STATUSES = (
    ("Open - Not Contacted", False),
    ("Working - Contacted", False),
    ("Closed - Converted", True),
    ("Closed - Not Converted", False),
)
_TASK_STATUSES = (
    ("Not Started", False),
    ("In Progress", False),
    ("Completed", True),
    ("Waiting on someone else", False),
    ("Deferred", False),
)

STAGES: dict[str, tuple[int, str, str]] = {
    "Prospecting": (10, "Pipeline", "Pipeline"),
    "Qualification": (10, "Pipeline", "Pipeline"),
    "Needs Analysis": (20, "Pipeline", "Pipeline"),
    "Value Proposition": (50, "Pipeline", "Pipeline"),
    "Id. Decision Makers": (60, "Pipeline", "Pipeline"),
    "Perception Analysis": (70, "Pipeline", "Pipeline"),
    "Proposal/Price Quote": (75, "Pipeline", "Pipeline"),
    "Negotiation/Review": (90, "Pipeline", "Pipeline"),
    "Closed Won": (100, "Closed", "Closed"),
    "Closed Lost": (0, "Omitted", "Omitted"),
}
"""Stage: default probability in percent, forecast category, and the category's name."""


@dataclass(frozen=True, slots=True)
class Founded:
    """The first ids of a new org."""

    org_id: str
    admin_id: str
    integration_id: str


def found(org: Org) -> Founded:
    """Fill a new org with itself, its administrator, the integration user, and its picklist tables."""
    users = org.objects["User"]
    admin_id = org.next_id(users)
    admin = {**_user("Org Admin", "admin@sandbox.example", "Asia/Tokyo"), "Name": "Org Admin", "UserType": "Standard"}
    store(org, users, {"Id": admin_id, **admin, "IsActive": True}, Acting(admin_id))
    as_admin = Acting(admin_id)
    org_id = org.next_id(org.objects["Organization"])
    store(org, org.objects["Organization"], {"Id": org_id, **_organization(org)}, as_admin)
    _fill_tables(org, as_admin)
    integration = _user("Integration User", org.config.credentials.username, "Asia/Tokyo")
    integration_id = insert(org, users, {**integration, "IsActive": True}, as_admin)
    return Founded(org_id, admin_id, integration_id)


def add_user(org: Org, name: str, email: str, *, active: bool, time_zone: str) -> str:
    """A standard user whose user name is the e-mail address."""
    return insert(org, org.objects["User"], {**_user(name, email, time_zone), "IsActive": active}, org.person(None))


def add_queue(org: Org, name: str, objects: list[str]) -> str:
    """A group of type Queue, and one QueueSobject for each object that it may own."""
    admin = org.person(None)
    queue_id = insert(org, org.objects["Group"], {"Name": name, "Type": "Queue"}, admin)
    for served in objects:
        insert(org, org.objects["QueueSobject"], {"QueueId": queue_id, "SobjectType": served}, admin)
    return queue_id


def _user(name: str, email: str, time_zone: str) -> Row:
    first, _, last = name.rpartition(" ")
    return {
        "FirstName": first or None,
        "LastName": last,
        "Username": email,
        "Email": email,
        "Alias": email.partition("@")[0][:8],
        "TimeZoneSidKey": time_zone,
    }


def _organization(org: Org) -> Row:
    return {
        "Name": org.config.name,
        "TimeZoneSidKey": org.config.time_zone,
        "LanguageLocaleKey": "ja",
        "DefaultLocaleSidKey": "ja_JP",
        "OrganizationType": "Enterprise Edition",
        "InstanceName": "CS5",
        "IsSandbox": org.config.is_sandbox,
        "FiscalYearStartMonth": 4,
    }


def _fill_tables(org: Org, admin: Acting) -> None:
    for order, (label, converted) in enumerate(_LEAD_STATUSES, 1):
        _status(org, "LeadStatus", order, label, {"IsConverted": converted}, admin)
    for order, (label, closed) in enumerate(_TASK_STATUSES, 1):
        _status(org, "TaskStatus", order, label, {"IsClosed": closed}, admin)
    for order, (label, (probability, category, category_name)) in enumerate(STAGES.items(), 1):
        stage = {
            "IsActive": True,
            "IsClosed": label.startswith("Closed"),
            "IsWon": label == "Closed Won",
            "ForecastCategory": category,
            "ForecastCategoryName": category_name,
            "DefaultProbability": float(probability),
        }
        _status(org, "OpportunityStage", order, label, stage, admin)


def _status(org: Org, object: str, order: int, label: str, more: Row, admin: Acting) -> None:
    sobject = org.objects[object]
    row = {"Id": org.next_id(sobject), "MasterLabel": label, "ApiName": label, "SortOrder": order, "IsDefault": order == 1}
    store(org, sobject, {**row, **more}, admin)
