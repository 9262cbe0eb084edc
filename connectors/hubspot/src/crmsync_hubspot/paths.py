"""Where each call goes, by API version: one table for our own calls and for those of the vendor's client.

HubSpot's numbered versions (v1 to v4) are unsupported from September 2027; the dated ones live 18 months. 2026-03 is the
default: its contract is published with HubSpot's own SDK, and unlike 2026-09 it does not bind API writes to the validation
rules that an admin set for the screens, where a write that worked yesterday becomes a 400. 2026-09 is one option away, and
`v3` is the way back should a dated path fail.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from crmsync_hubspot.objects import OBJECTS

VERSIONS = ("2026-03", "2026-09", "v3")
DEFAULT_VERSION = "2026-03"
# A dated version is supported for 18 months, the numbered ones until September 2027 (changelog, date-based versioning).
VERSION_ENDS: Mapping[str, date] = {"2026-03": date(2027, 9, 30), "2026-09": date(2028, 3, 8), "v3": date(2027, 9, 1)}

_DATED: Mapping[str, str] = {
    "objects": "/crm/objects/{version}/{object}",
    "associations": "/crm/associations/{version}/{object}/{target}/batch",
    "properties": "/crm/properties/{version}/{object}",
    "owners": "/crm/owners/{version}",
    "pipelines": "/crm/pipelines/{version}/{object}",
    "lists": "/crm/lists/{version}",
    "events": "/events/event-occurrences/{version}",
    "campaigns": "/marketing/campaigns/{version}",
    "account": "/account-info/{version}/details",
    "usage": "/account-info/{version}/api-usage/daily/private-apps",
    "token": "/oauth/{version}/token",
}

_NUMBERED: Mapping[str, str] = {
    "objects": "/crm/v3/objects/{object}",
    "associations": "/crm/v4/associations/{object}/{target}/batch",
    "properties": "/crm/v3/properties/{object}",
    "owners": "/crm/v3/owners/",
    "pipelines": "/crm/v3/pipelines/{object}",
    "lists": "/crm/v3/lists",
    "events": "/events/v3/events",
    "campaigns": "/marketing/v3/campaigns",
    "account": "/account-info/v3/details",
    "usage": "/account-info/v3/api-usage/daily/private-apps",
    "token": "/oauth/v3/token",
}

# No dated form exists of these (2026-09 has a beta of forms only; what a private app's token or a service key may do is told here).
_UNDATED: Mapping[str, str] = {
    "forms": "/marketing/v3/forms/",
    "visits": "/analytics/v2/reports/sources/daily",
    "token_info": "/oauth/v2/private-apps/get/access-token-info",
    "submissions": "/form-integrations/v1/submissions/forms/{object}",
}

# The families that a version can be set for; `usage` is asked of the same API as `account`.
FAMILIES = tuple(name for name in _DATED if name != "usage")
_PART_OF = {"usage": "account"}

# What hubspot-api-client calls, and the same call in dated form.
_VENDOR = re.compile(r"^/crm/v3/(?P<resource>objects|properties|owners|pipelines|lists)(?P<rest>/.*)?$")


@dataclass(frozen=True, slots=True)
class Paths:
    """The paths of one API version ("2026-03", "2026-09" or "v3"), and of others for some families of endpoints."""

    version: str = DEFAULT_VERSION
    by_family: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        strange = [one for one in (self.version, *self.by_family.values()) if one not in VERSIONS]
        if strange:
            raise ValueError(f"api_version {strange[0]!r} is none of {', '.join(VERSIONS)}")
        unknown = sorted(self.by_family.keys() - set(FAMILIES))
        if unknown:
            raise ValueError(f"api_versions: {unknown[0]!r} is none of {', '.join(FAMILIES)}")

    def version_of(self, family: str) -> str:
        """The version that a family's calls go to."""
        return self.by_family.get(family, self.version)

    @property
    def versions(self) -> frozenset[str]:
        """Every version that some family's calls go to."""
        return frozenset(self.version_of(family) for family in FAMILIES)

    def is_dated(self, family: str) -> bool:
        return self.version_of(family) != "v3"

    def of(self, resource: str, object: str = "", target: str = "") -> str:
        """The path of a resource. Raises KeyError for a resource that is not in the table."""
        family = _PART_OF.get(resource, resource)
        template = _UNDATED.get(resource) or (_DATED if self.is_dated(family) else _NUMBERED)[resource]
        return template.format(version=self.version_of(family), object=object, target=target)

    def records(self, object: str, tail: str = "") -> str:
        """The generic object API. Dated contracts name deals by type id alone."""
        segment = "0-3" if object == "deals" and self.is_dated("objects") else object
        return self.of("objects", segment) + tail

    def associations(self, object: str, target: str, tail: str) -> str:
        """Associations between two objects. Names are safe for some objects only, type ids for all of them."""
        return self.of("associations", OBJECTS[object].type_id, OBJECTS[target].type_id) + tail

    def of_vendor_client(self, path: str) -> str:
        """The path that stands for one of hubspot-api-client's (which knows v3 only, and adds trailing slashes)."""
        found = _VENDOR.match(path)
        if not found or not self.is_dated(found["resource"]):
            return path
        rest = (found["rest"] or "").rstrip("/")
        return f"/crm/{found['resource']}/{self.version_of(found['resource'])}{rest}"
