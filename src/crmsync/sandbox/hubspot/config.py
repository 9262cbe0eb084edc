"""How one sandbox portal behaves. Every oddity that the vendor shows only sometimes has its switch here."""

from __future__ import annotations

from dataclasses import dataclass, field

ALL_SCOPES = (
    "oauth",
    "content",
    "forms",
    "marketing.campaigns.read",
    "business-intelligence",
    "sales-email-read",
    "crm.lists.read",
    "crm.lists.write",
    "crm.export",
    "crm.objects.owners.read",
    "crm.objects.users.read",
    *(f"crm.objects.{kind}.{way}" for kind in ("contacts", "companies", "deals", "leads") for way in ("read", "write")),
    *(f"crm.schemas.{kind}.{way}" for kind in ("contacts", "companies", "deals", "leads") for way in ("read", "write")),
    "tickets",
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Request limits, counted in real time unless said otherwise. `enforced=False` still sends the headers, but refuses nobody."""

    enforced: bool = True
    burst: int = 100
    """Calls per `burst_seconds`: 100 on Free and Starter, 190 above."""
    burst_seconds: float = 10.0
    search_per_second: int = 5
    """Shared by all apps of an account, outside the burst."""
    daily: int = 250_000
    """Counted in the portal's own time; starts anew at its midnight."""
    retry_after: bool = False
    """Whether a 429 says how long to wait; the vendor often does not."""


@dataclass(frozen=True, slots=True)
class Search:
    """The search index. `lag_seconds` and `lag_jitter_seconds` are in the portal's own time."""

    lag_seconds: float = 3.0
    lag_jitter_seconds: float = 1.0
    cap: int = 10_000
    """Results that one query can reach."""
    truncates_milliseconds: bool = False


@dataclass(frozen=True, slots=True)
class Credentials:
    """What callers must show. The defaults are the sandbox's own and open nothing else."""

    private_app_token: str = "pat-na1-00000000-c0de-4000-8000-000000000001"  # noqa: S105
    client_id: str = "sandbox-client-id"
    client_secret: str = "sandbox-client-secret"  # noqa: S105 - opens the sandbox only
    refresh_token: str = "sandbox-refresh-token"  # noqa: S105
    access_seconds: int = 1800
    scopes: tuple[str, ...] = ALL_SCOPES


@dataclass(frozen=True, slots=True)
class PortalConfig:
    """One portal: its identity, its tier, its limits and its moods."""

    portal_id: int = 4_400_001
    app_id: int = 77_001
    app_name: str = "crmsync"
    time_zone: str = "Asia/Tokyo"
    ui_domain: str = "app.hubspot.com"
    provisioned: bool = True
    """Whether the custom properties that crmsync maps exist from the start."""
    enterprise: bool = False
    """Whether event occurrences can be read."""
    marketing_hub: bool = True
    """Whether the plan has marketing campaigns and analytics reports."""
    sales_hub: bool = True
    """Whether the leads object exists."""
    credentials: Credentials = field(default_factory=Credentials)
    limits: Limits = field(default_factory=Limits)
    search: Search = field(default_factory=Search)
    first_id: int = 101
    milliseconds: bool = True
    """False: timestamps lose their fraction."""
    cleared_as_empty: bool = False
    """True: a cleared value reads as an empty string instead of null."""
    numeric_to_object_id: bool = True
    """False: `toObjectId` is a string."""
    unknown_extra_keys: bool = False
    """True: records and pages carry keys that nobody documented."""
    merge_keeps_primary_id: bool = False
    """True: the merged record keeps the primary's id, as in the vendor's beta."""
    unique_properties_on_tasks: bool = True
    analytics_bump_modified: bool = True
    """Whether a visit counts as a modification of the contact; rollups never do."""
    association_page: int = 500
    """Associated records per input and page of an association read."""
    association_gaps_as_errors: bool = False
    """True: records without associations come back as errors in a 207."""
    token_seed: str = "crmsync"  # noqa: S105 - where access tokens are derived from
    required_by_rule: tuple[tuple[str, str, str, str], ...] = ()
    """Admins' rules (type, property, value, property that is then required); bound only on 2026-09 paths."""
