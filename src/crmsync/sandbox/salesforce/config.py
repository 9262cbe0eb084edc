"""What an org is like before anybody works in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

CUSTOMIZE, PERMISSION_SETS, ASSIGNMENTS, VIEW_SETUP = (
    "CustomizeApplication",
    "ManageProfilesPermissionsets",
    "AssignPermissionSets",
    "ViewSetup",
)
RIGHTS = frozenset({CUSTOMIZE, PERMISSION_SETS, ASSIGNMENTS, VIEW_SETUP})
"""Permissions of a user that setting up takes, by the names that the API has for them."""

Row = dict[str, Any]
"""A stored record: its fields by name. What is absent is null (or false)."""

AssignmentRule = Callable[[str, Mapping[str, Any]], str | None]
"""Object and row in, the owner's id out, or None to leave the owner: what an admin built for Lead."""


@dataclass(frozen=True, slots=True)
class ValidationRule:
    """An admin's rule: `broken(row, before)` says whether the write is refused; `before` is None on create."""

    object: str
    message: str
    broken: Callable[[Mapping[str, Any], Mapping[str, Any] | None], bool]
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Formula:
    """A field that is worked out whenever it is read: its value moves no stamp. `field` is a line of a field table without flags
    (`Grade__c string(10)`); `value(row, now)` gives it."""

    object: str
    field: str
    value: Callable[[Mapping[str, Any], datetime], Any]

    @property
    def name(self) -> str:
        return self.field.split()[0]


@dataclass(frozen=True, slots=True)
class Credentials:
    """The external client app that integrations log in with. Values for a sandbox, no secrets."""

    client_id: str = "3MVG9crmsync.sandbox"
    client_secret: str = "sandbox-secret"  # noqa: S105 - opens nothing but the sandbox
    username: str = "integration@sandbox.example"
    password: str = "sandbox-password"  # noqa: S105
    refresh_token: str = "5Aep861.sandbox.refresh"  # noqa: S105


@dataclass(frozen=True, slots=True)
class OrgConfig:
    """An org's edition, settings and habits. Nothing here changes while the org lives, save what `Org` lets an admin change.

    `commit_skew` is the longest time between the stamp of a person's write and the moment that integrations see it;
    `commit_skew_share` is the share of such writes that it happens to, drawn by `seed`.
    """

    provisioned: bool = True
    name: str = "Sandbox Inc."
    seed: int = 0
    is_sandbox: bool = True
    time_zone: str = "Asia/Tokyo"
    credentials: Credentials = Credentials()
    oldest_version: int = 31
    newest_version: int = 67
    daily_api_requests: int = 100_000
    shows_api_bursts: bool = False
    token_lifetime: timedelta = timedelta(hours=2)
    rotates_refresh_tokens: bool = False
    logins_per_hour: int = 3_600
    checks_assertion_time: bool = False
    """Off, because a client that signs by the wall clock would never meet the virtual one."""
    largest_page: int = 2_000
    """Below 2,000, pages come shorter than asked for, as they do for wide rows."""
    bulk_page: int = 50_000
    locator_lifetime: timedelta = timedelta(days=2)
    recycle_bin: timedelta = timedelta(days=15)
    archive_after: timedelta = timedelta(days=365)
    extra_fields: tuple[tuple[str, str], ...] = ()
    """Further fields: an object, and lines of a field table (`schema.read_fields`)."""
    formulas: tuple[Formula, ...] = ()
    person_accounts: bool = False
    multi_currency: bool = False
    hidden_fields: frozenset[tuple[str, str]] = frozenset()
    integration_rights: frozenset[str] = RIGHTS
    """What the integration user may set up, of `RIGHTS`."""
    assignment_rule: AssignmentRule | None = None
    duplicate_rule: str = "off"
    """For equal e-mail on Lead and Contact: `off`, `alert` (an API save passes with allowSave=true) or `block`."""
    misspells_duplicate_result: bool = False
    validation_rules: tuple[ValidationRule, ...] = ()
    captured: tuple[str, ...] = ("Account", "Contact", "Lead", "Opportunity", "Task")
    """Objects whose changes are told as events: five are free."""
    event_hold_seconds: float = 2.0
    """Real seconds that a request for events waits at most; the vendor's waits 110."""
    commit_skew: timedelta = timedelta(0)
    commit_skew_share: float = 0.0
