"""Every code of the table, said to the connector of a row and of a whole call: what it does, counted at the server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from salesforce_script import DATA, DATE, Org, Rows, change, made, push, refusal

from crmsync.connect.contract import PushBatch
from crmsync.errors import StopConnector
from crmsync.model.changes import Change, FieldDiff, Receipt
from crmsync_salesforce.answers import VendorError, classify, is_expired, row_class
from crmsync_salesforce.codes import CALL_DEEDS, CODES, ROW_DEEDS, call_lines, row_lines
from crmsync_salesforce.facts import RETRY_SIZES

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
ATTEMPTS = 3  # of the scripted client
# What the vendor's documentation and the logs of other tools name; a table that loses one of them fails here.
KNOWN = [
    "UNABLE_TO_LOCK_ROW",
    "REQUEST_LIMIT_EXCEEDED",
    "SERVER_UNAVAILABLE",
    "UNKNOWN_EXCEPTION",
    "QUERY_TIMEOUT",
    "OPERATION_TOO_LARGE",
    "QUERY_TOO_COMPLICATED",
    "INVALID_QUERY_LOCATOR",
    "INVALID_SESSION_ID",
    "STORAGE_LIMIT_EXCEEDED",
    "API_DISABLED_FOR_ORG",
    "LIMIT_EXCEEDED",
    "API_CURRENTLY_DISABLED",
    "INSUFFICIENT_ACCESS",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION",
    "REQUIRED_FIELD_MISSING",
    "STRING_TOO_LONG",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
    "INVALID_EMAIL_ADDRESS",
    "FIELD_INTEGRITY_EXCEPTION",
    "INVALID_TYPE_ON_FIELD_IN_RECORD",
    "INVALID_FIELD",
    "INVALID_FIELD_FOR_INSERT_UPDATE",
    "INSUFFICIENT_ACCESS_OR_READONLY",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
    "INVALID_TYPE",
    "INACTIVE_OWNER_OR_USER",
    "OP_WITH_INVALID_USER_TYPE_EXCEPTION",
    "TRANSFER_REQUIRES_READ",
    "ENTITY_IS_DELETED",
    "NOT_FOUND",
    "INVALID_CROSS_REFERENCE_KEY",
    "CANNOT_UPDATE_CONVERTED_LEAD",
    "DUPLICATES_DETECTED",
    "DUPLICATE_VALUE",
    "CANNOT_EXECUTE_FLOW_TRIGGER",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
    "TXN_SECURITY_METERING_ERROR",
    "TOO_MANY_APEX_REQUESTS",
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "JSON_PARSER_ERROR",
    "PROCESSING_HALTED",
    "BATCH_PROCESSING_HALTED",
    "MALFORMED_QUERY",
    "NUMBER_OUTSIDE_VALID_RANGE",
    "EXCEEDED_ID_LIMIT",
    "INVALID_REPLICATION_DATE",
    "INVALIDENTITY",
    "GONE",
    "UNSUPPORTED_API_VERSION",
    "LOGIN_RATE_EXCEEDED",
    "OAUTH_APPROVAL_ERROR_GENERIC",
]
OUTCOMES = {"again": "retry", "once": "retry", "org": "retry", "moved": "conflict"}


@pytest.fixture
def org() -> Iterator[Org]:
    with respx.mock(assert_all_called=False) as router:
        yield Org(router)


def test_the_table_holds_every_code_that_is_known() -> None:
    assert set(KNOWN) <= set(CODES)
    assert {code.row for code in CODES.values()} == set(ROW_DEEDS)
    assert {code.call for code in CODES.values()} == set(CALL_DEEDS)


@pytest.mark.parametrize("line", [*row_lines(), *call_lines()])
def test_the_readme_shows_the_table(line: str) -> None:
    assert line in README


@pytest.mark.parametrize("name", CODES)
def test_a_code_of_a_row_does_what_the_table_says_and_costs_no_other_row(org: Org, name: str) -> None:
    code, held = CODES[name], Rows(org, 2)
    held.errors[0] = [name] * 9
    receipts = push(made(), change(0, Rating="Hot"), change(1, Rating="Hot"))
    again = len(RETRY_SIZES) if code.row == "again" else 0
    assert held.batches == [2, *[1] * again]
    assert receipts["u1"].outcome == "written"
    assert receipts["u0"].outcome == OUTCOMES.get(code.row, "rejected")
    assert (receipts["u0"].code, receipts["u0"].details["class"], receipts["u0"].details["fields"]) == (name, code.row, ["Rating"])


def sent_before_it_is_left(name: str) -> int:
    """How often a call is sent whose every answer is this code: a refused row is tried again where its class says so."""
    code = CODES[name]
    if code.call == "reject":
        return 1 + (len(RETRY_SIZES) if code.row == "again" else 0)
    return {"retry": ATTEMPTS, "auth": 2}.get(code.call, 1)


def refused_whole(org: Org, name: str, *changes: Change) -> tuple[list[httpx.Request], dict[str, Receipt]]:
    """The requests that reach an org which refuses every write with this code, and the receipts."""
    held, seen = Rows(org, 2), list[httpx.Request]()

    def refuse(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return refusal(name, status=CODES[name].status)

    held.before = refuse
    org.router.post(f"{DATA}/composite/sobjects").mock(side_effect=refuse)
    receipts: dict[str, Receipt] = {}
    try:
        for receipt in made().push(PushBatch("Lead", changes)):
            receipts[receipt.key] = receipt
    except StopConnector:
        assert CODES[name].call in ("stop", "auth", "quota")
    assert sorted(receipts) == sorted(each.key for each in changes)
    return seen, receipts


@pytest.mark.parametrize("name", CODES)
def test_a_code_of_a_whole_call_is_met_as_often_as_the_table_says(org: Org, name: str) -> None:
    assert classify(httpx.Response(CODES[name].status, json=[{"errorCode": name}])).kind == CODES[name].call
    seen, receipts = refused_whole(org, name, change(0, Rating="Hot"))
    assert len(seen) == sent_before_it_is_left(name)
    assert receipts["u0"].outcome != "written"


@pytest.mark.parametrize("name", CODES)
def test_a_create_that_met_trouble_is_sent_again_only_where_the_org_surely_did_nothing(org: Org, name: str) -> None:
    new = Change("n0", "sf", "Lead", "create", (FieldDiff("Company", None, None, "A"),), "p", key_value="n0")
    seen, receipts = refused_whole(org, name, new)
    if CODES[name].call == "retry" and CODES[name].status >= 500:
        assert len(seen) == 1, "it may have been done"
        assert receipts["n0"].outcome == "unknown"
    else:
        assert len(seen) <= sent_before_it_is_left(name)


@pytest.mark.parametrize(
    ("code", "fields", "expected"),
    [
        ("FIELD_INTEGRITY_EXCEPTION", ("OwnerId",), "owner"),
        ("INVALID_OPERATION", ("OwnerId",), "owner"),
        ("INVALID_CROSS_REFERENCE_KEY", ("OwnerId",), "owner"),
        ("INVALID_CROSS_REFERENCE_KEY", ("WhoId",), "gone"),
        ("FIELD_INTEGRITY_EXCEPTION", ("WhatId",), "data"),
    ],
)
def test_a_refusal_of_an_owner_is_known_by_its_field(code: str, fields: tuple[str, ...], expected: str) -> None:
    assert row_class(VendorError(code, "", fields)) == expected


@pytest.mark.parametrize(
    ("message", "expired"),
    [
        ("Session expired or invalid", True),
        ("This session is not valid for use with the REST API", False),
        ("Connected app is not attached to Agent", False),
        ("The REST API is not enabled for this Organization.", False),
        ("API is disabled for this User", False),
        ("Session is not valid: the IP address has changed", False),
        ("The user is blocked by API Access Control", False),
    ],
)
def test_the_meanings_of_an_invalid_session_are_told_apart(message: str, expired: bool) -> None:
    answer = httpx.Response(401, json=[{"errorCode": "INVALID_SESSION_ID", "message": message}])
    assert is_expired(answer) is expired
    assert classify(answer).kind == ("auth" if expired else "stop")


def test_a_row_with_several_errors_is_told_by_its_first_with_the_fields_it_names(org: Org) -> None:
    held = Rows(org, 1)
    errors: Any = [
        {"statusCode": "STRING_TOO_LONG", "message": "a", "fields": ["Rating"]},
        {"statusCode": "REQUIRED_FIELD_MISSING", "message": "b", "fields": ["Company"]},
    ]
    held.before = lambda request: httpx.Response(
        200, json=[{"success": False, "errors": errors} for _ in json.loads(request.content)["records"]], headers=DATE
    )
    receipt = push(made(), change(0, Rating="Hot"))["u0"]
    assert (receipt.code, receipt.details["fields"]) == ("STRING_TOO_LONG", ["Rating"])
