"""Marketing campaigns with their spend, and analytics reports: what only some plans have."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from crmsync.sandbox.hubspot.activity import Campaign
from crmsync.sandbox.hubspot.api.exchange import Reply, Request
from crmsync.sandbox.hubspot.errors import PortalError, invalid
from crmsync.sandbox.hubspot.times import from_iso, milliseconds

_MOST_DAYS = 500
_DAY = timedelta(days=1)
_BREAKDOWNS = {
    "ORGANIC_SEARCH": "organic",
    "PAID_SEARCH": "paid",
    "PAID_SOCIAL": "paid-social",
    "SOCIAL_MEDIA": "social",
    "EMAIL_MARKETING": "email",
    "REFERRALS": "referrals",
    "OTHER_CAMPAIGNS": "other",
    "OFFLINE": "offline",
    "AI_REFERRALS": "ai-referrals",
}
"""A contact's source, as the reports call it; any other is direct."""


def list_campaigns(request: Request) -> Reply:
    """Without `properties` none come along."""
    _admit(request)
    found = sorted(request.portal.activity.campaigns.values(), key=lambda campaign: (campaign.created_at, campaign.guid))
    limit, after = request.whole("limit", 50, 100), request.one("after", "0")
    start = int(after) if after.isdecimal() else 0
    page = [campaign.as_json(request.many("properties")) for campaign in found[start : start + limit]]
    paging = request.next_page(str(start + limit)) if start + limit < len(found) else {}
    return Reply(200, {"total": len(found), "results": page, **paging})


def get_campaign(request: Request) -> Reply:
    _admit(request)
    return Reply(200, request.portal.activity.campaign(request.params["id"]).as_json(request.many("properties")))


def budget_totals(request: Request) -> Reply:
    _admit(request)
    campaign = request.portal.activity.campaign(request.params["id"])
    body = {"budgetItems": [], "spendItems": _items(campaign), "budgetTotal": 0, "remainingBudget": -campaign.total}
    return Reply(200, {**body, "spendTotal": campaign.total, "currencyCode": campaign.properties["hs_currency_code"]})


def _items(campaign: Campaign) -> list[dict[str, Any]]:
    stamped = [(name, amount, milliseconds(from_iso(at))) for name, amount, at in campaign.spent]
    return [
        {"id": str(order + 1), "name": name, "amount": amount, "order": order, "createdAt": at, "updatedAt": at, "description": ""}
        for order, (name, amount, at) in enumerate(stamped)
    ]


def visits(request: Request) -> Reply:
    """By day, in the portal's own time, and there by source; days on which nobody came are left out."""
    _admit(request)
    first, last = (_day(request, name) for name in ("start", "end"))
    if (last - first).days >= _MOST_DAYS:
        raise PortalError(413, "RESULT_POINT_LIMIT_EXCEEDED", f"More than {_MOST_DAYS} points in time were asked for")
    days: dict[str, list[dict[str, Any]]] = {}
    for (day, source), (visitors, views) in sorted(_counts(request, first, last).items()):
        if first.isoformat() <= day <= last.isoformat():
            row = {"breakdown": source, "visitors": visitors, "visits": visitors, "rawViews": views, "leads": 0, "contacts": 0}
            days.setdefault(day, []).append(row)
    return Reply(200, days)


def _day(request: Request, name: str) -> date:
    text = request.one(name)
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        raise invalid(f"{name} must be a day as YYYYMMDD") from None


def _counts(request: Request, first: date, last: date) -> dict[tuple[str, str], tuple[int, int]]:
    """(day, source) → visitors, each once a day, and the pages that they looked at; some days beyond these are among them."""
    portal, zone = request.portal, ZoneInfo(request.portal.config.time_zone)
    looks: dict[tuple[str, str], list[int]] = defaultdict(list)
    for contact, at in portal.activity.events.looks((first - _DAY).isoformat(), (last + 2 * _DAY).isoformat()):
        record = portal.objects.records["contacts"].find(contact, follow_merges=True)
        source = record.values.get("hs_analytics_source", "") if record is not None else ""
        day = from_iso(at).astimezone(zone).date().isoformat()
        looks[day, _BREAKDOWNS.get(source, "direct")].append(contact)
    known = {place: (len(set(contacts)), len(contacts)) for place, contacts in looks.items()}
    crowds = {place: (crowd.visitors, crowd.views) for place, crowd in portal.activity.crowds.items()}
    both = ((place, known.get(place, (0, 0)), crowds.get(place, (0, 0))) for place in known.keys() | crowds.keys())
    return {place: (one[0] + other[0], one[1] + other[1]) for place, one, other in both}


def _admit(request: Request) -> None:
    """Raises PortalError 403 where the plan has none of this."""
    if not request.portal.config.marketing_hub:
        raise PortalError(403, "FORBIDDEN", "This portal does not have access to this Marketing Hub feature.")
