"""Another HubSpot: a small portal that answers as the vendor's documents say, and picks the odd one of two lawful ways."""

# ruff: noqa: E501, A001 - schemas and answers are tables, `object` and `type` the vendors' own words
from __future__ import annotations

import random
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from wire import Answer, Cut, Request, says

TYPES = {
    "contacts": "0-1",
    "companies": "0-2",
    "deals": "0-3",
    "tasks": "0-27",
    "notes": "0-46",
    "meetings": "0-47",
    "calls": "0-48",
    "emails": "0-49",
}
DEGREES = "unknown|no|partial|yes"
COMMON = "hs_object_id:number= createdate:datetime= hubspot_owner_id:enumeration hs_merged_object_ids:string="
STOCK = {
    "contacts": f"{COMMON} lastmodifieddate:datetime= email:string firstname:string lastname:string phone:string mobilephone:string company:string jobtitle:string "
    "industry:string numemployees:enumeration[1-5|5-25|25-50|50-100|100-500|500-1000|1000+] state:string hs_language:enumeration[ja|en|ja-jp|en-us] associatedcompanyid:number "
    "lifecyclestage:enumeration[subscriber|lead|marketingqualifiedlead|salesqualifiedlead|opportunity|customer|evangelist|other] "
    "hs_lead_status:enumeration[NEW|OPEN|IN_PROGRESS|OPEN_DEAL|UNQUALIFIED|ATTEMPTED_TO_CONTACT|CONNECTED|BAD_TIMING] hs_analytics_source:enumeration= hs_email_optout:bool= "
    "hs_email_hard_bounce_reason_enum:enumeration= hs_legal_basis:enumeration hs_analytics_num_page_views:number= hs_analytics_num_visits:number= "
    "hs_analytics_last_visit_timestamp:datetime= hs_analytics_last_timestamp:datetime= hs_analytics_last_url:string= recent_conversion_event_name:string= "
    "recent_conversion_date:datetime= first_conversion_event_name:string= first_conversion_date:datetime= num_conversion_events:number= hs_email_last_open_date:datetime= "
    "hs_email_last_click_date:datetime= hs_sales_email_last_replied:datetime= salesforceleadid:string salesforcecontactid:string notes_last_contacted:datetime= num_associated_deals:number=",
    "companies": f"{COMMON} hs_lastmodifieddate:datetime= name:string domain:string website:string industry:enumeration numberofemployees:number state:string phone:string",
    "deals": f"{COMMON} hs_lastmodifieddate:datetime= dealname:string dealstage:enumeration pipeline:enumeration amount:number closedate:datetime dealtype:enumeration "
    "closed_lost_reason:string deal_currency_code:enumeration hs_is_closed_won:bool= hs_is_closed_lost:bool= hs_is_closed:bool=",
    "tasks": f"{COMMON} hs_createdate:datetime= hs_lastmodifieddate:datetime= hs_timestamp:datetime! hs_task_subject:string hs_task_body:string "
    "hs_task_status:enumeration[NOT_STARTED|IN_PROGRESS|WAITING|DEFERRED|COMPLETED] hs_task_priority:enumeration[NONE|LOW|MEDIUM|HIGH] hs_task_type:enumeration[EMAIL|CALL|TODO] "
    "hs_task_completion_date:datetime= hs_task_reminders:string",
    "calls": f"{COMMON} hs_createdate:datetime= hs_lastmodifieddate:datetime= hs_timestamp:datetime! hs_call_title:string hs_call_body:string hs_call_direction:enumeration hs_call_status:enumeration hs_call_disposition:string hs_call_duration:number",
    "meetings": f"{COMMON} hs_createdate:datetime= hs_lastmodifieddate:datetime= hs_timestamp:datetime! hs_meeting_title:string hs_meeting_start_time:datetime hs_meeting_end_time:datetime hs_meeting_outcome:enumeration",
    "emails": f"{COMMON} hs_createdate:datetime= hs_lastmodifieddate:datetime= hs_timestamp:datetime! hs_email_direction:enumeration hs_email_status:enumeration hs_email_subject:string",
    "notes": f"{COMMON} hs_createdate:datetime= hs_lastmodifieddate:datetime= hs_timestamp:datetime! hs_note_body:string",
}  # fmt: skip
OWN = {
    "contacts": f"crmsync_budget:enumeration[{DEGREES}] crmsync_authority:enumeration[{DEGREES}] crmsync_need:enumeration[{DEGREES}] crmsync_timeframe:enumeration[{DEGREES}] "
    "crmsync_rejection_reason:enumeration[timing|budget|no_need|unreachable|competitor|student|personal_use|other] crmsync_acknowledged_at:datetime crmsync_talk_summary:string "
    "crmsync_phase:enumeration[inquiry|mql|sql|closed_won|closed_lost|recycled|disqualified] crmsync_temperature:enumeration[hot|warm|cold] crmsync_score:number crmsync_fit:number "
    "crmsync_interest:number crmsync_cycle:number crmsync_reason_ja:string crmsync_reason_en:string crmsync_sla_due:datetime crmsync_recycle_due:datetime crmsync_sla_state:string "
    "crmsync_recycle_reason:string crmsync_nurture:string crmsync_definition:string",
    "deals": "crmsync_contract_end:date crmsync_promised:string",
    "companies": "crmsync_corporate_number:string",
    "tasks": "crmsync_key:string*",
}  # fmt: skip
STAGES = ["subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist", "other"]
DEFAULT_TYPE = {("tasks", "contacts"): 204, ("calls", "contacts"): 194, ("meetings", "contacts"): 200, ("emails", "contacts"): 198, ("contacts", "companies"): 279, ("deals", "contacts"): 3, ("deals", "companies"): 341,
                ("contacts", "deals"): 4, ("companies", "contacts"): 280, ("contacts", "tasks"): 203, ("contacts", "calls"): 193}  # fmt: skip
FIELD = re.compile(r"(\w+):(\w+)([!=*]?)(?:\[(.*?)\])?([!=*]?)$")
VERSION = r"(?:v3|v4|2025-09|2026-03|2026-09)"


class Refusal(Exception):
    """What HubSpot does not do: status, category, message, context."""

    def __init__(
        self,
        status: int,
        category: str,
        message: str,
        context: Mapping[str, list[str]] | None = None,
        errors: list[Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.category, self.message, self.context, self.errors = status, category, message, dict(context or {}), errors

    def body(self) -> dict[str, Any]:
        told = {"status": "error", "message": self.message, "correlationId": str(uuid.UUID(int=7)), "category": self.category}
        return told | ({"context": self.context} if self.context else {}) | ({"errors": self.errors} if self.errors else {})


def moment(text: Any) -> datetime:
    """ISO with or without fraction, or epoch milliseconds."""
    if re.fullmatch(r"-?\d+", str(text)):
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    found = datetime.fromisoformat(str(text))
    if found.tzinfo is None:
        raise ValueError(text)
    return found


class Portal:
    """State and manners. `stock` has no properties of crmsync's; `enterprise` shows event occurrences."""

    def __init__(self, now: datetime, *, stock: bool = False, enterprise: bool = False, lag: float = 3) -> None:
        self.dated_off, self.search_page = timedelta(0), 200
        self.now, self.enterprise, self.lag = now, enterprise, timedelta(seconds=lag)
        self.token = "pat-eu1-of-the-portal"
        self.refresh_token = "refresh-me"
        self.oauth: dict[str, datetime] = {}
        self.denied: dict[str, str] = {}
        self.chance = random.Random(5)
        self.calls: list[tuple[str, str]] = []
        self.writes: list[tuple[str, str, dict[str, Any]]] = []
        self.faults: list[Callable[[Request], Answer | None]] = []
        self.cut_after_commit = 0
        self.records: dict[str, list[dict[str, Any]]] = {t: [] for t in TYPES}
        self.properties = {t: self._properties(f"{STOCK[t]} {'' if stock else OWN.get(t, '')}") for t in TYPES}
        self.pairs: list[tuple[str, str, str, str, int]] = []
        self.moved: dict[str, str] = {}
        self.owners: list[dict[str, Any]] = []
        self.forms: list[dict[str, Any]] = []
        self.submissions: dict[str, list[dict[str, Any]]] = {}
        self.events: list[dict[str, Any]] = []
        self.lists: list[dict[str, Any]] = []
        self.members: dict[str, dict[str, str]] = {}
        self.serial = 100
        self.blank: str | None = None

    @staticmethod
    def _properties(specs: str) -> dict[str, dict[str, Any]]:
        result = {}
        for spec in specs.split():
            name, kind, one, options, two = FIELD.match(spec).groups()  # type: ignore[union-attr] # written above
            flag = one or two
            result[name] = {
                "name": name, "label": name, "type": kind, "fieldType": "select" if kind == "enumeration" else "text", "groupName": "information", "description": "",
                "options": [{"label": o, "value": o, "displayOrder": -1, "hidden": False} for o in (options or "").split("|") if o], "calculated": False, "hidden": False,
                "externalOptions": name in ("hubspot_owner_id", "dealstage", "pipeline"), "hasUniqueValue": flag == "*", "hubspotDefined": not name.startswith("crmsync_"),
                "formField": False, "modificationMetadata": {"archivable": True, "readOnlyDefinition": True, "readOnlyValue": flag == "=", "readOnlyOptions": False},
                "archived": False, "dataSensitivity": "non_sensitive", "required": flag == "!",
            }  # fmt: skip
        return result

    # ---- what people in the portal do

    def _id(self) -> str:
        self.serial += 7
        return str(self.serial)

    def stamp(self, type: str) -> str:
        return "lastmodifieddate" if type == "contacts" else "hs_lastmodifieddate"

    def spoken(self, at: datetime) -> str:
        """Milliseconds are left out now and then."""
        return (
            at.strftime("%Y-%m-%dT%H:%M:%SZ")
            if self.chance.random() < 0.3
            else at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
        )

    def exact(self, at: datetime) -> str:
        return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"

    def create(self, type: str, properties: Mapping[str, Any], *, to: tuple[tuple[str, str], ...] = ()) -> str:
        id, at = self._id(), self.exact(self.now)
        values = {"hs_object_id": id, "createdate": at, self.stamp(type): at} | (
            {"hs_createdate": at} if type not in ("contacts", "companies", "deals") else {}
        )
        self.records[type].append(
            {
                "id": id,
                "properties": values,
                "created": self.now,
                "changed": self.now,
                "archived": False,
                "indexed": self.now + self.lag,
            }
        )
        self.update(type, id, {"hs_task_status": "NOT_STARTED", **properties} if type == "tasks" else properties)
        for to_type, to_id in to:
            self.associate(type, id, to_type, to_id)
        return id

    def update(self, type: str, id: str, properties: Mapping[str, Any], *, quiet: bool = False) -> None:
        """`quiet` is a calculated refresh: it moves no date."""
        record = self.record(type, id)
        for name, value in properties.items():
            record["properties"][name] = self.blank if value == "" else value
        if type == "deals" and (stage := record["properties"].get("dealstage")):
            record["properties"] |= {
                "hs_is_closed_won": str(stage == "closedwon").lower(),
                "hs_is_closed_lost": str(stage == "closedlost").lower(),
            }
        if type == "tasks" and properties.get("hs_task_status") == "COMPLETED":
            record["properties"]["hs_task_completion_date"] = self.exact(self.now)
        if not quiet:
            record |= {"changed": self.now, "indexed": self.now + self.lag}
            record["properties"][self.stamp(type)] = self.exact(self.now)

    def archive(self, type: str, id: str) -> None:
        self.record(type, id).update(archived=True, changed=self.now)
        if type == "contacts":
            self.pairs = [p for p in self.pairs if (p[0], p[1]) != (type, id) and (p[2], p[3]) != (type, id)]

    def merge(self, type: str, primary: str, other: str) -> str:
        """A new record with a new id takes over; both old ones are gone, and only a single GET or PATCH still knows them."""
        kept, lost = self.record(type, primary), self.record(type, other)
        joined = {**lost["properties"], **{n: v for n, v in kept["properties"].items() if v not in (None, "")}}
        joined = {n: v for n, v in joined.items() if n not in ("hs_object_id", "createdate", self.stamp(type))}
        before = [i for r in (kept, lost) for i in (r["properties"].get("hs_merged_object_ids") or "").split(";") if i]
        new = self.create(type, joined | {"hs_merged_object_ids": ";".join([*before, primary, other])})
        self.record(type, new)["properties"]["createdate"] = kept["properties"]["createdate"]
        for old in (primary, other):
            self.moved[old] = new
            self.records[type].remove(self.record(type, old))
        self.pairs = [
            (
                f,
                new if (f, a) in ((type, primary), (type, other)) else a,
                t,
                new if (t, b) in ((type, primary), (type, other)) else b,
                n,
            )
            for f, a, t, b, n in self.pairs
        ]
        return new

    def associate(self, from_type: str, from_id: str, to_type: str, to_id: str, number: int | None = None) -> None:
        numbers = [number or DEFAULT_TYPE.get((from_type, to_type), 1)]
        if (from_type, to_type) == ("contacts", "companies"):
            numbers.append(1)
            self.update("contacts", from_id, {"associatedcompanyid": to_id}, quiet=True)
        for each in numbers:
            self.pairs += [(from_type, from_id, to_type, to_id, each), (to_type, to_id, from_type, from_id, each + 1)]

    def add_owner(self, email: str | None, last: str, *, archived: bool = False, type: str = "PERSON") -> str:
        id, at = self._id(), self.exact(self.now)
        owner = {
            "id": id,
            "type": type,
            "lastName": last,
            "userId": None if archived else int(id) + 9000,
            "userIdIncludingInactive": int(id) + 9000,
            "createdAt": at,
            "updatedAt": at,
            "archived": archived,
        }
        self.owners.append(owner | ({"email": email} if email else {}))
        return id

    def add_form(self, name: str, kind: str = "hubspot") -> str:
        guid = str(uuid.UUID(int=self.serial + 7))
        self.serial += 7
        self.forms.append(
            {"id": guid, "name": name, "formType": kind, "archived": False, "createdAt": self.exact(self.now), "fieldGroups": []}
        )
        self.submissions[guid] = []
        return guid

    def submit(self, guid: str, email: str, at: datetime | None = None) -> None:
        values = [{"name": "email", "value": email.upper(), "objectTypeId": "0-1"}]
        when = int((at or self.now).timestamp() * 1000)
        self.submissions[guid].insert(
            0,
            {
                "conversionId": str(uuid.UUID(int=when * 100 + len(self.submissions[guid]))),
                "submittedAt": when,
                "pageUrl": "https://www.example.jp/form?utm=1",
                "values": values,
            },
        )

    def view(self, contact: str, url: str, at: datetime | None = None) -> None:
        self.events.append(
            {
                "id": str(uuid.UUID(int=len(self.events) + 1)),
                "eventType": "e_visited_page",
                "objectType": "CONTACT",
                "objectId": contact,
                "occurredAt": self.exact(at or self.now),
                "properties": {"hs_url": url},
            }
        )
        self._seen(contact, url, at or self.now)

    def _seen(self, contact: str, url: str, at: datetime) -> None:
        views = int(self.record("contacts", contact)["properties"].get("hs_analytics_num_page_views") or 0) + 1
        self.update(
            "contacts",
            contact,
            {
                "hs_analytics_num_page_views": str(views),
                "hs_analytics_last_timestamp": self.exact(at),
                "hs_analytics_last_visit_timestamp": self.exact(at),
                "hs_analytics_last_url": url,
            },
        )

    def record(self, type: str, id: str) -> dict[str, Any]:
        return next(r for r in self.records[type] if r["id"] == str(id))

    def get(self, type: str, id: str) -> dict[str, Any]:
        return dict(self.record(type, self.moved.get(id, id))["properties"])

    def rows(self, type: str) -> list[dict[str, Any]]:
        return [r["properties"] for r in self.records[type] if not r["archived"]]

    # ---- HTTP

    def answer(self, request: Request) -> Answer:
        told = says(self.faults, request)
        if told is None and len(request.target) > 8000:
            told = Answer(414, "<html><head><title>414 Request-URI Too Large</title></head></html>", content_type="text/html")
        try:
            answer = told or self._authorised(request)
        except Refusal as no:
            answer = Answer(no.status, no.body())
        answer.content_type = answer.content_type.replace("UTF-8", "utf-8")
        if not request.path.endswith("/search"):
            answer.headers |= {
                "X-HubSpot-RateLimit-Max": "190",
                "X-HubSpot-RateLimit-Remaining": "188",
                "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
            }
        return answer

    def _authorised(self, request: Request) -> Answer:
        if re.fullmatch(r"/oauth/(v1|v3|2026-03|2026-09)/token", request.path):
            form = request.form()
            if form.get("refresh_token") != self.refresh_token:
                return Answer(
                    400,
                    {
                        "error": "invalid_grant",
                        "error_description": "refresh token is invalid",
                        "status": "BAD_REFRESH_TOKEN",
                        "message": "missing or invalid refresh token",
                        "correlationId": "x",
                    },
                )
            token = f"oauth-{len(self.oauth)}"
            self.oauth[token] = self.now + timedelta(seconds=1800)
            return Answer(
                200,
                {
                    "token_type": "bearer",
                    "access_token": token,
                    "refresh_token": self.refresh_token,
                    "expires_in": 1800,
                    "hub_id": 1,
                    "user_id": 9001,
                    "scopes": ["oauth"],
                    "token_use": "access_token",
                },
            )
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token != self.token and self.oauth.get(token, datetime.min.replace(tzinfo=UTC)) <= self.now:
            if token in self.oauth:
                raise Refusal(
                    401,
                    "EXPIRED_AUTHENTICATION",
                    "The OAuth token used to make this call expired 12 second(s) ago.",
                    {"expire time": [self.exact(self.now)]},
                )
            raise Refusal(
                401, "INVALID_AUTHENTICATION", "Authentication credentials not found. This API supports OAuth 2.0 authentication"
            )
        for part, scope in self.denied.items():
            if part in request.path:
                errors = [
                    {"message": "One or more of the following scopes are required.", "context": {"requiredGranularScopes": [scope]}}
                ]
                raise Refusal(
                    403, "MISSING_SCOPES", "This app hasn't been granted all required scopes to make this call.", errors=errors
                )
        return self._route(request)

    def _route(self, request: Request) -> Answer:
        routes: list[tuple[str, Callable[..., Answer]]] = [
            (r"/crm/(?:v3/objects|objects/(?:2025-09|2026-03|2026-09))/([\w-]+)(/.*)?", self._objects),
            (r"/crm/v4/objects/([\w-]+)/(\w+)/associations/([\w-]+)", self._associations_of),
            (r"/crm/(?:v4/associations|associations/(?:2025-09|2026-03|2026-09))/([\w-]+)/([\w-]+)/batch/(.+)", self._associations),
            (r"/crm/(?:v3/properties|properties/(?:2025-09|2026-03|2026-09))/([\w-]+)(/\w+)?", self._property_list),
            (r"/crm/(?:v3/owners|owners/(?:2026-03|2026-09))(?:/(\w+))?", self._owner_list),
            (r"/crm/(?:v3/pipelines|pipelines/(?:2026-03|2026-09))/([\w-]+)", self._pipeline_list),
            (r"/crm/(?:v3/lists|lists/(?:2026-03|2026-09))(/.*)?", self._lists),
            (r"/marketing/(?:v3/forms|forms/2026-09-beta)", self._form_list),
            (r"/form-integrations/v1/submissions/forms/([\w-]+)", self._submission_list),
            (r"/events/(?:v3/events|event-occurrences/(?:2026-03|2026-09))(?:/event-types)?", self._event_list),
            (r"/account-info/(?:v3|2026-03|2026-09)/details", lambda _: Answer(200, {"portalId": 1, "timeZone": "Asia/Tokyo", "accountType": "STANDARD", "utcOffset": "+09:00"})),
        ]  # fmt: skip
        for pattern, route in routes:
            if match := re.fullmatch(pattern, request.path):
                return route(request, *match.groups())
        return Answer(404, "<html><body><h2>HTTP ERROR 404</h2></body></html>", content_type="text/html;charset=iso-8859-1")

    @staticmethod
    def _type(name: str) -> str:
        for type, number in TYPES.items():
            if name in (type, number, {"companies": "company"}.get(type, type[:-1])):
                return type
        raise Refusal(400, "VALIDATION_ERROR", f"Unable to infer object type from: {name}")

    def _objects(self, request: Request, name: str, rest: str | None) -> Answer:
        type, path, method = self._type(name), rest or "", request.method
        if path == "/search":
            return self._search(type, request.json())
        if path == "/merge":
            body = request.json()
            return Answer(
                200, self._shown(type, self.record(type, self.merge(type, body["primaryObjectId"], body["objectIdToMerge"])), [])
            )
        if path.startswith("/batch/"):
            answer = self._batch(type, path.removeprefix("/batch/"), request)
            if self.cut_after_commit and not path.endswith("read"):
                self.cut_after_commit -= 1
                raise Cut
            return answer
        if path == "" and method == "GET":
            return self._listed(type, request)
        if path == "" and method == "POST":
            return Answer(201, self._shown(type, self._created(type, request.json()), []))
        if re.fullmatch(r"/[^/]+", path):
            key = request.one("idProperty", "hs_object_id")
            found = next(
                (r for r in self.records[type] if str(r["properties"].get(key)) == self.moved.get(path[1:], path[1:])), None
            )
            if found is None or (found["archived"] and request.one("archived") != "true"):
                raise Refusal(404, "OBJECT_NOT_FOUND", "resource not found")
            if method == "GET":
                return Answer(200, self._shown(type, found, self._asked(request)))
            if method == "PATCH":
                self._change(type, found, request.json()["properties"])
                return Answer(200, self._shown(type, found, []))
            if method == "DELETE":
                self.archive(type, found["id"])
                return Answer(204)
        return Answer(404, {"status": "error", "message": "resource not found", "correlationId": "x"})

    @staticmethod
    def _asked(request: Request) -> list[str]:
        return [name for value in request.query.get("properties", []) for name in value.split(",") if name]

    def _shown(self, type: str, record: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
        names = [n for n in names if n in self.properties[type]] or ["createdate", self.stamp(type)]
        values = {n: record["properties"].get(n) for n in {*names, "hs_object_id", self.stamp(type)}}
        shown = {"id": record["id"], "properties": values, "createdAt": self.spoken(record["created"]), "updatedAt": self.spoken(record["changed"]), "archived": record["archived"],
                 "url": f"https://app-eu1.hubspot.com/contacts/1/record/{TYPES[type]}/{record['id']}", "warnings": []}  # fmt: skip
        return shown | ({"archivedAt": self.exact(record["changed"])} if record["archived"] else {})

    def _listed(self, type: str, request: Request) -> Answer:
        limit = int(request.one("limit", "10"))
        if limit > 100:
            raise Refusal(400, "VALIDATION_ERROR", f"Requested limit {limit} exceeds the maximum of 100")
        gone = request.one("archived") == "true"
        rows = sorted((r for r in self.records[type] if r["archived"] == gone), key=lambda r: int(r["id"]))
        start = int(request.one("after")[1:-1]) if request.one("after") else 0
        rows = [r for r in rows if int(r["id"]) > start]
        page = rows[: min(limit, 5)]  # fewer than asked
        body: dict[str, Any] = {"results": [self._shown(type, r, self._asked(request)) for r in page]}
        if len(rows) > len(page):
            body["paging"] = {"next": {"after": f"N{page[-1]['id']}=", "link": "https://api.hubapi.com/elsewhere"}}
        return Answer(200, body)

    def _search(self, type: str, body: dict[str, Any]) -> Answer:
        limit, offset, groups = body.get("limit", 10), int(body.get("after") or 0), body.get("filterGroups", [])
        if limit > 200 or limit + offset > 10_000 or len(groups) > 5 or any(len(g["filters"]) > 6 for g in groups):
            raise Refusal(400, "VALIDATION_ERROR", "There was a problem with the request: over a limit of search")
        limit = min(limit, self.search_page)
        rows = [
            r
            for r in self.records[type]
            if not r["archived"]
            and r["indexed"] <= self.now
            and (not groups or any(all(self._fits(type, r, f) for f in g["filters"]) for g in groups))
        ]
        for sort in body.get("sorts", [])[:1]:
            name, down = (sort["propertyName"], sort["direction"] == "DESCENDING") if isinstance(sort, dict) else (sort, False)
            rows.sort(
                key=lambda r: (
                    float(r["properties"].get(name) or 0) if name == "hs_object_id" else 0,
                    str(r["properties"].get(name)),
                ),
                reverse=down,
            )
        answer: dict[str, Any] = {
            "total": len(rows),
            "results": [self._shown(type, r, body.get("properties", [])) for r in rows[offset : offset + limit]],
        }
        if offset + limit < len(rows):
            answer["paging"] = {"next": {"after": str(offset + limit)}}
        return Answer(200, answer)

    def _fits(self, type: str, record: Mapping[str, Any], filter: Mapping[str, Any]) -> bool:
        name, op = filter["propertyName"], filter["operator"]
        if name.startswith("associations."):
            other = self._type(name.partition(".")[2])
            return any(p[:3] == (type, record["id"], other) and p[3] == str(filter["value"]) for p in self.pairs)
        if name not in self.properties[type]:
            raise Refusal(400, "VALIDATION_ERROR", f"There was a problem with the request: property {name} does not exist")
        value, kind = record["properties"].get(name), self.properties[type][name]["type"]
        if op in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
            return (value not in (None, "")) == (op == "HAS_PROPERTY")
        if op in ("IN", "NOT_IN"):
            return (str(value).lower() in filter["values"]) == (op == "IN")
        if value in (None, ""):
            return op == "NEQ"
        read: Callable[[Any], Any] = moment if kind == "datetime" else float if kind == "number" else str
        if kind == "datetime" and moment(filter.get("value")).timestamp() <= 0:
            return bool(1 / 0)
        mine, theirs = read(value), read(filter["value"])
        if op == "BETWEEN":
            return bool(theirs <= mine <= read(filter["highValue"]))
        return bool(
            {
                "EQ": mine == theirs,
                "NEQ": mine != theirs,
                "GT": mine > theirs,
                "GTE": mine >= theirs,
                "LT": mine < theirs,
                "LTE": mine <= theirs,
            }[op]
        )

    # ---- batches

    def _batch(self, type: str, verb: str, request: Request) -> Answer:
        body = request.json()
        inputs = body["inputs"]
        if len(inputs) > (50 if body.get("propertiesWithHistory") else 100):
            raise Refusal(400, "VALIDATION_ERROR", "The maximum number of inputs supported in a batch request is 100")
        keys = [i.get("id") for i in inputs if i.get("id")]
        if len(set(keys)) != len(keys):
            raise Refusal(400, "VALIDATION_ERROR", f"Duplicate IDs found in batch input: {keys}. IDs must be unique", {"ids": keys})
        if verb == "archive":
            for id in keys:
                self.archive(type, id)
            return Answer(204)
        if verb == "read":
            return self._batch_read(type, body, keys)
        traces = [i.get("objectWriteTraceId") for i in inputs]
        several = None not in traces and len(set(traces)) == len(inputs)
        work = {"create": self._batch_create, "update": self._batch_update, "upsert": self._batch_upsert}[verb]
        results, errors = [], []
        for one in inputs if several else [i for i in inputs if work(type, i, dry=True) is None]:
            try:
                results.append(work(type, one, dry=False) | {"objectWriteTraceId": one.get("objectWriteTraceId")})
            except Refusal as no:
                errors.append(no.body() | {"context": {**no.context, "objectWriteTraceId": [one["objectWriteTraceId"]]}})
        return self._many(results, errors, 201 if verb == "create" else 200)

    def _many(self, results: list[Any], errors: list[Any], status: int = 200) -> Answer:
        self.chance.shuffle(results)
        body = {
            "status": "COMPLETE",
            "results": results,
            "startedAt": self.exact(self.now),
            "completedAt": self.exact(self.now),
            "links": {},
        }
        return Answer(207, body | {"numErrors": len(errors), "errors": errors}) if errors else Answer(status, body)

    def _batch_read(self, type: str, body: dict[str, Any], keys: list[str]) -> Answer:
        by = body.get("idProperty") or "hs_object_id"
        found = {str(r["properties"].get(by)): r for r in self.records[type] if not r["archived"]}
        absent = [k for k in keys if k not in found]
        errors = (
            [
                {
                    "status": "error",
                    "category": "OBJECT_NOT_FOUND",
                    "message": "Could not get some objects",
                    "context": {"ids": absent},
                }
            ]
            if absent
            else []
        )
        return self._many([self._shown(type, found[k], body["properties"]) for k in keys if k in found], errors)

    def _batch_create(self, type: str, one: dict[str, Any], *, dry: bool) -> Any:
        return self._created(type, one, dry=True) if dry else self._shown(type, self._created(type, one), [])

    def _batch_update(self, type: str, one: dict[str, Any], *, dry: bool) -> Any:
        key = one.get("idProperty") or "hs_object_id"
        found = next((r for r in self.records[type] if str(r["properties"].get(key)) == one["id"] and not r["archived"]), None)
        if found is None:
            raise Refusal(
                404, "OBJECT_NOT_FOUND", "Could not get some objects, they may be deleted or not exist.", {"ids": [one["id"]]}
            )
        self._change(type, found, one["properties"], dry=dry)
        return None if dry else self._shown(type, found, list(one["properties"]))

    def _batch_upsert(self, type: str, one: dict[str, Any], *, dry: bool) -> Any:
        key = one["idProperty"]
        if key != "email" and not self.properties[type].get(key, {}).get("hasUniqueValue"):
            raise Refusal(400, "VALIDATION_ERROR", f"Unable to perform upsert by non-unique property {key}")
        found = next((r for r in self.records[type] if r["properties"].get(key) == one["id"] and not r["archived"]), None)
        if found:
            self._change(type, found, one["properties"], dry=dry)
        else:
            found = self._created(type, {**one, "properties": {**one["properties"], key: one["id"]}}, dry=dry)
        return None if dry else self._shown(type, found, [key, *one["properties"]]) | {"new": found["created"] == self.now}

    # ---- writing

    def _created(self, type: str, body: dict[str, Any], *, dry: bool = False) -> Any:
        values = body["properties"]
        self._check(type, values)
        missing = [n for n, about in self.properties[type].items() if about["required"] and not values.get(n)]
        if missing:
            raise Refusal(
                400,
                "VALIDATION_ERROR",
                f"Error creating {type[:-1].upper()}. Some required properties were not set.",
                {"properties": missing},
            )
        twin = next(
            (
                r
                for r in self.records["contacts"]
                if type == "contacts" and r["properties"].get("email") == str(values.get("email")).lower()
            ),
            None,
        )
        if twin:
            raise Refusal(409, "CONFLICT", f"Contact already exists. Existing ID: {twin['id']}")
        if dry:
            return None
        id = self.create(type, {n: v for n, v in values.items() if v != ""})
        for link in body.get("associations") or []:
            for kind in link["types"]:
                number = int(kind["associationTypeId"])
                other = next((b for (a, b), n in DEFAULT_TYPE.items() if a == type and n == number), None)
                if other is None or not any(r["id"] == str(link["to"]["id"]) for r in self.records[other]):
                    raise Refusal(400, "VALIDATION_ERROR", f"Invalid association {number} to {link['to']['id']}")
                self.associate(type, id, other, str(link["to"]["id"]), number)
        self.writes.append((type, "", dict(values)))
        return self.record(type, id)

    def _change(self, type: str, record: dict[str, Any], values: dict[str, Any], *, dry: bool = False) -> None:
        self._check(type, values)
        if dry:
            return
        values = dict(values)
        self.writes.append((type, record["id"], dict(values)))
        stage, now = values.get("lifecyclestage"), record["properties"].get("lifecyclestage")
        if stage and now and STAGES.index(stage) < STAGES.index(now):
            del values["lifecyclestage"]  # says yes and does nothing
        self.update(type, record["id"], values)

    def _check(self, type: str, values: Mapping[str, Any]) -> None:
        problems = []
        for name, value in values.items():
            about = self.properties[type].get(name)
            kind = about["type"] if about else ""
            if about is None:
                problems.append((name, "PROPERTY_DOESNT_EXIST"))
            elif about["modificationMetadata"]["readOnlyValue"]:
                problems.append((name, "READ_ONLY_VALUE"))
            elif not isinstance(value, str):
                raise Refusal(
                    400, "VALIDATION_ERROR", f"Invalid input JSON: Cannot deserialize value of type `java.lang.String` for {name}"
                )
            elif (value and (about["options"] and value not in [o["value"] for o in about["options"]])) or (
                value and name == "hubspot_owner_id" and value not in [o["id"] for o in self.owners if not o["archived"]]
            ):
                problems.append((name, "INVALID_OPTION"))
            elif value and kind in ("number", "datetime", "date"):
                try:
                    _ = (
                        float(value)
                        if kind == "number"
                        else moment(value)
                        if kind == "datetime"
                        else datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC)
                    )
                except ValueError:
                    problems.append((name, "INVALID_INTEGER" if kind == "number" else "INVALID_DATE"))
        if problems:
            told = [
                {
                    "isValid": False,
                    "message": f"{n} is wrong",
                    "error": code,
                    "name": n,
                    "localizedErrorMessage": "x",
                    "portalId": 1,
                }
                for n, code in problems
            ]
            errors = [{"message": f"{n} is wrong", "code": code, "context": {"propertyName": [n]}} for n, code in problems]
            raise Refusal(400, "VALIDATION_ERROR", f"Property values were not valid: {told}", errors=errors)

    # ---- what hangs on records

    def _associations(self, request: Request, from_name: str, to_name: str, verb: str) -> Answer:
        one, other, inputs = self._type(from_name), self._type(to_name), request.json()["inputs"]
        if verb == "read":
            results = []
            for entry in inputs:
                linked: dict[str, list[int]] = {}
                for f, a, t, b, number in self.pairs:
                    if (f, a, t) == (one, str(entry["id"]), other):
                        linked.setdefault(b, []).append(number)
                rows = [
                    {
                        "toObjectId": int(b) if int(b) % 2 else b,
                        "associationTypes": [
                            {"category": "HUBSPOT_DEFINED", "typeId": n, "label": "Primary" if n == 1 else None} for n in numbers
                        ],
                    }
                    for b, numbers in sorted(linked.items())
                ]  # numbers and strings, as it comes
                start = int(entry.get("after") or 0)
                if rows:
                    results.append(
                        {"from": {"id": str(entry["id"])}, "to": rows[start : start + 2]}
                        | ({"paging": {"next": {"after": str(start + 2)}}} if len(rows) > start + 2 else {})
                    )
            return self._many(results, [])
        if verb in ("create", "associate/default"):
            ids = {kind: {str(r["id"]) for r in self.records[kind] if not r["archived"]} for kind in (one, other)}
            if any(str(e["from"]["id"]) not in ids[one] or str(e["to"]["id"]) not in ids[other] for e in inputs):
                raise Refusal(400, "VALIDATION_ERROR", "One or more associations could not be created")  # it does not say which
            for entry in inputs:
                self.associate(
                    one,
                    str(entry["from"]["id"]),
                    other,
                    str(entry["to"]["id"]),
                    (entry.get("types") or [{}])[0].get("associationTypeId"),
                )
            return Answer(201, {"status": "COMPLETE", "results": [], "startedAt": "x", "completedAt": "x"})
        for entry in inputs:
            for to in entry["to"]:
                self.pairs = [
                    p
                    for p in self.pairs
                    if {(p[0], p[1]), (p[2], p[3])} != {(one, str(entry["from"]["id"])), (other, str(to["id"]))}
                ]
        return Answer(204)

    def _associations_of(self, _: Request, from_name: str, id: str, to_name: str) -> Answer:
        one, other = self._type(from_name), self._type(to_name)
        rows = [
            {"toObjectId": b, "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": n, "label": None}]}
            for f, a, t, b, n in self.pairs
            if (f, a, t) == (one, id, other)
        ]
        return Answer(200, {"results": rows})

    def _property_list(self, request: Request, name: str, one: str | None) -> Answer:
        type = self._type(name)
        if request.method == "POST":
            return Answer(
                403,
                Refusal(
                    403,
                    "MISSING_SCOPES",
                    "no",
                    errors=[{"message": "x", "context": {"missingScopes": [f"crm.schemas.{type}.write"]}}],
                ).body(),
            )
        if one:
            found = self.properties[type].get(one[1:])
            return Answer(200, found) if found else Answer(404, Refusal(404, "OBJECT_NOT_FOUND", "property").body())
        return Answer(200, {"results": list(self.properties[type].values())})

    def _owner_list(self, request: Request, one: str | None) -> Answer:
        if one:
            return Answer(200, next(o for o in self.owners if o["id"] == one))
        gone = request.one("archived") == "true"
        rows = [o for o in self.owners if o["archived"] == gone]
        start = int(request.one("after") or 0)
        body: dict[str, Any] = {"results": rows[start : start + 2]}
        return Answer(200, body | ({"paging": {"next": {"after": str(start + 2)}}} if len(rows) > start + 2 else {}))

    def _pipeline_list(self, request: Request, name: str) -> Answer:
        if self._type(name) != "deals":
            return Answer(200, {"results": []})
        stages = [
            ("appointmentscheduled", "0.2", False),
            ("decisionmakerboughtin", "0.8", False),
            ("closedwon", "1.0", True),
            ("closedlost", "0.0", True),
        ]
        rows = [
            {
                "id": s,
                "label": s.title(),
                "displayOrder": i,
                "metadata": {"probability": p, "isClosed": str(c).lower()},
                "archived": False,
            }
            for i, (s, p, c) in enumerate(stages)
        ]
        return Answer(200, {"results": [{"id": "default", "label": "Sales", "displayOrder": 0, "archived": False, "stages": rows}]})

    def add_list(self, name: str, processing: str = "MANUAL", type_id: str = "0-1") -> str:
        self.serial += 1
        row = {"listId": str(self.serial), "name": name, "processingType": processing, "objectTypeId": type_id, "listVersion": 1}
        self.lists.append({**row, "processingStatus": "COMPLETE", "updatedAt": self.exact(self.now)})
        self.members[str(self.serial)] = {}
        return str(self.serial)

    def _lists(self, request: Request, rest: str | None) -> Answer:
        rest = (rest or "").rstrip("/")
        if rest == "/search":
            asked = request.json()
            start, count = int(asked["offset"]), int(asked.get("count", 20))
            rows = self.lists[start : start + count]
            is_more = start + count < len(self.lists)
            return Answer(200, {"lists": rows, "hasMore": is_more, "offset": start + len(rows), "total": len(self.lists)})
        if rest == "" and request.method == "POST":
            asked = request.json()
            if any(row["name"] == asked["name"] for row in self.lists):
                raise Refusal(400, "VALIDATION_ERROR", "A list with this name exists already")
            made = self.add_list(asked["name"], asked["processingType"], asked["objectTypeId"])
            return Answer(200, {"list": next(row for row in self.lists if row["listId"] == made)})
        return self._memberships(request, rest.split("/")[1], "/".join(rest.split("/")[2:]))

    def _memberships(self, request: Request, number: str, what: str) -> Answer:
        row = next((row for row in self.lists if row["listId"] == number), None)
        if row is None:
            raise Refusal(404, "OBJECT_NOT_FOUND", f"List {number} not found")
        held = self.members[number]
        if what == "memberships" and request.method == "GET":
            ids, limit = sorted(held, key=int), int(request.one("limit", "100"))
            if limit > 250:
                raise Refusal(400, "VALIDATION_ERROR", "limit must be at most 250")
            page = [id_ for id_ in ids if int(id_) > int(request.one("after", "0"))][:limit]
            more = {"paging": {"next": {"after": page[-1]}}} if page and page[-1] != ids[-1] else {}
            return Answer(
                200, {"results": [{"recordId": id_, "membershipTimestamp": held[id_]} for id_ in page], "total": len(ids)} | more
            )
        add, remove = {
            "memberships/add": lambda: (request.json(), []),
            "memberships/remove": lambda: ([], request.json()),
            "memberships/add-and-remove": lambda: (request.json()["recordIdsToAdd"], request.json()["recordIdsToRemove"]),
        }[what]()
        if row["processingType"] == "DYNAMIC":
            raise Refusal(400, "VALIDATION_ERROR", "Memberships of a dynamic list cannot be changed")
        known = {r["hs_object_id"] for r in self.rows("contacts")}
        added = [id_ for id_ in add if id_ in known and id_ not in held]
        removed = [id_ for id_ in remove if id_ in held]
        held.update(dict.fromkeys(added, self.exact(self.now)))
        for id_ in removed:
            del held[id_]
        self.writes.append((request.method, request.path, {"added": added, "removed": removed}))
        missing = [id_ for id_ in add if id_ not in known]
        return Answer(200, {"recordsIdsAdded": added, "recordIdsRemoved": removed, "recordIdsMissing": missing})

    def _form_list(self, request: Request) -> Answer:
        rows = [f for f in self.forms if f["formType"] == "hubspot" or request.one("formTypes") == "all"]
        return Answer(200, {"results": rows})

    def _submission_list(self, request: Request, guid: str) -> Answer:
        form = next((f for f in self.forms if f["id"] == guid), None)
        if form is None or form["formType"] == "blog_comment":
            return Answer(
                400,
                {
                    "status": "error",
                    "message": "Form type not allowed",
                    "correlationId": "x",
                    "errorType": "FORM_TYPE_NOT_ALLOWED",
                    "category": "FORM_TYPE_NOT_ALLOWED",
                },
            )
        if int(request.one("limit", "20")) > 50:
            raise Refusal(400, "VALIDATION_ERROR", "limit must be at most 50")
        start = int(request.one("after") or 0)
        rows = self.submissions[guid]
        return Answer(
            200,
            {"results": rows[start : start + 3]}
            | ({"paging": {"next": {"after": str(start + 3)}}} if len(rows) > start + 3 else {}),
        )

    def _event_list(self, request: Request) -> Answer:
        if request.path.endswith("event-types"):
            return Answer(200, {"eventTypes": ["e_visited_page"]})
        if not self.enterprise:
            raise Refusal(403, "MISSING_SCOPES", "EXTERNAL auth request is missing required 'business-intelligence' scope.")
        since = moment(request.one("occurredAfter")) if request.one("occurredAfter") else datetime(2000, 1, 1, tzinfo=UTC)
        rows = [
            e for e in self.events if e["objectId"] == request.one("objectId", e["objectId"]) and moment(e["occurredAt"]) >= since
        ]
        return Answer(200, {"results": rows})
