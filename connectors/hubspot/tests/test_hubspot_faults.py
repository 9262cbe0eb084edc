"""The error table."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from crmsync_hubspot.faults import classify, fault_of, missing_scopes


def answer(status: int, body: Any = None, headers: dict[str, str] | None = None, text: str | None = None) -> httpx.Response:
    content = {"text": text} if text is not None else {"json": body or {}}
    return httpx.Response(status, headers=headers, **content)  # type: ignore[arg-type]  # one of the two


def limited(policy: str, message: str, **headers: str) -> httpx.Response:
    body = {"status": "error", "message": message, "errorType": "RATE_LIMIT"}
    return answer(429, body | ({"policyName": policy} if policy else {}), {k.replace("_", "-"): v for k, v in headers.items()})


@pytest.mark.parametrize(
    ("response", "kind", "code", "wait"),
    [
        (answer(200), "ok", "", None),
        (answer(207), "ok", "", None),
        (
            limited("TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit."),
            "retry",
            "TEN_SECONDLY_ROLLING",
            10.0,
        ),
        (limited("", "You have reached your ten_secondly_rolling limit."), "retry", "TEN_SECONDLY_ROLLING", 10.0),
        (limited("SECONDLY", "You have reached your secondly limit."), "retry", "SECONDLY", 1.0),
        (limited("", "You have reached your secondly limit."), "retry", "SECONDLY", 1.0),
        (limited("SECONDLY", "secondly", Retry_After="7"), "retry", "SECONDLY", 7.0),
        (limited("DAILY", "You have reached your daily limit."), "quota", "DAILY", None),
        (limited("", "You have reached your daily limit."), "quota", "DAILY", None),
        (limited("SECONDLY", "Your daily quota is fine, this second's is not."), "retry", "SECONDLY", 1.0),
        (limited("SOMETHING_NEW", "You have reached your secondly limit."), "retry", "SECONDLY", 1.0),
        (limited("SOMETHING_NEW", "Slow down."), "retry", "TEN_SECONDLY_ROLLING", 10.0),
        (answer(429, text="<html>slow down</html>"), "retry", "TEN_SECONDLY_ROLLING", 10.0),
        (answer(423, {"message": "locked"}), "retry", "LOCKED", 2.0),
        (answer(477, {"message": "moving"}, {"Retry-After": "900"}), "retry", "MIGRATING", 900.0),
        (answer(401, {"category": "EXPIRED_AUTHENTICATION", "message": "expired"}), "auth", "EXPIRED_AUTHENTICATION", None),
        (answer(530, text="<html>1016</html>"), "auth", "530", None),
        (answer(403, {"category": "MISSING_SCOPES", "message": "…"}), "reject", "MISSING_SCOPES", None),
        (answer(403, text="<html>blocked</html>"), "retry", "BLOCKED", None),
        (answer(414, text="<html>too long</html>"), "reject", "414", None),
        (answer(404, {"message": "resource not found"}), "reject", "404", None),
        (answer(502, text="<html>bad gateway</html>"), "retry", "502", None),
        (answer(524, text=""), "retry", "524", None),
    ],
)
def test_what_an_answer_means_for_the_connection(response: httpx.Response, kind: str, code: str, wait: float | None) -> None:
    verdict = classify(response)
    assert (verdict.kind, verdict.code, verdict.wait_seconds) == (kind, code, wait)


@pytest.mark.parametrize("status", [423, 429, 477])
def test_what_is_refused_at_the_door_may_be_sent_again_even_where_it_must_not_be_repeated(status: int) -> None:
    assert classify(answer(status)).is_untaken


@pytest.mark.parametrize("status", [500, 502, 503, 504, 522, 523, 524])
def test_a_broken_answer_leaves_open_what_was_done(status: int) -> None:
    assert not classify(answer(status)).is_untaken


def test_a_property_error_names_its_code_and_its_property() -> None:
    body = {
        "status": "error",
        "message": "Property values were not valid: [{}]",
        "category": "VALIDATION_ERROR",
        "errors": [{"message": "…", "code": "INVALID_OPTION", "context": {"propertyName": ["hs_lead_status"]}}],
    }
    fault = fault_of(400, body)
    assert (fault.code, fault.properties) == ("INVALID_OPTION", ("hs_lead_status",))


def test_an_error_row_that_says_it_in_its_message_alone_names_them_too() -> None:
    row = (
        '{"isValid":false,"message":"URGENT was not one of the allowed options","error":"INVALID_OPTION","name":"hs_task_priority"}'
    )
    listed = f"[{row}]"
    fault = fault_of(400, {"category": "VALIDATION_ERROR", "message": f"Property values were not valid: {listed}"})
    assert (fault.code, fault.properties) == ("INVALID_OPTION", ("hs_task_priority",))
    assert fault.message == "URGENT was not one of the allowed options"


@pytest.mark.parametrize(
    ("message", "id_"),
    [
        ("Contact already exists. Existing ID: 101", "101"),
        ("Property values were not valid: 101 already has that value.", "101"),
        ("nothing of the kind", None),
    ],
)
def test_the_record_in_the_way_is_read_from_the_message(message: str, id_: str | None) -> None:
    assert fault_of(409, {"message": message, "category": "CONFLICT"}).existing_id == id_


def test_an_error_row_names_the_input_by_its_trace_id() -> None:
    fault = fault_of(400, {"category": "VALIDATION_ERROR", "message": "no", "context": {"objectWriteTraceId": ["t1"]}})
    assert fault.trace_ids == {"t1"}


def test_a_body_without_any_key_is_still_a_fault() -> None:
    assert fault_of(400, {}).code == "400"
    assert fault_of(502, None, "<html>oops</html>").message == "<html>oops</html>"
    assert fault_of(400, {"errors": None, "context": None, "message": None}).message == ""


@pytest.mark.parametrize("key", ["requiredGranularScopes", "requiredScopes", "missingScopes"])
def test_missing_scopes_are_found_under_every_key_that_hubspot_uses(key: str) -> None:
    assert missing_scopes({"errors": [{"message": "…", "context": {key: ["forms"]}}]}) == ("forms",)
    assert missing_scopes({"context": {key: ["forms"]}}) == ("forms",)
