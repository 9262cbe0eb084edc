"""Holds HubSpot traffic against the contract of its 2026-03 API: endpoints, query parameters, bodies, replies.

The contract file was extracted from the vendor's own published client (see NOTICE). Paths of any version are mapped onto its
endpoints. What it has no endpoint for is wrong, except for the short table `EXTRA` below.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import orjson

from crmsync.testing.typeexpr import REPLY, REQUEST, Field, Finding, Shape, against_fields, findings

_VERSION = "2026-03"
_DATE = r"\d{4}-\d{2}(?:-beta)?"
_SPELLINGS = tuple(
    (re.compile(pattern), onto)
    for pattern, onto in (
        (r"^/crm/v[34]/(objects|associations|properties|pipelines|owners|lists)(?=/|$)", rf"/crm/\1/{_VERSION}"),
        (rf"^/crm/(objects|associations|properties|pipelines|owners|lists)/{_DATE}(?=/|$)", rf"/crm/\1/{_VERSION}"),
        (r"^/events/v3/events(?=/|$)", f"/events/event-occurrences/{_VERSION}"),
        (rf"^/events/event-occurrences/{_DATE}(?=/|$)", f"/events/event-occurrences/{_VERSION}"),
        (r"^/account-info/v3(?=/|$)", f"/account-info/{_VERSION}"),
        (rf"^/account-info/{_DATE}(?=/|$)", f"/account-info/{_VERSION}"),
        (rf"^/oauth/(?:v1|v3|{_DATE})/token(?=/|$)", f"/oauth/{_VERSION}/token"),
        (rf"^/oauth/(?:v3|{_DATE})/(introspect|revoke)$", rf"/oauth/{_VERSION}/token/\1"),
        (rf"^/marketing/forms/{_DATE}(?=/|$)", "/marketing/v3/forms"),
    )
)
_OBJECT_WORDS = {
    **dict.fromkeys(("contact", "0-1"), "contacts"),
    **dict.fromkeys(("company", "0-2"), "companies"),
    **dict.fromkeys(("deal", "deals"), "0-3"),
    **dict.fromkeys(("ticket", "0-5"), "tickets"),
    **dict.fromkeys(("communication", "0-18"), "communications"),
    **dict.fromkeys(("task", "0-27"), "tasks"),
    **dict.fromkeys(("note", "0-46"), "notes"),
    **dict.fromkeys(("meeting", "0-47"), "meetings"),
    **dict.fromkeys(("call", "0-48"), "calls"),
    **dict.fromkeys(("email", "0-49"), "emails"),
    **dict.fromkeys(("lead", "0-136"), "leads"),
}
_QUERY_ONLY = {"batch/read": {"archived"}, "PATCH": {"idProperty"}}
"""Where the contract has one type for query and body: the fields that belong into the query."""
_ID_LIST, _LABELS = "List[str]", "List[AssociationSpec]"
_BARE_BODIES = {
    "memberships/add": _ID_LIST,
    "memberships/remove": _ID_LIST,
    "associations/{to_object_type}/{to_object_id}": _LABELS,
}
"""Endpoints whose body is a bare list, which the contract does not carry (vendor's lists and associations guides)."""


def _fields(required: str, optional: str = "") -> Shape:
    """A type given as `name:expression` words."""
    rows = [(word.partition(":"), True) for word in required.split()] + [(word.partition(":"), False) for word in optional.split()]
    return Shape({name: Field(expression, needed) for (name, _, expression), needed in rows})


_ID = _fields("id:str")
_PROPERTY = _fields(
    "name:str label:str type:str fieldType:str groupName:str description:str options:List[Option]",
    "calculated:bool externalOptions:bool hasUniqueValue:bool hidden:bool hubspotDefined:bool formField:bool archived:bool "
    "dataSensitivity:str modificationMetadata:ModificationMetadata createdAt:datetime updatedAt:datetime",
)
_BATCH_OF_PROPERTIES = _fields("status:str results:List[Property] startedAt:datetime completedAt:datetime")
_RESERVED = "ReservedKeywords"
_RESERVED_FIELDS = {"from": Field("PublicObjectID", required=True)}
"""`from` is a word of Python: the vendor's client keeps it in a base type of its own (…ReservedKeywords), which the extraction
names but did not carry. All three such types are inputs of associations, where it is the near record (associations guide)."""
_SUPPLEMENT = {
    "PublicObjectID": _ID,
    "AssociationSpec": _fields(
        "associationCategory:Literal['HUBSPOT_DEFINED','INTEGRATOR_DEFINED','USER_DEFINED','WORK'] associationTypeId:int"
    ),
    "PropertyName": _fields("name:str"),
    "PropertyCreate": Shape({}, "PropertyCreateParams"),
    "OptionInput": _fields("displayOrder:int hidden:bool label:str value:str", "description:str"),
    "Option": _fields("label:str value:str hidden:bool", "displayOrder:int description:str"),
    "ModificationMetadata": _fields("archivable:bool readOnlyDefinition:bool readOnlyValue:bool", "readOnlyOptions:bool"),
    "Property": _PROPERTY,
    "CollectionResponsePropertyNoPaging": _fields("results:List[Property]"),
    "BatchResponseProperty": _BATCH_OF_PROPERTIES,
    "PublicTeam": _fields("id:str name:str primary:bool"),
    "TokenResponseIf": _fields("access_token:str token_type:str expires_in:int", "refresh_token:str hub_id:int scopes:List[str]"),
}
"""Types that the extraction left out, restated from the vendor's guides."""


@dataclass(frozen=True, slots=True)
class Extra:
    """An endpoint outside the contract that may be called all the same, with its query parameters and body keys."""

    method: str
    path: re.Pattern[str]
    query: frozenset[str] = frozenset()
    body: frozenset[str] = frozenset()


def _extra(line: str, query: str = "", body: str = "") -> Extra:
    method, _, path = line.partition(" ")
    return Extra(method, re.compile(path + "$"), frozenset(query.split()), frozenset(body.split()))


EXTRA = (
    _extra("GET /form-integrations/v1/submissions/forms/[^/]+", "limit after"),
    _extra("GET /marketing/v3/forms", "limit after archived formTypes"),
    _extra("GET /marketing/v3/forms/[^/]+", "archived"),
    _extra("GET /marketing/(v3/campaigns|campaigns/2026-0[39])", "limit after properties sort name"),
    _extra("GET /marketing/(v3/campaigns|campaigns/2026-0[39])/[^/]+(/budget/totals)?", "properties"),
    _extra("GET /analytics/v2/reports/sources/daily", "start end"),
    _extra("GET /email/public/v1/events", "startTimestamp endTimestamp limit offset eventType recipient"),
    _extra("POST /oauth/v2/private-apps/get/access-token-info", body="tokenKey"),
    _extra("GET /oauth/v1/access-tokens/[^/]+"),
    _extra(rf"GET /crm/objects/{_VERSION}/[^/]+/[^/]+/associations/[^/]+", "after limit"),
    _extra("GET /crm/v3/schemas", "archived"),
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint of the contract; `query`, `body` and `response` are type expressions or keys of its type table."""

    method: str
    template: tuple[str, ...]
    source: str
    query: str
    body: str
    response: str

    @property
    def path_fields(self) -> frozenset[str]:
        """The path's parameters as the type table spells them."""
        return frozenset(_camel(part[1:-1]) for part in self.template if part.startswith("{"))


class HubSpotContract:
    """The contract file, ready to be asked."""

    def __init__(self, path: Path) -> None:
        document = orjson.loads(path.read_bytes())
        self._shapes = {key: _shape(row) for key, row in document["types"].items()}
        self._keys: dict[str, list[str]] = {}
        for key in self._shapes:
            self._keys.setdefault(key.rpartition(":")[2], []).append(key)
        self._endpoints: dict[tuple[str, int], list[Endpoint]] = {}
        for row in document["endpoints"]:
            endpoint = _endpoint(row)
            self._endpoints.setdefault((endpoint.method, len(endpoint.template)), []).append(endpoint)

    def endpoint(self, method: str, path: str) -> Endpoint | None:
        """The contract's endpoint for a path of any version; literal parts win over parameters."""
        parts = _mapped(path)
        found = [e for e in self._endpoints.get((method.upper(), len(parts)), ()) if _fits(e.template, parts)]
        return min(found, key=lambda endpoint: sum(part.startswith("{") for part in endpoint.template), default=None)

    def check_request(
        self, method: str, path: str, query: Mapping[str, str | Sequence[str]] | None = None, body: Any = None
    ) -> Finding:
        """What is wrong with a request. `path` is without query; `body` is parsed JSON or form fields, None for none."""
        given = {name: [value] if isinstance(value, str) else list(value) for name, value in (query or {}).items()}
        endpoint = self.endpoint(method, path)
        if endpoint is None:
            return _check_extra(method, path, given, body)
        return self._check_query(endpoint, given) + self._check_body(endpoint, body)

    def check_response(self, method: str, path: str, status: int, body: Any) -> Finding:
        """What is wrong with a reply; only successes of contract endpoints are held against it, unknown keys are fine."""
        endpoint = self.endpoint(method, path)
        if endpoint is None or not 200 <= status < 300:
            return []
        expression = endpoint.response
        if expression == "NoneType":
            return [] if body in (None, "", {}) else ["reply: no body expected"]
        page = re.fullmatch(r"SyncPage\[(.+)\]", expression)
        resolve = self._resolver(endpoint)
        if page:
            fields = {"results": Field(f"List[{page[1]}]", required=True), "paging": Field("Optional[Paging]", required=False)}
            return against_fields(fields, body, "reply", REPLY, resolve)
        cast = re.fullmatch(r"cast\(Any, (\w+)\)", expression)
        return findings(cast[1] if cast else expression, body, "reply", REPLY, resolve)

    def _resolver(self, endpoint: Endpoint) -> Callable[[str], Shape | None]:
        """Names are not unique in the contract: the one nearest to the endpoint's own module is meant."""

        def resolve(name: str) -> Shape | None:
            if name in _SUPPLEMENT:
                return _SUPPLEMENT[name]
            keys = self._keys.get(name, [])
            best = max(keys, key=lambda key: _nearness(key, name, endpoint.source), default=None)
            return None if best is None else self._shapes[best]

        return resolve

    def _fields(self, key: str) -> Mapping[str, Field]:
        return self._shapes[key].fields if key in self._shapes else {}

    def _check_query(self, endpoint: Endpoint, given: Mapping[str, Sequence[str]]) -> Finding:
        fields = {name: row for name, row in self._fields(endpoint.query).items() if name not in endpoint.path_fields}
        if endpoint.query == endpoint.body:
            own = _query_only(endpoint)
            fields = {name: row for name, row in fields.items() if name in own}
        found = [f"query: required `{name}` is missing" for name, row in fields.items() if row.required and name not in given]
        for name, values in given.items():
            row = fields.get(name) or _nested(name, fields)
            if row is None:
                found.append(f"query: unknown parameter `{name}`")
            else:
                found += _check_parameter(name, row.type, values)
        return found

    def _check_body(self, endpoint: Endpoint, body: Any) -> Finding:
        resolve = self._resolver(endpoint)
        bare = next((kind for end, kind in _BARE_BODIES.items() if "/".join(endpoint.template).endswith(end)), None)
        if bare is not None and endpoint.method == "PUT":
            return findings(bare, body, "body", REQUEST, resolve)
        if not endpoint.body:
            return [] if body in (None, "", {}) else ["body: none expected"]
        if body is None:
            return ["body: missing"]
        hidden = endpoint.path_fields | (_query_only(endpoint) if endpoint.query == endpoint.body else set())
        fields = {name: row for name, row in self._fields(endpoint.body).items() if name not in hidden}
        return against_fields(fields, body, "body", REQUEST, resolve)


def _query_only(endpoint: Endpoint) -> set[str]:
    path = "/".join(endpoint.template)
    return next((names for mark, names in _QUERY_ONLY.items() if path.endswith(mark) or endpoint.method == mark), set())


def _nested(name: str, fields: Mapping[str, Field]) -> Field | None:
    """`objectProperty.email` stands under `objectProperty`: any text goes."""
    head, dot, _ = name.partition(".")
    return Field("str", required=False) if dot and head in fields else None


def _check_parameter(name: str, expression: str, values: Sequence[str]) -> Finding:
    if len(values) > 1 and not expression.startswith(("SequenceNotStr", "Iterable", "List")):
        return [f"query: `{name}` is given twice"]
    if expression in ("int", "Iterable[int]") and not all(
        part.lstrip("-").isdigit() for value in values for part in value.split(",")
    ):
        return [f"query: `{name}` must be a whole number"]
    if expression == "bool" and not set(values) <= {"true", "false"}:
        return [f"query: `{name}` must be true or false"]
    if expression.startswith("Literal"):
        return findings(expression, values[0], f"query.{name}", REQUEST, lambda _: None)
    return []


def _check_extra(method: str, path: str, given: Mapping[str, Sequence[str]], body: Any) -> Finding:
    plain = "/" + "/".join(_mapped(path))
    extra = next((row for row in EXTRA if row.method == method.upper() and row.path.match(plain)), None)
    if extra is None:
        return [f"no endpoint {method.upper()} {plain}"]
    found = [f"query: unknown parameter `{name}`" for name in given if name not in extra.query]
    keys = body if isinstance(body, Mapping) else {}
    return found + [f"body: unknown key `{name}`" for name in keys if name not in extra.body]


def _shape(row: Mapping[str, Any]) -> Shape:
    fields = {name: Field(field["type"], field["required"]) for name, field in row.get("fields", {}).items()}
    lost = _RESERVED_FIELDS if any(base.endswith(_RESERVED) for base in row.get("bases", ())) else {}
    return Shape({**lost, **fields}, row.get("alias", ""))


def _endpoint(row: Mapping[str, str]) -> Endpoint:
    parts = tuple(part for part in row["path"].split("/") if part)
    return Endpoint(row["method"], parts, row["py"], row.get("query", ""), row.get("body", ""), row["response"])


def _mapped(path: str) -> tuple[str, ...]:
    """The parts of a path in the contract's spelling."""
    plain = path.rstrip("/")
    for pattern, onto in _SPELLINGS:
        plain = pattern.sub(onto, plain)
    parts = tuple(part for part in plain.split("/") if part)
    if parts[:2] == ("crm", "objects") and len(parts) > 3:
        return (*parts[:3], _OBJECT_WORDS.get(parts[3], parts[3]), *parts[4:])
    return parts


def _fits(template: Iterable[str], parts: Iterable[str]) -> bool:
    return all(wanted.startswith("{") or wanted == part for wanted, part in zip(template, parts, strict=True))


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _nearness(key: str, name: str, source: str) -> tuple[bool, int]:
    """Whether the type lives in a module of its own name, and how many leading folders it shares with the endpoint."""
    module = key.partition(":")[0].split(".")[1:]
    folders = source.partition(":")[0].removesuffix(".py").split("/")[1:]
    shared = next(
        (at for at, pair in enumerate(zip(module, folders, strict=False)) if pair[0] != pair[1]), min(len(module), len(folders))
    )
    return module[-1].replace("_", "") == name.lower(), shared


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing wrong with one exchange; `side` is `request` or `reply`."""

    side: str
    method: str
    path: str
    what: str


AsgiMessage = MutableMapping[str, Any]
AsgiApp = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[AsgiMessage]], Callable[[AsgiMessage], Awaitable[None]]], Awaitable[None]
]


@dataclass(slots=True)
class ContractRecorder:
    """ASGI middleware: lets everything pass, and keeps what breaks the contract. `calls` counts what it saw."""

    app: AsgiApp
    contract: HubSpotContract
    violations: list[Violation] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[AsgiMessage]],
        send: Callable[[AsgiMessage], Awaitable[None]],
    ) -> None:
        sent, replied, status, judged = bytearray(), bytearray(), 0, False

        def judge() -> None:
            nonlocal judged
            judged = True
            self._judge(scope, bytes(sent), status, bytes(replied))

        async def take() -> AsgiMessage:
            message = await receive()
            sent.extend(message.get("body", b""))
            return message

        async def give(message: AsgiMessage) -> None:
            nonlocal status
            status = message.get("status", status)
            replied.extend(message.get("body", b""))
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                judge()  # before the caller has the whole reply: what it asks next, it asks of a complete record
            await send(message)

        await self.app(scope, take, give)
        if not judged:
            judge()  # the answer was cut off on its way

    def _judge(self, scope: Mapping[str, Any], sent: bytes, status: int, replied: bytes) -> None:
        method, path = scope["method"], scope["path"]
        self.calls.append((method, path))
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        body = _body_of(dict(scope["headers"]), sent)
        found = [("request", what) for what in self.contract.check_request(method, path, query, body)]
        reply = _json_or_none(replied)
        found += [("reply", what) for what in self.contract.check_response(method, path, status, reply)]
        self.violations += [Violation(side, method, path, what) for side, what in found]

    def assert_clean(self) -> None:
        """Raises AssertionError that lists every violation."""
        assert not self.violations, "\n".join(f"{v.side} {v.method} {v.path}: {v.what}" for v in self.violations)  # noqa: S101 - a test tool


def _body_of(headers: Mapping[bytes, bytes], sent: bytes) -> Any:
    if not sent:
        return None
    if headers.get(b"content-type", b"").startswith(b"application/x-www-form-urlencoded"):
        return {name: values[-1] for name, values in parse_qs(sent.decode("latin-1")).items()}
    return _json_or_none(sent)


def _json_or_none(content: bytes) -> Any:
    try:
        return orjson.loads(content) if content else None
    except orjson.JSONDecodeError:
        return None
