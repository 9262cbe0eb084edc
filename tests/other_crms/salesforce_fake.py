"""Another Salesforce: a small org that answers as the vendor's documents say, and picks the odd one of two lawful ways."""

# ruff: noqa: E501, A001 - schemas and answers are tables, `object` and `type` the vendors' own words
from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from salesforce_soql import Query, SoqlError, instant, long_id, ordered
from wire import Answer, Cut, Request, says

SYSTEM = "Id:id= IsDeleted:boolean= CreatedDate:datetime= CreatedById:reference>User= LastModifiedDate:datetime= LastModifiedById:reference>User= SystemModstamp:datetime="
PERSON = "LastName:string! FirstName:string Name:string= Title:string Phone:phone MobilePhone:phone Email:email HasOptedOutOfEmail:boolean EmailBouncedDate:datetime EmailBouncedReason:string LeadSource:picklist MasterRecordId:reference="
SCHEMA = {
    "Lead": f"{SYSTEM} {PERSON} Company:string! State:string Industry:picklist NumberOfEmployees:int Status:picklist OwnerId:reference>Group,User IsConverted:boolean= ConvertedDate:date= ConvertedAccountId:reference>Account= ConvertedContactId:reference>Contact= ConvertedOpportunityId:reference>Opportunity= IsUnreadByOwner:boolean",
    "Contact": f"{SYSTEM} {PERSON} AccountId:reference>Account MailingState:string OtherState:string HomePhone:phone OtherPhone:phone OwnerId:reference>User",
    "Account": f"{SYSTEM} Name:string! MasterRecordId:reference>Account= Website:url Industry:picklist NumberOfEmployees:int BillingState:string ShippingState:string Phone:phone OwnerId:reference>User",
    "Opportunity": f"{SYSTEM} Name:string! AccountId:reference>Account ContactId:reference>Contact StageName:picklist! Amount:currency CloseDate:date! Type:picklist IsClosed:boolean= IsWon:boolean= LastStageChangeDate:datetime= OwnerId:reference>User",
    "OpportunityContactRole": f"{SYSTEM} OpportunityId:reference>Opportunity ContactId:reference>Contact Role:picklist IsPrimary:boolean",
    "Task": f"{SYSTEM} WhoId:reference>Contact,Lead WhatId:reference>Account,Campaign,Opportunity Subject:combobox ActivityDate:date Status:picklist Priority:picklist OwnerId:reference>Group,User Description:textarea AccountId:reference>Account= IsClosed:boolean= CompletedDateTime:datetime= TaskSubtype:picklist CallType:picklist CallDisposition:string CallDurationInSeconds:int ReminderDateTime:datetime IsReminderSet:boolean IsArchived:boolean=",
    "Event": f"{SYSTEM} WhoId:reference>Contact,Lead WhatId:reference>Account,Opportunity Subject:combobox StartDateTime:datetime EndDateTime:datetime ActivityDate:date OwnerId:reference>Calendar,User Description:textarea IsArchived:boolean=",
    "Campaign": f"{SYSTEM} Name:string! Type:picklist Status:picklist IsActive:boolean ActualCost:currency OwnerId:reference>User",
    "CampaignMember": f"{SYSTEM} CampaignId:reference>Campaign LeadId:reference>Lead ContactId:reference>Contact Status:picklist HasResponded:boolean= FirstRespondedDate:date=",
    "User": f"{SYSTEM.replace('IsDeleted:boolean= ', '')} Username:string Name:string= LastName:string! FirstName:string Email:email IsActive:boolean TimeZoneSidKey:picklist UserType:picklist=",
    "Group": f"{SYSTEM.replace('IsDeleted:boolean= ', '')} Name:string DeveloperName:string Type:picklist Email:email",
    "LeadHistory": "Id:id= IsDeleted:boolean= LeadId:reference>Lead= CreatedById:reference>User= CreatedDate:datetime= Field:picklist= OldValue:anyType= NewValue:anyType=",
    "OpportunityHistory": "Id:id= IsDeleted:boolean= OpportunityId:reference>Opportunity= CreatedById:reference>User= CreatedDate:datetime= StageName:picklist= Amount:currency= CloseDate:date= SystemModstamp:datetime=",
}  # fmt: skip
DEGREES = "unknown|no|partial|yes"
PEOPLES = (
    f"crmsync_budget__c:picklist[{DEGREES}] crmsync_authority__c:picklist[{DEGREES}] crmsync_need__c:picklist[{DEGREES}] crmsync_timeframe__c:picklist[{DEGREES}] "
    "crmsync_rejection_reason__c:picklist[timing|budget|no_need|unreachable|competitor|student|personal_use|other] crmsync_acknowledged_at__c:datetime "
    "crmsync_talk_summary__c:textarea crmsync_hubspot_id__c:string crmsync_phase__c:picklist[inquiry|mql|sql|closed_won|closed_lost|recycled|disqualified] "
    "crmsync_temperature__c:picklist[hot|warm|cold] crmsync_score__c:double crmsync_fit__c:double crmsync_interest__c:double crmsync_cycle__c:double "
    "crmsync_reason_ja__c:string crmsync_reason_en__c:string crmsync_sla_due__c:datetime crmsync_recycle_due__c:datetime crmsync_sla_state__c:string(80) "
    "crmsync_recycle_reason__c:string(80) crmsync_nurture__c:string(80) crmsync_definition__c:string(80)"
)  # fmt: skip
CUSTOM = {
    "Lead": PEOPLES,
    "Contact": PEOPLES,
    "Task": "crmsync_key__c:string*(255) crmsync_due_at__c:datetime",
    "Event": "crmsync_key__c:string*(255) crmsync_due_at__c:datetime",
    "Opportunity": "crmsync_lost_reason__c:picklist[timing|budget|competitor|no_decision|no_need|other] crmsync_contract_end__c:date crmsync_promised__c:textarea",
    "Account": "crmsync_corporate_number__c:string(13)",
}
PREFIX = {"Lead": "00Q", "Contact": "003", "Account": "001", "Opportunity": "006", "OpportunityContactRole": "00K", "Task": "00T", "Event": "00U", "Campaign": "701",
          "CampaignMember": "00v", "User": "005", "Group": "00G", "LeadHistory": "017", "OpportunityHistory": "008"}  # fmt: skip
FIELD = re.compile(r"(\w+):(\w+)(?:>([\w,]+))?([!=*]?)(?:\[(.*?)\])?(?:\((\d+)\))?$")
LIMITS = "api-usage={used}/15000; api-bursts=1/750; per-app-api-usage=17/250(appName=crm sync)"
CLOSED = {"Closed Won": (True, True), "Closed Lost": (True, False)}
NO_STAMP = {"LeadHistory"}


class Refusal(Exception):
    """What Salesforce does not do, with its own code."""

    def __init__(self, code: str, message: str, fields: tuple[str, ...] = (), status: int = 400, extra: Any = None) -> None:
        super().__init__(message)
        self.code, self.message, self.fields, self.status, self.extra = code, message, list(fields), status, extra


def spoken(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


class Org:
    """The state and the manners. `stock` has no custom fields; `hidden` are fields ("Lead.Industry") behind field-level security."""

    def __init__(
        self, now: datetime, *, stock: bool = False, page: int = 4, hidden: tuple[str, ...] = (), calls_per_token: int = 30
    ) -> None:
        self.dated_off = timedelta(0)
        self.now, self.page, self.calls_per_token = now, page, calls_per_token
        self.tables: dict[str, list[dict[str, Any]]] = {name: [] for name in SCHEMA}
        self.fields = {name: self._fields(name, stock, hidden) for name in SCHEMA}
        self.instance_url = ""
        self.calls: list[tuple[str, str]] = []
        self.writes: list[tuple[str, str, dict[str, Any]]] = []
        self.tokens: dict[str, int] = {}
        self.secrets = {"key-of-the-app": "secret-of-the-app"}
        self.faults: list[Callable[[Request], Answer | None]] = []
        self.locked: dict[str, int] = {}
        self.duplicates: set[str] = set()
        self.assignment_owner = ""
        self.task_queues: set[str] = set()
        self.cut_after_commit = 0
        self.forbidden: set[str] = set()
        self.locators: dict[str, tuple[str, list[dict[str, Any]]]] = {}
        self.used = 0
        self.serial = 0
        self.me = self.add_user("Integration", "integration@org.example")

    @staticmethod
    def _fields(name: str, stock: bool, hidden: tuple[str, ...]) -> dict[str, dict[str, Any]]:
        fields = {}
        for spec in f"{SCHEMA[name]} {'' if stock else CUSTOM.get(name, '')}".split():
            field, kind, targets, flag, options, length = FIELD.match(spec).groups()  # type: ignore[union-attr] # written above
            fields[field] = {
                "name": field, "type": kind, "referenceTo": (targets or "").split(",") if targets else [], "nillable": flag != "!",
                "createable": flag != "=", "updateable": flag != "=", "calculated": False, "custom": field.endswith("__c"), "label": field,
                "relationshipName": field.removesuffix("Id") if kind == "reference" else None, "length": int(length or (255 if kind == "string" else 0)),
                "externalId": flag == "*", "unique": flag == "*", "idLookup": field in ("Id", "Email") or flag == "*", "defaultedOnCreate": kind == "boolean",
                "restrictedPicklist": bool(options), "polymorphicForeignKey": "," in (targets or ""), "compoundFieldName": None, "soapType": "xsd:string",
                "precision": 18 if kind == "double" else 0, "scale": 0,
                "picklistValues": [{"value": v, "label": v, "active": True, "defaultValue": False, "validFor": None} for v in (options or "").split("|") if v],
            }  # fmt: skip
        return {f: v for f, v in fields.items() if f"{name}.{f}" not in hidden}

    # ---- what people in the org do

    def add_user(self, name: str, email: str, *, active: bool = True) -> str:
        return self.insert(
            "User",
            {"LastName": name, "Name": name, "Username": email, "Email": email, "IsActive": active, "TimeZoneSidKey": "Asia/Tokyo"},
        )

    def insert(
        self,
        object: str,
        values: Mapping[str, Any],
        *,
        by: str | None = None,
        stamp: datetime | None = None,
        seen: datetime | None = None,
    ) -> str:
        """A new row. `stamp` is what SystemModstamp says, `seen` when the row can be read (a late commit)."""
        self.serial += 1
        number, digits = self.serial * 7919 % 62**4, ""
        while len(digits) < 9:
            number, digits = number // 62, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[number % 62] + digits
        at = (stamp or self.now).replace(microsecond=0)
        by = by or getattr(self, "me", "")
        row = {"Id": long_id(f"{PREFIX[object]}5h0{digits}"), "IsDeleted": False, "CreatedDate": at, "CreatedById": by, "LastModifiedDate": at,
               "LastModifiedById": by, "SystemModstamp": at, "_seen": seen or at}  # fmt: skip
        if object in ("Lead", "Task"):
            row["Status"] = "Open - Not Contacted" if object == "Lead" else "Not Started"
        row |= (
            {"OwnerId": by, "IsConverted": False}
            if object == "Lead"
            else {"Priority": "Normal", "OwnerId": by}
            if object == "Task"
            else {}
        )
        self.tables[object].append(row)
        self._set(object, row, values, by, fresh=True)
        return str(row["Id"])

    def update(self, object: str, id: str, values: Mapping[str, Any], *, by: str | None = None) -> None:
        self._set(object, self.row(object, id), values, by or self.me)

    def _set(self, object: str, row: dict[str, Any], values: Mapping[str, Any], by: str, *, fresh: bool = False) -> None:
        at = row["SystemModstamp"] if fresh else self.now.replace(microsecond=0)
        for field, value in values.items():
            before = row.get(field)
            row[field] = (
                instant(value)
                if isinstance(value, str) and self.kind(object, field) == "datetime" and value
                else (None if value == "" else value)
            )
            if object == "Lead" and not fresh and field in ("Status", "OwnerId", "crmsync_phase__c") and before != row[field]:
                self._history(row["Id"], field, before, row[field], by)
            if object == "Opportunity" and field == "StageName" and before != value:
                row["LastStageChangeDate"] = at
                self.insert("OpportunityHistory", {"OpportunityId": row["Id"], "StageName": value}, by=by)
        row |= {"LastModifiedDate": at, "SystemModstamp": at, "LastModifiedById": by}
        if object in ("Lead", "Contact"):
            row["Name"] = f"{row.get('FirstName') or ''} {row.get('LastName') or ''}".strip()
        if object == "Task":
            row["IsClosed"] = row["Status"] == "Completed"
            row["CompletedDateTime"] = (row.get("CompletedDateTime") or at) if row["IsClosed"] else None
        if object == "Opportunity":
            row["IsClosed"], row["IsWon"] = CLOSED.get(row["StageName"], (False, False))

    def _history(self, lead: str, field: str, old: Any, new: Any, by: str) -> None:
        """An owner's change is told twice, once by names and once by ids."""
        if field == "OwnerId":
            names = [
                next((u["Name"] for t in ("User", "Group") for u in self.tables[t] if u["Id"] == id), None) for id in (old, new)
            ]
            self.insert("LeadHistory", {"LeadId": lead, "Field": "Owner", "OldValue": names[0], "NewValue": names[1]}, by=by)
            field, old, new = "Owner", old and old[:15], new and new[:15]
        self.insert("LeadHistory", {"LeadId": lead, "Field": field, "OldValue": old, "NewValue": new}, by=by)

    def delete(self, object: str, id: str, *, master: str | None = None) -> None:
        self.row(object, id).update(
            IsDeleted=True, SystemModstamp=self.now.replace(microsecond=0), **({"MasterRecordId": master} if master else {})
        )

    def merge(self, object: str, winner: str, loser: str) -> None:
        """The loser's children go over to the winner, without a new stamp of their own."""
        self.delete(object, loser, master=winner)
        for table in self.tables.values():
            for row in table:
                for field in ("WhoId", "LeadId", "ContactId"):
                    if row.get(field) == loser:
                        row[field] = winner
        self.update(object, winner, {})

    def convert(self, lead: str, *, by: str, opportunity: str | None = None) -> tuple[str, str, str | None]:
        row = self.row("Lead", lead)
        account = self.insert("Account", {"Name": row["Company"], "OwnerId": by}, by=by)
        shared = {f: row.get(f) for f in ("LastName", "FirstName", "Email", "Phone", "Title") if row.get(f)}
        carried = {f: v for f, v in row.items() if f.startswith("crmsync_") and v is not None}
        contact = self.insert("Contact", {**shared, **carried, "AccountId": account, "OwnerId": by}, by=by)
        deal = None
        if opportunity:
            deal = self.insert(
                "Opportunity",
                {"Name": opportunity, "AccountId": account, "StageName": "Qualification", "CloseDate": "2031-12-31", "OwnerId": by},
                by=by,
            )
            self.insert("OpportunityContactRole", {"OpportunityId": deal, "ContactId": contact, "IsPrimary": True}, by=by)
        self._set("Lead", row, {"Status": "Closed - Converted"}, by)
        row |= {
            "IsConverted": True,
            "ConvertedDate": self.now.strftime("%Y-%m-%d"),
            "ConvertedAccountId": account,
            "ConvertedContactId": contact,
            "ConvertedOpportunityId": deal,
        }
        for task in self.tables["Task"]:
            if task.get("WhoId") == lead:
                task["WhoId"] = contact
        return account, contact, deal

    def row(self, object: str, id: str) -> dict[str, Any]:
        return next(row for row in self.tables[object] if row["Id"] == long_id(id))

    def rows(self, object: str, **where: Any) -> list[dict[str, Any]]:
        return [r for r in self.tables[object] if not r["IsDeleted"] and all(r.get(f) == v for f, v in where.items())]

    def kind(self, object: str, field: str) -> str:
        return str(self.fields[object].get(field, {}).get("type", ""))

    # ---- HTTP

    def answer(self, request: Request) -> Answer:
        told = says(self.faults, request)
        if told is not None:
            return told
        if len(request.target) + sum(len(k) + len(v) + 4 for k, v in request.headers.items()) > 16384:
            return Answer(
                431, "<html><body><h1>Request header fields too large</h1></body></html>", content_type="text/html;charset=utf-8"
            )
        if request.path == "/services/oauth2/token":
            return self._token(request)
        if request.path == "/services/data":
            return Answer(
                200, [{"label": f"Release {v}", "url": f"/services/data/v{v}.0", "version": f"{v}.0"} for v in range(31, 68)]
            )
        token = re.sub(r"^(Bearer|OAuth) ", "", request.headers.get("authorization", ""))
        if self.tokens.get(token, 0) <= 0:
            return Answer(401, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}])
        if request.headers["host"] not in self.instance_url:
            return Answer(
                404, "<html><head><title>URL No Longer Exists</title></head></html>", content_type="text/html; charset=UTF-8"
            )
        self.tokens[token] -= 1
        self.used += 1
        try:
            answer = self._route(request)
        except Refusal as no:
            answer = Answer(
                no.status,
                [{**(no.extra or {}), "message": no.message, "errorCode": no.code, **({"fields": no.fields} if no.fields else {})}],
            )
        except SoqlError as no:
            answer = Answer(
                400, [{"message": f"\n{no.message}\n    ^\nERROR at Row:1:Column:1\n{no.message}", "errorCode": no.code}]
            )
        if self.used % 5:  # now and then the limits are not told
            answer.headers["Sforce-Limit-Info"] = LIMITS.format(used=self.used)
        answer.headers |= {
            "Cache-Control": "no-cache,must-revalidate,max-age=0,no-store,private",
            "Vary": "Accept-Encoding",
            "x-sfdc-request-id": "",
            "Set-Cookie": "BrowserId=x; path=/",
        }
        return answer

    def _token(self, request: Request) -> Answer:
        form = request.form()
        basic = request.headers.get("authorization", "")
        if basic.startswith("Basic "):
            form["client_id"], _, form["client_secret"] = (
                unquote(part) for part in base64.b64decode(basic[6:]).decode().partition(":")
            )
        if form.get("grant_type") != "client_credentials":
            return Answer(400, {"error": "unsupported_grant_type", "error_description": "grant type not supported"})
        if self.secrets.get(form.get("client_id", "")) != form.get("client_secret"):
            return Answer(400, {"error": "invalid_client", "error_description": "invalid client credentials"})
        token = f"00D5h000000aaaa!{len(self.tokens)}.token"
        self.tokens[token] = self.calls_per_token
        who = f"https://login.salesforce.com/id/00D5h000000aaaaEAA/{self.me}"
        return Answer(200, {"access_token": token, "signature": "c2ln", "scope": "api", "instance_url": self.instance_url, "id": who, "token_type": "Bearer",
                            "issued_at": str(int(self.now.timestamp() * 1000)), "api_instance_url": "https://api.salesforce.com"})  # fmt: skip

    def _route(self, request: Request) -> Answer:
        match = re.fullmatch(r"/services/data/v(\d+)\.0(/.*)?", request.path)
        if not match or not 31 <= int(match[1]) <= 67:
            raise Refusal("NOT_FOUND", "The requested resource does not exist", status=404)
        path, method = match[2] or "", request.method
        if path in ("/query", "/queryAll"):
            return self._query(request.one("q"), match[1], deleted=path == "/queryAll")
        if path.startswith("/query"):
            return self._more(path.rsplit("/", 1)[1], match[1])
        if path == "/limits":
            return Answer(200, {"DailyApiRequests": {"Max": 15000, "Remaining": 15000 - self.used}})
        if path.startswith("/composite"):
            return self._composite(path.removeprefix("/composite"), request, match[1])
        parts = path.split("/")[1:]
        if parts[:1] != ["sobjects"]:
            raise Refusal("NOT_FOUND", "The requested resource does not exist", status=404)
        if len(parts) == 1:
            return Answer(
                200,
                {
                    "encoding": "UTF-8",
                    "maxBatchSize": 200,
                    "sobjects": [{"name": n, "queryable": True} for n in SCHEMA if n not in self.forbidden],
                },
            )
        object = self._object(parts[1])
        if parts[2:] == ["describe"]:
            if "if-modified-since" in request.headers:
                return Answer(304)
            return Answer(
                200,
                {
                    "name": object,
                    "label": object,
                    "queryable": True,
                    "keyPrefix": PREFIX[object],
                    "fields": list(self.fields[object].values()),
                },
            )
        if parts[2:] in (["updated"], ["deleted"]):
            return self._replicated(object, parts[2], request)
        if len(parts) == 2 and method == "POST":
            return Answer(201, {"id": self._write(object, None, request.json(), request), "success": True, "errors": []})
        if len(parts) == 3 and method == "GET":
            return Answer(
                200,
                self._shown(
                    object,
                    self._live(object, parts[2]),
                    request.one("fields").split(",") if request.query else list(self.fields[object]),
                ),
            )
        if len(parts) == 3 and method == "PATCH":
            self._write(object, parts[2], request.json(), request)
            return Answer(204)
        if len(parts) == 3 and method == "DELETE":
            self._live(object, parts[2])
            self.delete(object, parts[2])
            return Answer(204)
        if len(parts) == 4 and method == "PATCH":
            id, created = self._upsert(object, parts[2], {**request.json(), parts[2]: unquote(parts[3])}, request)
            return Answer(201 if created else 200, {"id": id, "success": True, "errors": [], "created": created})
        raise Refusal("METHOD_NOT_ALLOWED", f"HTTP Method '{method}' not allowed", status=405)

    def _object(self, name: str) -> str:
        found = next((o for o in SCHEMA if o.lower() == name.lower() and o not in self.forbidden), None)
        if found is None:
            raise Refusal("NOT_FOUND", "The requested resource does not exist", status=404)
        return found

    # ---- reading

    def _kind_of(self, object: str, path: str) -> str:
        if object not in SCHEMA or object in self.forbidden:
            raise SoqlError("INVALID_TYPE", f"sObject type '{object}' is not supported.")
        head, _, rest = path.partition(".")
        field = next((f for f in self.fields[object].values() if (f["relationshipName"] if rest else f["name"]) == head), None)
        if field is None and head == "Account" and rest:
            field = self.fields[object].get("AccountId")
        if field is None and head in ("Campaign", "Owner") and rest:
            field = self.fields[object].get(f"{head}Id")
        if field is None:
            raise SoqlError(
                "INVALID_FIELD",
                f"No such column '{head}' on entity '{object}'. If you are attempting to use a custom field, be sure to append the '__c'",
            )
        if not rest:
            return str(field["type"])
        if field["polymorphicForeignKey"]:
            if rest not in ("Name", "Type", "Id", "Email"):
                raise SoqlError("INVALID_FIELD", f"No such column '{rest}' on entity 'Name'.")
            return "string"
        return self._kind_of(field["referenceTo"][0], rest)

    def _value(self, row: Mapping[str, Any], path: str) -> Any:
        head, _, rest = path.partition(".")
        if not rest:
            return row.get(head)
        target = next((r for table in self.tables.values() for r in table if r["Id"] == row.get(f"{head}Id")), None)
        return self._value(target, rest) if target else None

    def _query(self, text: str, version: str, *, deleted: bool) -> Answer:
        if len(text) > 100_000:
            raise Refusal("MALFORMED_QUERY", "SOQL statements cannot be longer than 100000 characters.")
        query = Query(text, self._kind_of)
        seen = [r for r in self.tables[query.object] if r["_seen"] <= self.now and (deleted or not r["IsDeleted"])]
        rows = ordered([r for r in seen if query.keep(lambda path, r=r: self._value(r, path))], query, self._value)  # type: ignore[misc] # r is bound
        if query.counts:
            return Answer(200, {"totalSize": len(rows), "done": True, "records": []})
        rows = rows[query.offset :][: query.limit]
        result = [self._shown(query.object, row, query.paths) for row in rows]
        locator = f"0r8xx{len(self.locators):010d}AAA"
        self.locators[locator] = (query.object, result)
        return self._more(f"{locator}-0", version)

    def _more(self, where: str, version: str) -> Answer:
        locator, _, offset = where.rpartition("-")
        if locator not in self.locators:
            raise Refusal("INVALID_QUERY_LOCATOR", "invalid query locator")
        rows, at = self.locators[locator][1], int(offset)
        end = at + self.page - (at // self.page) % 2  # pages of one answer differ in length
        body: dict[str, Any] = {"totalSize": len(rows), "done": end >= len(rows), "records": rows[at:end]}
        if end < len(rows):
            body["nextRecordsUrl"] = f"/services/data/v{version}.0/query/{locator}-{end}"
        return Answer(200, body)

    def _shown(self, object: str, row: Mapping[str, Any], paths: list[str]) -> dict[str, Any]:
        shown: dict[str, Any] = {"attributes": {"type": object, "url": f"/services/data/v66.0/sobjects/{object}/{row['Id']}"}}
        for path in paths:
            self._kind_of(object, path)
            head, _, rest = path.partition(".")
            value = self._value(row, path)
            value = spoken(value) if isinstance(value, datetime) else value
            if not rest:
                shown[head] = False if value is None and self.kind(object, head) == "boolean" else value
            elif row.get(f"{head}Id"):
                shown.setdefault(head, {"attributes": {"type": head}})[rest] = value
            else:
                shown[head] = None
        return shown

    def _live(self, object: str, id: str) -> dict[str, Any]:
        row = next((r for r in self.tables[object] if r["Id"] == long_id(id)), None)
        if row is None:
            raise Refusal("NOT_FOUND", "Provided external ID field does not exist or is not accessible", status=404)
        if row["IsDeleted"]:
            raise Refusal("ENTITY_IS_DELETED", "entity is deleted", status=404)
        return row

    def _replicated(self, object: str, which: str, request: Request) -> Answer:
        start, end = instant(request.one("start").replace(" ", "+")), instant(request.one("end").replace(" ", "+"))
        if end - start <= timedelta(minutes=1):
            raise Refusal("INVALID_REPLICATION_DATE", "start date must be more than a minute before end date")
        hit = [
            r
            for r in self.tables[object]
            if start <= r["SystemModstamp"] <= end and r["IsDeleted"] == (which == "deleted") and r["_seen"] <= self.now
        ]
        covered = spoken(min(end, self.now - timedelta(minutes=1)))
        if which == "updated":
            return Answer(200, {"ids": [r["Id"] for r in hit], "latestDateCovered": covered})
        rows = [{"id": r["Id"], "deletedDate": spoken(r["SystemModstamp"])} for r in hit]
        return Answer(
            200,
            {"deletedRecords": rows, "earliestDateAvailable": spoken(self.now - timedelta(days=15)), "latestDateCovered": covered},
        )

    # ---- writing

    def _composite(self, path: str, request: Request, version: str) -> Answer:
        method, body = request.method, request.json() if request.body else {}
        if path == "/sobjects" and method == "DELETE":
            return Answer(
                200,
                [
                    self._one(lambda i=i: (self._live(self._by_id(i), i), self.delete(self._by_id(i), i), (i, None))[-1])
                    for i in request.one("ids").split(",")
                ],
            )  # type: ignore[misc] # i is bound
        if path.startswith("/sobjects/") and method == "POST":
            object = self._object(path.split("/")[2])
            found = {r["Id"]: r for r in self.tables[object] if not r["IsDeleted"]}
            return Answer(
                200, [self._shown(object, found[long_id(i)], body["fields"]) if long_id(i) in found else None for i in body["ids"]]
            )
        if path.startswith("/sobjects"):
            answer = self._collection(path.split("/")[2:], body, request)
            if self.cut_after_commit:
                self.cut_after_commit -= 1
                raise Cut
            return answer
        return self._together(path, body, request)

    def _together(self, path: str, body: dict[str, Any], request: Request) -> Answer:
        """Many calls in one: /composite tells of each with its reference, /composite/batch in turn."""
        calls = body.get("compositeRequest" if path == "" else "batchRequests")
        if not calls or len(calls) > 25:
            raise Refusal("JSON_PARSER_ERROR", "unexpected composite request")
        told = []
        for call in calls:
            url = call["url"] if call["url"].startswith("/") else f"/services/data/{call['url']}"
            content = json.dumps(call.get("body") or call.get("richInput")).encode()
            query = parse_qs(urlsplit(url).query)
            try:
                answer = self._route(
                    Request(call["method"], unquote(urlsplit(url).path).rstrip("/"), query, request.headers, content, url)
                )
            except (Refusal, SoqlError) as no:
                answer = Answer(getattr(no, "status", 400), [{"message": no.message, "errorCode": no.code}])
            told.append(
                {"body": answer.body, "httpHeaders": {}, "httpStatusCode": answer.status, "referenceId": call.get("referenceId")}
            )
        if path == "":
            return Answer(200, {"compositeResponse": told})
        return Answer(
            200,
            {
                "hasErrors": any(t["httpStatusCode"] >= 400 for t in told),
                "results": [{"statusCode": t["httpStatusCode"], "result": t["body"]} for t in told],
            },
        )

    def _collection(self, where: list[str], body: dict[str, Any], request: Request) -> Answer:
        records = body["records"]
        if len(records) > 200:
            raise Refusal("EXCEEDED_ID_LIMIT", "record limit reached. cannot submit more than 200 records in this call")
        if any(next(iter(record), "") != "attributes" for record in records):
            raise Refusal(
                "JSON_PARSER_ERROR",
                "When deserializing a list of sobjects, each record must have an attributes field before any other fields",
            )
        types = [r["attributes"]["type"] for r in records]
        if sum(a != b for a, b in pairwise(types)) >= 10:
            raise Refusal("TOO_MANY_TYPES", "more than 10 chunks")
        if body.get("allOrNone") is not False:
            raise Refusal("INVALID_INPUT", "these tests want every record to stand alone")
        results = []
        for record in records:
            object, values = self._object(record["attributes"]["type"]), {f: v for f, v in record.items() if f != "attributes"}
            id = next((values.pop(f) for f in ("id", "Id") if f in values), None)
            if where:
                results.append(self._one(lambda o=object, v=values: self._upsert(o, where[1], v, request), upsert=True))  # type: ignore[misc] # bound
            else:
                results.append(self._one(lambda o=object, i=id, v=values: (self._write(o, i, v, request), None)))  # type: ignore[misc] # bound
        return Answer(200, results)

    def _one(self, write: Callable[[], tuple[str, bool | None]], *, upsert: bool = False) -> dict[str, Any]:
        try:
            id, created = write()
        except Refusal as no:
            failed = {
                "success": False,
                "errors": [{**(no.extra or {}), "statusCode": no.code, "message": no.message, "fields": no.fields}],
            }
            return {**failed, "created": False} if upsert else failed
        return {"id": id, "success": True, "errors": [], **({"created": created} if created is not None else {})}

    def _by_id(self, id: str) -> str:
        return next(o for o, prefix in PREFIX.items() if id.startswith(prefix))

    def _upsert(self, object: str, key: str, values: dict[str, Any], request: Request) -> tuple[str, bool]:
        if not self.fields[object].get(key, {}).get("idLookup"):
            raise Refusal("NOT_FOUND", f"Provided external ID field does not exist or is not accessible: {key}", status=404)
        row = next((r for r in self.rows(object) if r.get(key) == values[key]), None)
        rest = {f: v for f, v in values.items() if f != key}
        if row:
            return self._write(object, row["Id"], rest, request), False
        return self._write(object, None, values, request), True

    def _write(self, object: str, id: str | None, values: dict[str, Any], request: Request) -> str:
        row = self._live(object, id) if id else None
        key = row["Id"] if row else ""
        if self.locked.get(key, 0) > 0:
            self.locked[key] -= 1
            raise Refusal("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record or 1 records: " + key)
        if row and row.get("IsConverted"):
            raise Refusal("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        if key in self.duplicates and "allowsave=true" not in request.headers.get(
            "sforce-duplicate-rule-header", ""
        ).lower().replace(" ", ""):
            found = {
                "allowSave": True,
                "duplicateRule": "Standard_Lead_Duplicate_Rule",
                "errorMessage": "Use one of these records?",
                "matchResults": [],
            }
            raise Refusal("DUPLICATES_DETECTED", "Use one of these records?", extra={"duplicateResut": found})
        for field, value in values.items():
            self._check(object, row, field, value)
        if not row and (missing := [f for f, d in self.fields[object].items() if not d["nillable"] and not values.get(f)]):
            raise Refusal("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", tuple(missing))
        who = values.get("WhoId") or ""
        if object == "Task" and who[:3] == "00Q":
            if self.row("Lead", who)["IsConverted"]:
                raise Refusal("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", ("WhoId",))
            if values.get("WhatId"):
                raise Refusal("FIELD_INTEGRITY_EXCEPTION", "If WhoId references a lead, then WhatId must be null", ("WhatId",))
        values = {f: long_id(v) if isinstance(v, str) and self.kind(object, f) == "reference" else v for f, v in values.items()}
        if object == "Lead" and self.assignment_owner and request.headers.get("sforce-auto-assign", "TRUE").upper() != "FALSE":
            values["OwnerId"] = self.assignment_owner
        self.writes.append((object, key, values))
        if row:
            self._set(object, row, values, self.me)
            return key
        return self.insert(object, values)

    def _check(self, object: str, row: dict[str, Any] | None, field: str, value: Any) -> None:
        about = self.fields[object].get(field)
        if about is None:
            raise Refusal("INVALID_FIELD", f"No such column '{field}' on sobject of type {object}")
        if not about["updateable"]:
            raise Refusal(
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                f"Unable to create/update fields: {field}. Please check the security settings of this field",
                (field,),
            )
        if value is None or value == "":
            return
        kind, text = about["type"], str(value)
        try:
            _ = (
                instant(text)
                if kind == "datetime"
                else datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
                if kind == "date"
                else float(text)
                if kind in ("double", "int", "currency")
                else None
            )
        except ValueError:
            raise Refusal("JSON_PARSER_ERROR", f"Cannot deserialize instance of {kind} from VALUE_STRING value {value}") from None
        if kind == "boolean" and not isinstance(value, bool):
            raise Refusal("JSON_PARSER_ERROR", f"Cannot deserialize instance of boolean from VALUE_STRING value {value}")
        if kind == "string" and len(text) > about["length"]:
            raise Refusal("STRING_TOO_LONG", f"{field}: data value too large: {text[:20]} (max length={about['length']})", (field,))
        if about["restrictedPicklist"] and value not in [v["value"] for v in about["picklistValues"]]:
            raise Refusal(
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", f"{field}: bad value for restricted picklist field: {value}", (field,)
            )
        if about["unique"] and any(r.get(field) == value and r is not row for r in self.rows(object)):
            raise Refusal("DUPLICATE_VALUE", f"duplicate value found: {field} duplicates value on record with id: <unknown>")
        if kind == "reference":
            self._check_reference(object, field, long_id(text), about["referenceTo"])

    def _check_reference(self, object: str, field: str, id: str, targets: list[str]) -> None:
        target = next((o for o in targets if id.startswith(PREFIX.get(o, "-"))), None)
        found = next((r for r in self.tables.get(target or "", []) if r["Id"] == id), None)
        if target is None or (object == "Task" and target == "Group" and id not in self.task_queues):
            raise Refusal("FIELD_INTEGRITY_EXCEPTION", f"Assigned To ID: id value of incorrect type: {id}", (field,))
        if found is None or found["IsDeleted"]:
            raise Refusal("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", (field,))
        if field == "OwnerId" and target == "User" and not found["IsActive"]:
            raise Refusal(
                "INACTIVE_OWNER_OR_USER",
                "operation performed with inactive user [" + id + "] as owner of " + object.lower(),
                (field,),
            )
