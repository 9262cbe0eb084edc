"""The one table of endpoints: every family under all of its spellings, and who may call what."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from crmsync.sandbox.hubspot.api import associations, batches, marketing, oauth, objects, reports, schemas
from crmsync.sandbox.hubspot.api.exchange import Reply, Request
from crmsync.sandbox.hubspot.types import object_type

Handler = Callable[[Request], Reply]
_DATES = ("2025-09", "2026-03", "2026-09")
_LATE_DATES = ("2026-03", "2026-09")
_OBJECT_SCOPE, _SCHEMA_SCOPE = "crm.objects.{scope}.{way}", "crm.schemas.{scope}.{way}"


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint of a family. `scope` may name the object type's own scope and the way (`read`, `write`)."""

    method: str
    template: tuple[str, ...]
    handler: Handler
    scope: str = ""
    versions: tuple[str, ...] = ()
    """Empty: every version of the family."""
    way: str = "read"
    search: bool = False


@dataclass(frozen=True, slots=True)
class Family:
    """A group of endpoints with its spellings: a pattern that ends where the endpoint's own path begins."""

    pattern: re.Pattern[str]
    routes: tuple[Route, ...]
    public: bool = False


def _route(
    line: str, handler: Handler, scope: str = "", way: str = "read", *, versions: tuple[str, ...] = (), search: bool = False
) -> Route:
    method, _, path = line.partition(" ")
    return Route(method, tuple(part for part in path.split("/") if part), handler, scope, versions, way, search)


def _dated(dates: tuple[str, ...]) -> str:
    return "|".join(map(re.escape, dates))


def _family(*spellings: str, routes: tuple[Route, ...], public: bool = False) -> Family:
    return Family(re.compile("(?:" + "|".join(spellings) + ")(?=/|$)"), routes, public)


_UNTIL_2026_03 = ("v3", "v4", "2025-09", "2026-03")
_OBJECTS = (
    _route("GET {type}", objects.list_records, _OBJECT_SCOPE),
    _route("POST {type}", objects.create_record, _OBJECT_SCOPE, "write"),
    _route("POST {type}/search", objects.search, _OBJECT_SCOPE, search=True),
    _route("POST {type}/merge", objects.merge_records, _OBJECT_SCOPE, "write"),
    _route("POST {type}/gdpr-delete", objects.gdpr_delete, _OBJECT_SCOPE, "write"),
    _route("POST {type}/batch/read", batches.read, _OBJECT_SCOPE),
    _route("POST {type}/batch/create", batches.create, _OBJECT_SCOPE, "write"),
    _route("POST {type}/batch/update", batches.update, _OBJECT_SCOPE, "write"),
    _route("POST {type}/batch/upsert", batches.upsert, _OBJECT_SCOPE, "write"),
    _route("POST {type}/batch/archive", batches.archive, _OBJECT_SCOPE, "write"),
    _route("GET {type}/{id}", objects.get_record, _OBJECT_SCOPE),
    _route("PATCH {type}/{id}", objects.update_record, _OBJECT_SCOPE, "write"),
    _route("DELETE {type}/{id}", objects.archive_record, _OBJECT_SCOPE, "write"),
    _route("GET {from}/{id}/associations/{to}", associations.get_one, _OBJECT_SCOPE, versions=_UNTIL_2026_03),
    _route("PUT {from}/{id}/associations/default/{to}/{toId}", associations.put_default, _OBJECT_SCOPE, "write"),
    _route("PUT {from}/{id}/associations/{to}/{toId}", associations.put_labels, _OBJECT_SCOPE, "write"),
    _route("DELETE {from}/{id}/associations/{to}/{toId}", associations.delete_one, _OBJECT_SCOPE, "write"),
)
_NOT_V3 = ("v4", *_DATES)
_ASSOCIATIONS = (
    _route("POST {from}/{to}/batch/read", associations.read_v3, _OBJECT_SCOPE, versions=("v3",)),
    _route("POST {from}/{to}/batch/read", associations.read, _OBJECT_SCOPE, versions=_NOT_V3),
    _route("POST {from}/{to}/batch/create", associations.create, _OBJECT_SCOPE, "write", versions=_NOT_V3),
    _route("POST {from}/{to}/batch/associate/default", associations.create_default, _OBJECT_SCOPE, "write", versions=_NOT_V3),
    _route("POST {from}/{to}/batch/archive", associations.archive, _OBJECT_SCOPE, "write", versions=_NOT_V3),
    _route("POST {from}/{to}/batch/labels/archive", associations.archive_labels, _OBJECT_SCOPE, "write", versions=_NOT_V3),
    _route("GET {from}/{to}/labels", associations.labels, _OBJECT_SCOPE, versions=_NOT_V3),
    _route("POST {from}/{to}/labels", associations.create_label, _OBJECT_SCOPE, "write", versions=_NOT_V3),
)
_PROPERTIES = (
    _route("GET {type}", schemas.list_properties, _SCHEMA_SCOPE),
    _route("POST {type}", schemas.create_property, _SCHEMA_SCOPE, "write"),
    _route("POST {type}/batch/read", schemas.read_properties, _SCHEMA_SCOPE),
    _route("POST {type}/batch/create", schemas.create_properties, _SCHEMA_SCOPE, "write"),
    _route("POST {type}/batch/archive", schemas.archive_properties, _SCHEMA_SCOPE, "write"),
    _route("GET {type}/groups", schemas.list_groups, _SCHEMA_SCOPE),
    _route("POST {type}/groups", schemas.create_group, _SCHEMA_SCOPE, "write"),
    _route("GET {type}/groups/{name}", schemas.get_group, _SCHEMA_SCOPE),
    _route("PATCH {type}/groups/{name}", schemas.update_group, _SCHEMA_SCOPE, "write"),
    _route("DELETE {type}/groups/{name}", schemas.archive_group, _SCHEMA_SCOPE, "write"),
    _route("GET {type}/{name}", schemas.get_property, _SCHEMA_SCOPE),
    _route("PATCH {type}/{name}", schemas.update_property, _SCHEMA_SCOPE, "write"),
    _route("DELETE {type}/{name}", schemas.archive_property, _SCHEMA_SCOPE, "write"),
)
_PIPELINES = (
    _route("GET {type}", schemas.list_pipelines, _OBJECT_SCOPE),
    _route("POST {type}", schemas.create_pipeline, _OBJECT_SCOPE, "write"),
    _route("GET {type}/{id}", schemas.get_pipeline, _OBJECT_SCOPE),
    _route("PATCH {type}/{id}", schemas.update_pipeline, _OBJECT_SCOPE, "write"),
    _route("GET {type}/{id}/stages", schemas.list_stages, _OBJECT_SCOPE),
    _route("GET {type}/{id}/stages/{stage}", schemas.get_stage, _OBJECT_SCOPE),
)
_LISTS = (
    _route("GET", marketing.lists_by_id, "crm.lists.read"),
    _route("POST", marketing.create_list, "crm.lists.write"),
    _route("POST search", marketing.search_lists, "crm.lists.read"),
    _route("GET {id}", marketing.get_list, "crm.lists.read"),
    _route("GET {id}/memberships", marketing.members, "crm.lists.read"),
    _route("GET {id}/memberships/join-order", marketing.members_by_joining, "crm.lists.read"),
    _route("PUT {id}/memberships/add", marketing.add_members, "crm.lists.write"),
    _route("PUT {id}/memberships/remove", marketing.remove_members, "crm.lists.write"),
    _route("PUT {id}/memberships/add-and-remove", marketing.change_members, "crm.lists.write"),
)
_OWNERS = "crm.objects.owners.read"
_CAMPAIGNS = "marketing.campaigns.read"
_CALLS, _LATE = _dated(_DATES), _dated(_LATE_DATES)
FAMILIES = (
    _family(r"/crm/(?:v3|v4)/objects", rf"/crm/objects/(?:{_CALLS})", routes=_OBJECTS),
    _family(r"/crm/(?:v3|v4)/associations", rf"/crm/associations/(?:{_CALLS})", routes=_ASSOCIATIONS),
    _family(r"/crm/v3/properties", rf"/crm/properties/(?:{_CALLS})", routes=_PROPERTIES),
    _family(r"/crm/v3/pipelines", rf"/crm/pipelines/(?:{_LATE})", routes=_PIPELINES),
    _family(
        r"/crm/v3/owners",
        rf"/crm/owners/(?:{_LATE})",
        routes=(_route("GET", schemas.list_owners, _OWNERS), _route("GET {id}", schemas.get_owner, _OWNERS)),
    ),
    _family(r"/crm/v3/lists", rf"/crm/lists/(?:{_LATE})", routes=_LISTS),
    _family(r"/crm/v3/schemas", routes=(_route("GET", schemas.custom_schemas),)),
    _family(
        r"/events/v3/events",
        rf"/events/event-occurrences/(?:{_LATE})",
        routes=(
            _route("GET", marketing.events, "business-intelligence"),
            _route("GET event-types", marketing.event_types, "business-intelligence"),
        ),
    ),
    _family(
        r"/marketing/v3/forms",
        r"/marketing/forms/2026-09-beta",
        routes=(_route("GET", marketing.list_forms, "forms"), _route("GET {id}", marketing.get_form, "forms")),
    ),
    _family(r"/form-integrations/v1/submissions/forms", routes=(_route("GET {id}", marketing.submissions, "forms"),)),
    _family(
        r"/marketing/v3/campaigns",
        rf"/marketing/campaigns/(?:{_LATE})",
        routes=(
            _route("GET", reports.list_campaigns, _CAMPAIGNS),
            _route("GET {id}", reports.get_campaign, _CAMPAIGNS),
            _route("GET {id}/budget/totals", reports.budget_totals, _CAMPAIGNS),
        ),
    ),
    _family(r"/analytics/v2/reports", routes=(_route("GET sources/daily", reports.visits, "business-intelligence"),)),
    _family(
        r"/account-info/v3",
        rf"/account-info/(?:{_CALLS})",
        routes=(_route("GET details", schemas.account_details), _route("GET api-usage/daily/private-apps", schemas.daily_usage)),
    ),
    _family(
        r"/oauth/v1",
        r"/oauth/v3",
        rf"/oauth/(?:{_LATE})",
        routes=(
            _route("POST token", oauth.token),
            _route("POST token/introspect", oauth.introspect),
            _route("POST token/revoke", oauth.revoke),
            _route("POST introspect", oauth.introspect),
            _route("POST revoke", oauth.revoke),
            _route("GET access-tokens/{token}", oauth.access_token, versions=("v1",)),
        ),
        public=True,
    ),
    _family(
        r"/oauth/v2/private-apps/get",
        routes=(_route("POST access-token-info", oauth.private_app),),
        public=True,
    ),
)
_VERSION = re.compile(r"/(v\d|\d{4}-\d{2})(?=[/-]|$)")


@dataclass(frozen=True, slots=True)
class Match:
    """An endpoint that a path leads to."""

    family: Family
    route: Route
    version: str
    params: dict[str, str]

    def scope(self) -> str:
        """The scope that a caller needs, "" for none."""
        word = self.params.get("type") or self.params.get("from")
        if word is None or "{" not in self.route.scope:
            return self.route.scope
        kind = object_type(word)
        return "tickets" if kind.scope == "tickets" else self.route.scope.format(scope=kind.scope, way=self.route.way)


def match(method: str, path: str) -> Match | None:
    """The endpoint behind a method and a path; None when there is none. Literal parts win over parameters."""
    plain = path.rstrip("/")
    for family in FAMILIES:
        head = family.pattern.match(plain)
        found = _VERSION.search(plain) if head is not None else None
        if head is None or found is None:
            continue
        parts = tuple(part for part in plain[head.end() :].split("/") if part)
        for route, params in sorted(_fitting(family, method, found[1], parts), key=lambda fit: len(fit[1])):
            return Match(family, route, found[1], params)
    return None


def _fitting(family: Family, method: str, version: str, parts: tuple[str, ...]) -> Iterator[tuple[Route, dict[str, str]]]:
    for route in family.routes:
        if route.method != method or len(route.template) != len(parts) or (route.versions and version not in route.versions):
            continue
        pairs = list(zip(route.template, parts, strict=True))
        if all(wanted.startswith("{") or wanted == part for wanted, part in pairs):
            yield route, {wanted[1:-1]: part for wanted, part in pairs if wanted.startswith("{")}
