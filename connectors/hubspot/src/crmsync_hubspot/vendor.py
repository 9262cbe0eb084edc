"""HubSpot's own client library, for the typed calls of low volume: properties, property groups, owners, pipelines.

It knows v3 only, opens a pool of its own per API object, has no timeout and does not retry writes. So it travels on the
connection's transport (budget, retry, auth, timeouts), its paths are rewritten to the dated ones on the way out, and each API
object is made once. Answers are taken raw: its models refuse what HubSpot leaves out and drop what HubSpot adds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

import orjson

from crmsync.connect.calls import Call, CallRejected
from crmsync.connect.client import ApiClient
from crmsync.connect.paging import LoopGuard
from crmsync_hubspot.faults import fault_of
from crmsync_hubspot.paths import Paths
from crmsync_hubspot.portal import check_listed
from crmsync_hubspot.records import next_after

OWNERS_LIMIT = 100  # HubSpot's default; 500 is in use by others, but not documented

# The library's classes → the family of their paths and its end; the first word of its methods → the HTTP method.
_SENDS: Mapping[str, tuple[str, str]] = {
    "CoreApi": ("properties", ""),
    "GroupsApi": ("properties", "/groups"),
    "OwnersApi": ("owners", ""),
    "PipelinesApi": ("pipelines", ""),
}
_VERBS: Mapping[str, Literal["GET", "POST", "PATCH"]] = {"get": "GET", "create": "POST", "update": "PATCH"}


class VendorClient:
    """hubspot-api-client on our transport."""

    def __init__(self, client: ApiClient, paths: Paths) -> None:
        self._client = client
        self._paths = paths

    def properties(self, object: str) -> list[Mapping[str, Any]]:
        """Every property of an object, unpaged. Raises CallRejected where the credentials may not."""
        return self._rows(self._properties.get_all, object)

    def property_groups(self, object: str) -> list[Mapping[str, Any]]:
        """Every property group of an object."""
        return self._rows(self._groups.get_all, object)

    def create_property_group(self, object: str, name: str, label: str) -> None:
        """Raises CallRejected where the credentials may not."""
        self._call(self._groups.create, object, property_group_create={"name": name, "label": label})

    def create_property(self, object: str, definition: Mapping[str, Any]) -> None:
        """Raises CallRejected (409 where the name is taken). A property of that name in the recycle bin comes back."""
        self._call(self._properties.create, object, property_create=dict(definition))

    def update_property_options(self, object: str, name: str, options: Sequence[Mapping[str, Any]]) -> None:
        """Replace the whole list of options: whoever calls gives the old ones too."""
        self._call(self._properties.update, object, name, property_update={"options": list(options)})

    def owners(self, *, archived: bool) -> Iterator[Mapping[str, Any]]:
        """Owners, the active or the archived ones: HubSpot lists them apart."""
        guard = LoopGuard(self._client.name, "owners")
        after: str | None = ""
        while after is not None:
            guard.check(after)
            asked = {"limit": OWNERS_LIMIT, "archived": "true" if archived else "false"} | ({"after": after} if after else {})
            answer = self._listed(self._owners.get_page, **asked)
            yield from answer["results"]
            after = next_after(answer)

    def pipelines(self, object: str) -> list[Mapping[str, Any]]:
        """Every pipeline of an object with its stages, unpaged."""
        return self._rows(self._pipelines.get_all, object)

    @cached_property
    def _properties(self) -> Any:
        return self._hubspot.crm.properties.core_api

    @cached_property
    def _groups(self) -> Any:
        return self._hubspot.crm.properties.groups_api

    @cached_property
    def _owners(self) -> Any:
        return self._hubspot.crm.owners.owners_api

    @cached_property
    def _pipelines(self) -> Any:
        return self._hubspot.crm.pipelines.pipelines_api

    @cached_property
    def _hubspot(self) -> Any:
        # Imported on first use: 2,184 modules that a command which never calls HubSpot need not load.
        from hubspot import HubSpot

        host = self._client.base_urls["api"].rstrip("/")
        # The token is a placeholder that never leaves: the transport drops it and signs by the connection's own auth.
        return HubSpot(access_token="unused", host=host, api_factory=self._api)  # noqa: S106

    def _api(self, package: Any, name: str, settings: Mapping[str, Any]) -> Any:
        configuration = package.Configuration()
        for key, value in settings.items():
            setattr(configuration, key, value)
        api_client = package.ApiClient(configuration=configuration)
        api_client.rest_client.pool_manager = self._client.urllib3_pool(self._shape)
        return getattr(package, name)(api_client=api_client)

    def _shape(self, call: Call) -> Call:
        url = urlsplit(call.url)
        path = self._paths.of_vendor_client(url.path)
        return replace(call, url=urlunsplit(url._replace(path=path)), wants_json=True)

    def _rows(self, method: Callable[..., Any], object: str) -> list[Mapping[str, Any]]:
        return list(self._listed(method, object)["results"])

    def _listed(self, method: Callable[..., Any], *arguments: Any, **named: Any) -> Mapping[str, Any]:
        """The answer to a call that lists things, which are its `results`. Raises RetryLater for one without."""
        answer = self._call(method, *arguments, **named)
        check_listed(self._client, self._shown(method, *arguments), answer)
        return answer

    def _call(self, method: Callable[..., Any], *arguments: Any, **named: Any) -> Mapping[str, Any]:
        """Raises CallRejected for what the library calls an ApiException; all else is the transport's own errors."""
        try:
            answer = orjson.loads(method(*arguments, **named, _preload_content=False).data or b"{}")
        except _api_exceptions() as error:
            # Not chained: its text holds the whole answer, personal data included.
            raise self._rejected(self._shown(method, *arguments), error) from None
        return answer if isinstance(answer, Mapping) else {}

    def _shown(self, method: Callable[..., Any], *arguments: Any) -> Call:
        """What a method of the library sends, as people are told it."""
        family, tail = _SENDS[type(method.__self__).__name__]  # type: ignore[attr-defined]  # all are bound methods
        return Call(_VERBS[method.__name__.partition("_")[0]], self._paths.of(family, *map(str, arguments[:1])) + tail)

    def _rejected(self, call: Call, error: Any) -> CallRejected:
        fault = fault_of(int(error.status), _json(error.body))
        return CallRejected(
            "connect.rejected",
            connection=self._client.name,
            method=call.method,
            path=call.path,
            status=fault.status,
            vendor_code=fault.code,
            message=fault.message,
        )


def _api_exceptions() -> tuple[type[Exception], ...]:
    """Each generated package has its own class of that name, with no common base."""
    from hubspot.crm.owners.exceptions import ApiException as OwnersException
    from hubspot.crm.pipelines.exceptions import ApiException as PipelinesException
    from hubspot.crm.properties.exceptions import ApiException as PropertiesException

    return (OwnersException, PipelinesException, PropertiesException)


def _json(body: Any) -> Any:
    try:
        return orjson.loads(body)
    except (orjson.JSONDecodeError, TypeError):
        return None
