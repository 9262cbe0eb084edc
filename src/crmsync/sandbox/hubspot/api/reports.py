"""Marketing campaigns with their spend, and analytics reports: what only some plans have."""

from __future__ import annotations

from typing import Any

from crmsync.sandbox.hubspot.activity import Campaign
from crmsync.sandbox.hubspot.api.exchange import Reply, Request
from crmsync.sandbox.hubspot.errors import PortalError
from crmsync.sandbox.hubspot.times import from_iso, milliseconds


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


def _admit(request: Request) -> None:
    """Raises PortalError 403 where the plan has none of this."""
    if not request.portal.config.marketing_hub:
        raise PortalError(403, "FORBIDDEN", "This portal does not have access to this Marketing Hub feature.")
