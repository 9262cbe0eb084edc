"""What `crmsync doctor` asks of an org: who we are, what the version and the day's calls are, what we may write. Writes nothing.

Refusals to sign in have many meanings behind a few codes: REFUSALS tells them apart, each with its own remedy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from simple_salesforce.exceptions import SalesforceError

from crmsync.connect.calls import Call, CallRejected
from crmsync.connect.contract import Finding, Use
from crmsync.errors import StopConnector
from crmsync_salesforce.api import Api
from crmsync_salesforce.facts import CAPABILITIES, OLDEST_LASTING_VERSION

# (vendor's code, a part of its message) → the sentence that names the remedy; the first that fits.
# (help: remoteaccess_oauth_flow_errors)
REFUSALS: Sequence[tuple[str, str, str]] = (
    ("invalid_client_id", "", "client_id"),
    ("invalid_client", "installed", "not_installed"),
    ("invalid_client", "", "client_secret"),
    ("invalid_grant", "no client credentials user", "no_run_as_user"),
    ("invalid_grant", "hasn't approved", "not_approved"),
    ("invalid_grant", "not installed", "not_installed"),
    ("invalid_grant", "not supported on this domain", "domain"),
    ("invalid_app_access", "", "not_approved"),
    ("invalid_grant", "audience", "audience"),
    ("invalid_grant", "expired access/refresh token", "refresh_token"),
    ("invalid_grant", "", "user"),
    ("inactive_user", "", "user"),
    ("inactive_org", "", "org"),
    ("unsupported_grant_type", "", "flow"),
    ("OAUTH_APPROVAL_ERROR_GENERIC", "", "not_installed"),
    ("LOGIN_RATE_EXCEEDED", "", "login_rate"),
    ("API_DISABLED_FOR_ORG", "", "api_enabled"),
    ("API_CURRENTLY_DISABLED", "", "api_enabled"),
    ("INVALID_SESSION_ID", "not valid for use with the REST API", "session"),
    ("INVALID_SESSION_ID", "API Access Control", "session"),
    ("INVALID_SESSION_ID", "not attached to Agent", "session"),
    ("INVALID_SESSION_ID", "IP restricted", "user"),
    ("INVALID_SESSION_ID", "", "access_token"),
)
_VERSION_CODES = frozenset({"connect.version_missing"})


def refusal(error: StopConnector) -> Finding:
    """The finding for an org that does not let us in. What no row of the table fits is told in the org's own words."""
    code, message = str(error.params.get("vendor_code", "")), str(error.params.get("message", ""))
    for known, part, name in REFUSALS:
        if code == known and part.casefold() in message.casefold():
            return Finding("credentials", "error", f"doctor.salesforce.{name}", {"vendor_code": code, "message": message})
    check = "version" if error.code in _VERSION_CODES else "credentials"
    return Finding(check, "error", error.code, error.params)


class Diagnosis:
    """One org under examination."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def findings(self, uses: Sequence[Use]) -> Iterator[Finding]:
        """Raises RetryLater where the org does not answer."""
        try:
            offered = self._api.offered()
            self._api.start()
            who = self._who()
        except CallRejected as error:
            yield Finding("credentials", "error", "connect.rejected", error.params)
            return
        except StopConnector as error:
            yield refusal(error)
            return
        yield Finding("credentials", "ok", "doctor.salesforce.signed_in", who)
        if offered is not None:
            yield self._version(offered)
        yield from self._limits()
        for use in uses:
            if use.writes and use.object in CAPABILITIES.writable:
                yield from self._rights(use)

    def _who(self) -> Mapping[str, Any]:
        """User and org. A token without the right to ask is as good as any other."""
        call = Call("GET", self._api.url("/services/oauth2/userinfo"), is_lenient=True)
        response = self._api.client.send(call)
        body = response.json() if response.is_success else {}
        told = body if isinstance(body, dict) else {}
        names = {"user": "preferred_username", "org": "organization_id", "zone": "zoneinfo"}
        return {name: str(told.get(key) or "—") for name, key in names.items()}

    def _version(self, offered: Sequence[str]) -> Finding:
        version, newest = self._api.version, max(offered, key=float, default=self._api.version)
        params = {"version": version, "newest": newest}
        if float(version) < OLDEST_LASTING_VERSION:
            return Finding("version", "warning", "doctor.salesforce.version_ends", params)
        return Finding("version", "ok", "doctor.version", params)

    def _limits(self) -> Iterator[Finding]:
        try:
            self._api.simple.limits()
        except (SalesforceError, ValueError):  # a ValueError: an answer without a body
            yield Finding("permissions", "warning", "doctor.salesforce.limits_hidden")

    def _rights(self, use: Use) -> Iterator[Finding]:
        """What describe says of our rights on one object, and on its fields."""
        try:
            described = getattr(self._api.simple, use.object).describe()
        except (SalesforceError, ValueError):
            return  # that it cannot be seen at all is told by the verb describe
        fields = {str(item["name"]): item for item in described.get("fields", ())}
        verbs = [name for name in ("createable", "updateable") if self._is_needed(use, name) and not described.get(name, True)]
        if verbs:
            rights = ", ".join({"createable": "Create", "updateable": "Edit"}[name] for name in verbs)
            yield Finding("permissions", "warning", "doctor.salesforce.object_rights", {"object": use.object, "rights": rights})
            return
        locked = [name for name in use.writes if name in fields and not self._is_open(use, fields[name])]
        if locked:
            yield Finding("permissions", "warning", "doctor.salesforce.field_rights", _params(use, locked))
        hidden = [name for name in use.writes if name not in fields and not name.endswith("__c")]
        if hidden:
            yield Finding("permissions", "warning", "doctor.salesforce.fields_hidden", _params(use, hidden))

    def _is_needed(self, use: Use, right: str) -> bool:
        """Tasks alone are created."""
        return right == "updateable" or use.object == CAPABILITIES.task_object

    def _is_open(self, use: Use, field: Mapping[str, Any]) -> bool:
        """Some fields of tasks are set when they are created, and never again."""
        return bool(field.get("updateable") or (use.object == CAPABILITIES.task_object and field.get("createable")))


def _params(use: Use, fields: Sequence[str]) -> Mapping[str, Any]:
    return {"object": use.object, "fields": ", ".join(fields)}
