"""Who a token belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmsync.sandbox.salesforce.api.wire import Answer
from crmsync.sandbox.salesforce.errors import not_found
from crmsync.sandbox.salesforce.ids import normal_id

if TYPE_CHECKING:
    from crmsync.sandbox.salesforce.org import Org


def url(org: Org, user_id: str) -> str:
    """The identity URL: org and user are its last two segments."""
    return f"https://login.salesforce.com/id/{org.id}/{user_id}"


def userinfo(org: Org, user_id: str, base_url: str) -> Answer:
    """OpenID Connect's view of the user."""
    user = org.tables["User"].rows[user_id]
    return Answer(
        200,
        {
            "sub": url(org, user_id),
            "user_id": user_id,
            "organization_id": org.id,
            "preferred_username": user["Username"],
            "name": user["Name"],
            "email": user["Email"],
            "email_verified": True,
            "zoneinfo": user["TimeZoneSidKey"],
            "user_type": "STANDARD",
            "active": bool(user.get("IsActive")),
            "urls": _urls(base_url),
        },
    )


def identity(org: Org, org_id: str, user_id: str, base_url: str) -> Answer:
    """The identity service's view of the user."""
    user = org.tables["User"].rows.get(normal_id(user_id) or "")
    if user is None or normal_id(org_id) != org.id:
        raise not_found()
    return Answer(
        200,
        {
            "id": url(org, user["Id"]),
            "asserted_user": True,
            "user_id": user["Id"],
            "organization_id": org.id,
            "username": user["Username"],
            "display_name": user["Name"],
            "email": user["Email"],
            "active": bool(user.get("IsActive")),
            "user_type": "STANDARD",
            "timezone": user["TimeZoneSidKey"],
            "urls": _urls(base_url),
        },
    )


def _urls(base_url: str) -> dict[str, str]:
    rest = f"{base_url}/services/data/v{{version}}/"
    return {"rest": rest, "sobjects": f"{rest}sobjects/", "query": f"{rest}query/", "custom_domain": base_url}
