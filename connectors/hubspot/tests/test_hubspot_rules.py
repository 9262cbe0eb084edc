"""The error table, row by row, at a server that counts: what may be sent again is, so often and no more; nothing else is."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from crmsync.errors import RetryLater, StopConnector
from crmsync.sandbox.faults import FaultKind
from crmsync.sandbox.hubspot.config import Limits, PortalConfig
from crmsync_hubspot.faults import fault_of
from crmsync_hubspot.rules import DAILY, OTHER_REFUSAL, OTHER_TROUBLE, RULES, Rule, rule_of
from crmsync_hubspot.usage import seconds_to_reset

Make = Callable[..., Any]
README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
ATTEMPTS = 5
CASES = [(rule, status, code) for rule in RULES for status in rule.statuses or (400,) for code in rule.codes or ("",)]


def scripted(rule: Rule, status: int, code: str) -> dict[str, Any]:
    """An answer of this row, as HubSpot would say it."""
    if rule.is_page:
        return {"status": status, "body": b"<html>by script</html>", "headers": (("Content-Type", "text/html"),)}
    said: dict[str, Any] = {"status": "error", "message": "by script", "correlationId": "c"}
    if status == 429:
        said |= {"errorType": "RATE_LIMIT", "policyName": code or "TEN_SECONDLY_ROLLING"}
    elif code and code.startswith(("PROPERTY_", "READ_ONLY", "INVALID_", "MISSING_REQ", "MISSING_COND")):
        said |= {
            "category": "VALIDATION_ERROR",
            "errors": [{"message": "no", "code": code, "context": {"propertyName": ["crmsync_phase"]}}],
        }
    elif code:
        said |= {"category": code}
    return {"status": status, "body": orjson.dumps(said), "headers": (("Content-Type", "application/json"),)}


@pytest.mark.parametrize(("rule", "status", "code"), CASES, ids=lambda one: "" if isinstance(one, Rule) else str(one))
def test_an_update_meets_each_row_of_the_table(rig: Any, rule: Rule, status: int, code: str) -> None:
    contact = rig.portal.create("contacts", {"email": "a@example.com"})
    rig.hub.describe(["contacts"])
    rig.fault(FaultKind.ANSWER, "/batch/update$", **scripted(rule, status, code))
    change = rig.change(contact, {"crmsync_phase": "mql"})
    if rule.kind in ("auth", "quota"):
        with pytest.raises(StopConnector, match=rf"connect\.{rule.kind}"):
            rig.push(change)
    else:
        (receipt,) = rig.push(change)
        assert receipt.outcome == rule.outcome
    assert len(rig.calls("POST", "/batch/update")) == (ATTEMPTS if rule.kind == "retry" else 1)


@pytest.mark.parametrize(("rule", "status", "code"), CASES, ids=lambda one: "" if isinstance(one, Rule) else str(one))
def test_a_create_without_a_unique_key_is_sent_again_only_where_it_was_surely_not_taken(
    rig_of: Make, rule: Rule, status: int, code: str
) -> None:
    rig = rig_of(config=PortalConfig(unique_properties_on_tasks=False, limits=Limits(enforced=False)))
    contact = rig.portal.create("contacts", {"email": "a@example.com"})
    rig.fault(FaultKind.ANSWER, "/tasks$", method="POST", **scripted(rule, status, code))
    outcome = ""
    try:
        (receipt,) = rig.push(rig.task("k1", contact))
        outcome = receipt.outcome
    except StopConnector:
        assert rule.kind in ("auth", "quota")
    sent = [one for one in rig.calls("POST", "/tasks") if one.url.path.endswith("/tasks")]
    assert len(sent) == (ATTEMPTS if rule.kind == "retry" and rule.is_untaken else 1)
    if rule.kind == "retry":
        assert outcome == ("retry" if rule.is_untaken else "unknown")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.statuses}{rule.codes}")
def test_each_row_of_the_table_is_the_one_that_holds_for_what_it_names(rule: Rule) -> None:
    for status in rule.statuses or (400,):
        for code in rule.codes or ("SOMETHING_ELSE",):
            assert rule_of(status, {code}, is_page=rule.is_page) is rule


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"category": "CONFLICT", "subCategory": "Properties.PROPERTY_DOESNT_EXIST"}, "PROPERTY_DOESNT_EXIST"),
        ({"category": "VALIDATION_ERROR", "errors": [{"code": "INVALID_OPTION"}]}, "INVALID_OPTION"),
        ({"category": "VALIDATION_ERROR", "errors": [{"subCategory": "X.READ_ONLY_VALUE"}]}, "READ_ONLY_VALUE"),
        ({"category": "RATE_LIMITS"}, "RATE_LIMITS"),
    ],
)
def test_a_row_is_found_by_any_of_hubspots_words(body: dict[str, Any], expected: str) -> None:
    assert expected in fault_of(400, body).rule.codes


def test_what_nobody_has_a_row_for_is_refused_or_tried_again_by_its_status() -> None:
    assert rule_of(418, {"TEAPOT"}) is OTHER_REFUSAL
    assert rule_of(599, {"TEAPOT"}) is OTHER_TROUBLE


def test_the_readme_shows_the_whole_table() -> None:
    shown = README.partition("<!-- made: errors -->")[2].partition("<!-- end -->")[0]
    assert len(re.findall(r"^\| ", shown, re.MULTILINE)) == len(RULES) + 2
    for rule in RULES:
        assert rule.then.replace("|", "\\|") in shown


# The daily limit ends at the account's midnight.


@pytest.mark.parametrize(
    ("now", "zone", "expected"),
    [
        (datetime(2026, 11, 2, 14, 0, tzinfo=UTC), "Asia/Tokyo", 3600),
        (datetime(2026, 11, 2, 15, 0, tzinfo=UTC), "Asia/Tokyo", 86400),
        (datetime(2026, 11, 1, 4, 0, tzinfo=UTC), "America/New_York", 25 * 3600),
        (datetime(2026, 11, 2, 14, 20, tzinfo=UTC), None, 2400),
        (None, "Asia/Tokyo", 3600),
    ],
)
def test_the_day_ends_in_the_accounts_own_time(now: datetime | None, zone: str | None, expected: float) -> None:
    """On 1 November 2026 New York has an hour more: its day began before that hour."""
    assert seconds_to_reset(now, ZoneInfo(zone) if zone else None) == expected


def test_after_the_daily_limit_nothing_is_sent_before_the_accounts_midnight(rig: Any) -> None:
    """00:00 UTC is 09:00 in Tokyo."""
    rig.hub.describe(["contacts"])
    rig.fault(FaultKind.LIMIT, "/contacts$", calls=(1,), detail=DAILY)
    for hours in (0, 1, 8, 5.9):
        rig.advance(hours=hours)
        before = len(rig.requests)
        with pytest.raises(StopConnector, match=r"connect\.quota"):
            rig.pull("contacts")
        assert len(rig.requests) - before <= (2 if hours == 0 else 0)
    rig.advance(hours=0.2)
    assert rig.pull("contacts").cursor


def test_a_daily_limit_with_a_named_wait_is_waited_for_as_long_as_it_says(rig: Any) -> None:
    rig.fault(FaultKind.LIMIT, "/contacts$", calls=(1,), detail=DAILY, headers=(("Retry-After", "600"),))
    with pytest.raises(StopConnector, match=r"connect\.quota"):
        rig.pull("contacts")
    rig.advance(minutes=9)
    with pytest.raises(StopConnector, match=r"connect\.quota"):
        rig.pull("contacts")
    rig.advance(minutes=2)
    assert rig.pull("contacts").cursor


@pytest.mark.parametrize("details", [None, [], {}, {"timeZone": "Nowhere/Land"}, {"timeZone": ""}, {"timeZone": "../etc"}])
def test_an_account_that_tells_no_zone_stops_nothing(rig: Any, details: Any) -> None:
    rig.twist(lambda path, _status, body: details if path.endswith("/details") else body)
    assert rig.hub.describe(["contacts"])["contacts"].readable


# Batches.


def test_a_task_that_somebody_else_made_meanwhile_is_found_by_the_next_attempt(rig: Any) -> None:
    contact = rig.portal.create("contacts", {"email": "a@example.com"})
    conflict = {"status": 409, "body": b'{"status":"error","category":"CONFLICT","message":"Existing ID: 5"}'}
    rig.fault(FaultKind.ANSWER, "/batch/upsert$", calls=(1,), **conflict)
    assert [one.outcome for one in rig.push(rig.task("k1", contact))] == ["retry"]
    assert [one.outcome for one in rig.push(rig.task("k1", contact))] == ["written"]


def test_a_search_that_is_refused_as_wrong_is_sent_once_and_stops_the_connection(rig: Any) -> None:
    cursor = rig.pull("contacts").cursor
    rig.forget()
    rig.fault(FaultKind.ANSWER, "/search$", status=400, body=b'{"status":"error","category":"VALIDATION_ERROR","message":"no"}')
    with pytest.raises(StopConnector, match=r"connect\.rejected"):
        rig.pull("contacts", cursor)
    assert len(rig.calls("POST", "/search")) == 1


def test_a_portal_that_moves_house_for_a_day_is_left_alone_at_once(rig: Any) -> None:
    rig.fault(FaultKind.ANSWER, "/contacts$", status=477, headers=(("Retry-After", "86400"),))
    with pytest.raises(RetryLater) as caught:
        rig.pull("contacts")
    assert caught.value.after_seconds == 86400
    assert len(rig.calls("GET", "/contacts")) == 1
