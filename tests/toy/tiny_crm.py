"""A tiny CRM over HTTP: records by object, every change numbered, one token. It keeps no rule that its connector could lean on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from crmsync.sandbox.clock import VirtualClock

BEGINS = datetime(2016, 4, 11, 0, 30, tzinfo=UTC)
"""Monday 11 April 2016, 9:30 in Tokyo: years behind the clock of any machine that runs this."""

TOKEN = "open-sesame"  # the tiny CRM's only credential
FIELDS: Mapping[str, tuple[str, ...]] = {
    "users": ("name", "email", "active"),
    "people": (
        *("made_at", "family", "given", "email", "company", "role", "owner", "status", "reason"),
        *("budget", "authority", "need", "phase", "temperature", "score", "because", "due"),
    ),
    "visits": ("person", "at", "what"),
    "acts": ("person", "at", "what", "by"),
    "tasks": ("key", "subject", "brief", "due", "owner", "person", "done"),
}


@dataclass
class Row:
    """One record; `number` counts the changes of its object."""

    id: str
    number: int
    changed_at: datetime
    values: dict[str, Any]
    deleted: bool = False

    def shown(self) -> dict[str, Any]:
        stamp = self.changed_at.isoformat()
        return {"id": self.id, "values": self.values, "changed_at": stamp, "deleted": self.deleted}


@dataclass
class TinyCrm:
    """What a user in front of it sees and does. `writes` counts the requests that came to change something."""

    clock: VirtualClock
    rows: dict[str, dict[str, Row]] = field(default_factory=lambda: {name: {} for name in FIELDS})
    fields: dict[str, set[str]] = field(default_factory=lambda: {name: set(names) for name, names in FIELDS.items()})
    hidden: set[str] = field(default_factory=set)
    writes: int = 0

    def make(self, object_: str, **values: Any) -> str:
        id_ = f"{object_[0]}{len(self.rows[object_]) + 1}"
        if object_ == "people":
            values.setdefault("made_at", self.clock.now().isoformat())
        self.rows[object_][id_] = Row(id_, 0, self.clock.now(), {})
        self.change(object_, id_, **values)
        return id_

    def change(self, object_: str, id_: str, **values: Any) -> None:
        row = self.rows[object_][id_]
        row.number = max(other.number for other in self.rows[object_].values()) + 1
        row.changed_at = self.clock.now()
        row.values = {**row.values, **values}

    def delete(self, object_: str, id_: str) -> None:
        self.change(object_, id_)
        self.rows[object_][id_].deleted = True

    def values(self, object_: str) -> list[dict[str, Any]]:
        return [row.values for row in self.rows[object_].values() if not row.deleted]


def application(crm: TinyCrm) -> Starlette:
    """The CRM's HTTP face."""

    def answer(body: Any, status: int = 200) -> JSONResponse:
        return JSONResponse(body, status, {"Date": format_datetime(crm.clock.now(), usegmt=True)})

    def refused(request: Request) -> JSONResponse | None:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return answer({"error": "who are you"}, 401)
        return answer({"error": "not for you"}, 403) if request.path_params["object"] in crm.hidden else None

    async def fields(request: Request) -> JSONResponse:
        names = sorted(crm.fields[request.path_params["object"]])
        return refused(request) or answer({"fields": [{"name": name, "type": "any"} for name in names]})

    async def add_field(request: Request) -> JSONResponse:
        crm.writes += 1
        crm.fields[request.path_params["object"]].add(request.path_params["field"])
        return refused(request) or answer({})

    async def changes(request: Request) -> JSONResponse:
        after, limit = int(request.query_params["after"]), int(request.query_params["limit"])
        later = sorted((r for r in crm.rows[request.path_params["object"]].values() if r.number > after), key=lambda r: r.number)
        page = later[:limit]
        through = page[-1].number if page else after
        return refused(request) or answer({"rows": [r.shown() for r in page], "through": through, "more": len(later) > limit})

    async def read(request: Request) -> JSONResponse:
        rows = crm.rows[request.path_params["object"]]
        ids = (await request.json())["ids"]
        return refused(request) or answer({"rows": [rows[id_].shown() for id_ in ids if id_ in rows and not rows[id_].deleted]})

    async def patch(request: Request) -> JSONResponse:
        crm.writes += 1
        object_, id_, body = request.path_params["object"], request.path_params["id"], await request.json()
        row = crm.rows[object_].get(id_)
        if no := refused(request):
            return no
        if row is None or row.deleted:
            return answer({"error": "no such record"}, 404)
        if body["if_changed_at"] and row.changed_at > datetime.fromisoformat(body["if_changed_at"]):
            return answer({"error": "it has changed since"}, 409)
        return write(object_, id_, body["values"])

    async def put(request: Request) -> JSONResponse:
        crm.writes += 1
        object_, key = request.path_params["object"], request.path_params["value"]
        values = {request.path_params["field"]: key, **(await request.json())["values"]}
        known = [r.id for r in crm.rows[object_].values() if r.values.get(request.path_params["field"]) == key]
        return refused(request) or write(object_, known[0] if known else crm.make(object_), values)

    def write(object_: str, id_: str, values: dict[str, Any]) -> JSONResponse:
        if unknown := set(values) - crm.fields[object_]:
            return answer({"error": f"no field {min(unknown)}"}, 422)
        crm.change(object_, id_, **values)
        return answer(crm.rows[object_][id_].shown())

    return Starlette(
        routes=[
            Route("/{object}/fields", fields),
            Route("/{object}/fields/{field}", add_field, methods=["PUT"]),
            Route("/{object}/changes", changes),
            Route("/{object}/read", read, methods=["POST"]),
            Route("/{object}/by/{field}/{value}", put, methods=["PUT"]),
            Route("/{object}/{id}", patch, methods=["PATCH"]),
        ]
    )
