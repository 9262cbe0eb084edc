"""What `crmsync doctor` asks of an account: who we are, which scopes the token has, what is left of the day. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from crmsync.connect.calls import Call
from crmsync.connect.contract import Finding, Use
from crmsync.errors import StopConnector
from crmsync_hubspot.objects import CAPABILITIES
from crmsync_hubspot.paths import VERSION_ENDS
from crmsync_hubspot.portal import Portal
from crmsync_hubspot.rules import ELSEWHERE
from crmsync_hubspot.scopes import scope_findings

_ENDS_SOON = timedelta(days=90)

_UNASKED = Finding("scopes", "ok", "doctor.hubspot.scopes_unasked")

# (vendor's code, a part of its message) → the sentence that names the remedy; the first that fits. A token that HubSpot cannot
# read is called expired, some 20,000 days ago; its front calls it 530.
REFUSALS: Sequence[tuple[str, str, str]] = (
    ("EXPIRED_AUTHENTICATION", "day(s) ago", "token_malformed"),
    ("530", "", "token_malformed"),
    ("EXPIRED_AUTHENTICATION", "", "token_expired"),
    ("INVALID_AUTHENTICATION", "", "token_unknown"),
    ("invalid_client", "", "client"),
    ("invalid_grant", "", "refresh_token"),
    ("unsupported_grant_type", "", "client"),
)


def refusal(error: StopConnector) -> Finding:
    """The finding for an account that does not let us in; in HubSpot's own words where no row of the table fits."""
    code, message = str(error.params.get("vendor_code", "")), str(error.params.get("message", ""))
    for known, part, name in REFUSALS:
        if code == known and part in message:
            return Finding("credentials", "error", f"doctor.hubspot.{name}", {"vendor_code": code, "message": message})
    return Finding("credentials", "error", error.code, error.params)


class Diagnosis:
    """One account under examination. `introspection` makes the call that asks what our token may do."""

    def __init__(self, portal: Portal, introspection: Callable[[], Call]) -> None:
        self._portal = portal
        self._introspection = introspection

    def findings(self, uses: Sequence[Use]) -> Iterator[Finding]:
        """Raises RetryLater where HubSpot does not answer."""
        try:
            who = self._who()
        except StopConnector as error:
            yield refusal(error)
            return
        yield Finding("credentials", "ok", "doctor.hubspot.signed_in", who)
        yield self._version()
        granted = self._granted()
        yield from [_UNASKED] if granted is None else scope_findings(uses, granted, CAPABILITIES.person_objects)
        self._note_day()

    def _who(self) -> Mapping[str, Any]:
        """Account, its host and its time zone. Any token may ask; an address where nothing is found is none of HubSpot's."""
        answer = self._portal.probe(Call("GET", self._portal.paths.of("account"), is_lenient=True))
        if answer.status in ELSEWHERE:
            self._portal.check_address()
        told = answer.body if isinstance(answer.body, Mapping) and answer.status == 200 else {}
        names = {"account": "portalId", "kind": "accountType", "zone": "timeZone"}
        return {name: str(told.get(key) or "—") for name, key in names.items()}

    def _version(self) -> Finding:
        """Of the versions that are called, the one that ends first."""
        today = self._portal.client.server_time().date()
        version, ends = min(((one, VERSION_ENDS[one]) for one in self._portal.paths.versions), key=lambda pair: pair[1])
        params = {"version": version, "ends": ends.isoformat()}
        if today >= ends - _ENDS_SOON:
            return Finding("version", "warning", "doctor.hubspot.version_ends", params)
        return Finding("version", "ok", "doctor.hubspot.version", params)

    def _granted(self) -> Collection[str] | None:
        """The token's scopes; None where HubSpot does not tell."""
        answer = self._portal.probe(self._introspection())
        scopes = answer.body.get("scopes") if isinstance(answer.body, Mapping) and answer.status == 200 else None
        return frozenset(str(scope) for scope in scopes) if isinstance(scopes, list) else None

    def _note_day(self) -> None:
        """What is left of the day; OAuth apps have no daily limit and are not told."""
        answer = self._portal.probe(Call("GET", self._portal.paths.of("usage"), is_lenient=True))
        rows = answer.body.get("results") if isinstance(answer.body, Mapping) and answer.status == 200 else None
        for row in rows or ():
            limit, spent = row.get("usageLimit"), row.get("currentUsage")
            if isinstance(limit, int) and isinstance(spent, int) and limit > 0:
                self._portal.client.note_left("daily", max(0, limit - spent), limit)
