"""The options of a HubSpot connection, with their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from crmsync.connect.contract import ConnectionSettings
from crmsync.errors import StopConnector
from crmsync_hubspot.paths import DEFAULT_VERSION, FAMILIES, VERSIONS, Paths
from crmsync_hubspot.windows import Lags

# Way of authentication → the names under `auth:` that it needs.
AUTH_SECRETS: Mapping[str, tuple[str, ...]] = {
    "token": ("token",),
    "oauth": ("client_id", "client_secret", "refresh_token"),
}


@dataclass(frozen=True, slots=True)
class Options:
    """`bin_every` is how often the recycle bin is read and `bin_pages` how much of it at a time, `sweep_every` and `sweep_pages`
    likewise for listing everything anew; `page_views_since` is how far
    back the first read of page views goes; `reports_every` is how often campaigns with their spend
    and visits are read, `visits_days` how far back the first reading of visits goes."""

    paths: Paths = field(default_factory=Paths)
    lags: Lags = field(default_factory=Lags)
    bin_every: timedelta = timedelta(hours=6)
    bin_pages: int = 50
    sweep_every: timedelta = timedelta(days=7)
    sweep_pages: int = 200
    page_views_since: timedelta = timedelta(days=90)
    reports_every: timedelta = timedelta(hours=6)
    visits_days: int = 400


# What `options:` of a connection may hold. Zero turns the trailing reach off.
OPTION_TYPES: Mapping[str, type] = {
    "api_version": str,
    "api_versions": dict,
    "refresh_token_file": str,
    "settle_seconds": int,
    "overlap_seconds": int,
    "trailing_seconds": int,
    "archive_every_hours": int,
    "archive_pages": int,
    "sweep_every_days": int,
    "sweep_pages": int,
    "page_views_days": int,
    "reports_every_hours": int,
    "visits_days": int,
}


def read_options(settings: ConnectionSettings) -> Options:
    """The options of a connection. Raises StopConnector for a value that cannot be."""
    default = Options()
    lags = Lags(
        timedelta(seconds=_count(settings, "settle_seconds", default.lags.settle.total_seconds())),
        timedelta(seconds=_count(settings, "overlap_seconds", default.lags.overlap.total_seconds())),
        timedelta(seconds=_count(settings, "trailing_seconds", default.lags.trailing.total_seconds())),
    )
    return Options(
        _paths(settings),
        lags,
        timedelta(hours=_count(settings, "archive_every_hours", default.bin_every.total_seconds() / 3600)),
        max(1, _count(settings, "archive_pages", default.bin_pages)),
        timedelta(days=_count(settings, "sweep_every_days", default.sweep_every.days)),
        max(1, _count(settings, "sweep_pages", default.sweep_pages)),
        timedelta(days=_count(settings, "page_views_days", default.page_views_since.days)),
        timedelta(hours=max(1, _count(settings, "reports_every_hours", default.reports_every.total_seconds() / 3600))),
        _count(settings, "visits_days", default.visits_days),
    )


def _paths(settings: ConnectionSettings) -> Paths:
    """The version for all families of endpoints, and those that are set for some."""
    version = str(settings.options.get("api_version", DEFAULT_VERSION))
    if version not in VERSIONS:
        raise _wrong(settings, "api_version", version, " | ".join(VERSIONS))
    own = settings.options.get("api_versions") or {}
    if not isinstance(own, Mapping) or not all(str(one) in VERSIONS for one in own.values()) or not own.keys() <= set(FAMILIES):
        raise _wrong(settings, "api_versions", own, f"{{{' | '.join(FAMILIES)}: {' | '.join(VERSIONS)}}}")
    return Paths(version, {family: str(one) for family, one in own.items()})


def _count(settings: ConnectionSettings, name: str, default: float) -> int:
    value: Any = settings.options.get(name, int(default))
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _wrong(settings, name, value, "0, 1, 2, …")
    return value


def _wrong(settings: ConnectionSettings, name: str, value: Any, expected: str) -> StopConnector:
    return StopConnector("connect.option_wrong", connection=settings.name, option=name, value=repr(value), expected=expected)
