"""Salesforce's oddities as pure rules: ids, instants, windows, queries, values, error codes, rows of a batch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.model.changes import Change, FieldDiff
from crmsync.model.records import RawRecord
from crmsync_salesforce.answers import VendorError, classify, errors_of, is_expired, row_class
from crmsync_salesforce.api import api_usage
from crmsync_salesforce.codes import CODES
from crmsync_salesforce.ids import to_18
from crmsync_salesforce.outgoing import body_of, chunks, compare, matched, outgoing, path_of, refused
from crmsync_salesforce.rows import flat, named_in
from crmsync_salesforce.schema import read_describe
from crmsync_salesforce.soql import Query, chunked, quoted
from crmsync_salesforce.times import parse_instant, soql_instant
from crmsync_salesforce.values import is_same
from crmsync_salesforce.window import Margins, Position, Window, cursor_of, finished, frozen, window_of

NOON = datetime(2024, 4, 1, 12, tzinfo=UTC)
instants = st.datetimes(  # bounds are naive for hypothesis
    datetime(2000, 1, 1),  # noqa: DTZ001
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
).map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000))


# ids and instants


@pytest.mark.parametrize(
    ("short", "long"), [("001000000000001", "001000000000001AAA"), ("001D000000IqhSL", "001D000000IqhSLIAZ"), ("x", "x")]
)
def test_ids_get_their_checksum(short: str, long: str) -> None:
    assert to_18(short) == long
    assert to_18(long) == long


@pytest.mark.parametrize(
    "text", ["2024-04-01T12:00:00.000+0000", "2024-04-01T12:00:00.000Z", "2024-04-01T21:00:00+09:00", 1711972800000]
)
def test_every_way_to_write_an_instant_is_read(text: Any) -> None:
    assert parse_instant(text) == NOON


@pytest.mark.parametrize("text", ["2024-04-01", "", None, True, "soon T", "2024-04-01T12:00:00"])
def test_what_is_no_instant_is_none(text: Any) -> None:
    assert parse_instant(text) is None


@given(instants)
def test_an_instant_survives_being_written_into_a_query(at: datetime) -> None:
    assert parse_instant(soql_instant(at)) == at


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        soql_instant(datetime(2024, 1, 1))  # noqa: DTZ001 - the point of the test


# windows


MARGINS = Margins()


def walked(cursor: dict[str, Any] | None, now: datetime, margins: Margins = MARGINS) -> Window:
    return frozen(window_of(cursor, margins), now, margins)


def test_the_first_window_has_no_beginning_and_ends_before_now() -> None:
    assert walked(None, NOON) == Window(None, NOON - timedelta(minutes=5, seconds=2))


def test_the_next_window_begins_before_the_last_ones_end() -> None:
    window = walked(finished(Window(None, NOON)), NOON + timedelta(hours=1))
    assert (window.since, window.until) == (NOON - timedelta(minutes=5), NOON + timedelta(minutes=54, seconds=58))


def test_a_clock_that_stands_still_or_runs_back_never_moves_the_window_back() -> None:
    assert walked(finished(Window(None, NOON)), NOON - timedelta(hours=1)).until == NOON


def test_later_answers_do_not_move_a_windows_end() -> None:
    window = walked(None, NOON)
    assert frozen(window, NOON + timedelta(hours=1), MARGINS) == window


@given(since=st.none() | instants, until=instants, stamp=instants, seen=st.booleans())
def test_a_cursor_resumes_exactly_the_window_it_was_made_of(
    since: datetime | None, until: datetime, stamp: datetime, seen: bool
) -> None:
    window = Window(since, until, Position(stamp, "00Q000000000001AAA") if seen else None)
    assert window_of(cursor_of(window), MARGINS) == window


@given(first=instants, gaps=st.lists(st.integers(0, 100_000), max_size=8), lag=st.integers(0, 600), overlap=st.integers(0, 600))
def test_windows_leave_no_gap_between_them(first: datetime, gaps: list[int], lag: int, overlap: int) -> None:
    margins = Margins(timedelta(seconds=lag), timedelta(seconds=overlap))
    now, window = first, walked(None, first, margins)
    for gap in gaps:
        now += timedelta(seconds=gap)
        following = walked(finished(window), now, margins)
        assert following.since is not None
        assert window.until is not None
        assert following.until is not None
        assert following.since <= window.until <= following.until <= now
        window = following


# queries

QUERY = Query("Lead", ("Id", "SystemModstamp", "Email"), "SystemModstamp")


def test_a_backfill_asks_for_everything() -> None:
    assert QUERY.within(Window(None)) == "SELECT Id, SystemModstamp, Email FROM Lead ORDER BY SystemModstamp, Id"


def test_a_resumed_window_goes_on_after_the_last_stored_row() -> None:
    window = Window(NOON, NOON, Position(NOON, "00Q1"))
    stamp = "2024-04-01T12:00:00.000Z"
    assert f"WHERE ((SystemModstamp = {stamp} AND Id > '00Q1') OR SystemModstamp > {stamp}) ORDER" in QUERY.within(window)


def test_a_further_chunk_covers_just_the_rows_of_the_first() -> None:
    text = QUERY.up_to(Window(NOON), Position(NOON, "00Q2"))
    stamp = "2024-04-01T12:00:00.000Z"
    assert f">= {stamp} AND (SystemModstamp < {stamp} OR (SystemModstamp = {stamp} AND Id <= '00Q2')) ORDER" in text


def test_a_filter_stands_before_the_bounds() -> None:
    text = Query("Group", ("Id",), "SystemModstamp", "Type = 'Queue'", 500).within(Window(NOON))
    assert "WHERE Type = 'Queue' AND SystemModstamp >= " in text
    assert text.endswith("LIMIT 500")


def test_literals_are_escaped() -> None:
    assert quoted("O'Neil\\\n") == "'O\\'Neil\\\\\\n'"


names = st.lists(st.text("abcDEF_.", min_size=1, max_size=40), unique=True, max_size=60)


@given(names, st.integers(30, 400))
def test_chunks_hold_every_field_once_and_the_key_always(fields: list[str], most: int) -> None:
    parts = chunked(fields, ("Id", "SystemModstamp"), most)
    rest = [name for part in parts for name in part[2:]]
    assert rest == [name for name in fields if name not in ("Id", "SystemModstamp")]
    assert all(part[:2] == ("Id", "SystemModstamp") for part in parts)
    assert all(len(part) == 3 or len(", ".join(part)) <= most for part in parts if len(part) > 2)


# describe

DESCRIBED = {
    "name": "Lead",
    "queryable": True,
    "fields": [
        {"name": "Id", "type": "id", "length": 18, "nillable": False},
        {"name": "SystemModstamp", "type": "datetime"},
        {"name": "IsDeleted", "type": "boolean"},
        {"name": "OwnerId", "type": "reference", "relationshipName": "Owner", "referenceTo": ["Group", "User"], "updateable": True},
        {
            "name": "Stage__c",
            "type": "picklist",
            "restrictedPicklist": True,
            "createable": True,
            "nillable": True,
            "picklistValues": [{"value": "a", "active": True}, {"value": "old", "active": False}],
        },
    ],
}


def test_only_fields_that_exist_are_asked_for_after_those_that_every_record_needs() -> None:
    chosen = read_describe(DESCRIBED).chosen(["Stage__c", "Gone__c", "Owner.Type", "Nobody.Name", "Id"])
    assert chosen == ("Id", "SystemModstamp", "IsDeleted", "Stage__c", "Owner.Type")


def test_a_restricted_picklist_gives_its_active_values() -> None:
    field = read_describe(DESCRIBED).fields["Stage__c"]
    assert (field.options, field.writable, field.required) == (("a",), True, False)


@pytest.mark.parametrize(("object", "is_writable"), [("Lead", False), ("Task", True)])
def test_a_field_that_is_set_only_at_creation_is_written_to_tasks_alone(object: str, *, is_writable: bool) -> None:
    fields = [{"name": "Kind__c", "type": "string", "createable": True, "updateable": False}]
    assert read_describe({"name": object, "fields": fields}).fields["Kind__c"].writable is is_writable


def test_history_is_ordered_by_creation() -> None:
    assert read_describe({**DESCRIBED, "name": "OpportunityHistory"}).stamp == "CreatedDate"


def test_rows_are_flattened_to_the_paths_that_were_asked_for() -> None:
    row = {"attributes": {"type": "Lead"}, "Id": "001000000000001", "Owner": {"attributes": {}, "Type": "User"}, "Campaign": None}
    assert flat(row) == {"Id": "001000000000001AAA", "Owner.Type": "User", "Campaign": None}
    paths = ("Owner.Type", "Campaign.Name")
    assert flat(row, paths) == {"Id": "001000000000001AAA", "Owner.Type": "User", "Campaign.Name": None}


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ("No such column 'Email' on entity 'Lead'.", {"Email"}),
        ("No such column 'Type' on entity 'Campaign'", {"Campaign.Type"}),
        ("Didn't understand relationship 'Campaign' in field path.", {"Campaign.Type", "Campaign.Name"}),
        ("something else", set()),
    ],
)
def test_a_vanished_field_is_named_by_the_refusal(message: str, named: set[str]) -> None:
    assert named_in(message, ("Id", "Email", "Campaign.Type", "Campaign.Name")) == named


# values


@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        (None, ""),
        ("2024-04-01T12:00:00.000+0000", "2024-04-01T12:00:00Z"),
        (12.35, 12.3500001),
        (5, 5.0),
        ("001000000000001AAA", "001000000000001"),
        ("a\r\nb ", "a\nb"),
        (True, True),
    ],
)
def test_one_value_in_two_spellings_is_no_difference(held: Any, wanted: Any) -> None:
    assert is_same(held, wanted)


@pytest.mark.parametrize(
    ("held", "wanted"), [(None, 0), (False, None), (1, True), ("a", "A"), (12.3, 12.4), ("2024-04-01", "2024-04-02")]
)
def test_different_values_differ(held: Any, wanted: Any) -> None:
    assert not is_same(held, wanted)


def test_choices_of_several_have_no_order() -> None:
    assert is_same("a;b;c", "c;a;b", "multipicklist")
    assert not is_same("a;b", "a;b;c", "multipicklist")
    assert not is_same("a;b", "b;a", "string")


# error codes


def answer(status: int, body: Any) -> httpx.Response:
    return httpx.Response(status, json=body) if not isinstance(body, str) else httpx.Response(status, text=body)


def said(status: int, code: str, message: str = "") -> httpx.Response:
    return answer(status, [{"errorCode": code, "message": message}])


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (answer(200, {}), "ok"),
        (said(401, "INVALID_SESSION_ID", "Session expired or invalid"), "auth"),
        (said(401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API"), "stop"),
        (said(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), "quota"),
        (said(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."), "retry"),
        (said(403, "API_DISABLED_FOR_ORG"), "stop"),
        (said(403, "INSUFFICIENT_ACCESS"), "reject"),
        (said(400, "UNABLE_TO_LOCK_ROW"), "retry"),
        (said(400, "INVALID_FIELD"), "reject"),
        (said(503, "SERVER_UNAVAILABLE"), "retry"),
        (said(500, "UNKNOWN_EXCEPTION"), "retry"),
        (answer(502, "<html>bad gateway</html>"), "retry"),
        (answer(406, "<html>"), "retry"),
        (answer(431, "<html>too long</html>"), "reject"),
        (said(410, "GONE"), "stop"),
        (answer(429, ""), "retry"),
    ],
)
def test_a_whole_answer_means_what_the_table_says(response: httpx.Response, kind: str) -> None:
    assert classify(response).kind == kind


def test_the_excerpt_of_our_query_is_not_repeated() -> None:
    message = (
        "\nSELECT Id,Foo FROM Lead WHERE Email = 'a@b.c'\n ^\nERROR at Row:1:Column:11\nNo such column 'Foo' on entity 'Lead'."
    )
    assert classify(said(400, "INVALID_FIELD", message)).message == "No such column 'Foo' on entity 'Lead'."


@pytest.mark.parametrize(
    ("response", "expired"),
    [
        (said(401, "INVALID_SESSION_ID", "Session expired or invalid"), True),
        (said(401, "INVALID_SESSION_ID", "Connected app is not attached to Agent"), False),
        (answer(401, "<html>"), True),
        (said(403, "INVALID_SESSION_ID"), False),
    ],
)
def test_only_a_curable_401_is_worth_a_new_token(response: httpx.Response, expired: bool) -> None:
    assert is_expired(response) is expired


def test_errors_are_read_from_arrays_rows_and_the_spellings_of_each_api() -> None:
    assert errors_of([{"errorCode": "A", "message": "m", "fields": ["f"]}]) == (VendorError("A", "m", ("f",)),)
    assert errors_of({"statusCode": "B", "message": "m"}) == (VendorError("B", "m"),)
    assert errors_of({"exceptionCode": "C", "exceptionMessage": "m"}) == (VendorError("C", "m"),)
    assert errors_of("<html>") == errors_of(None) == errors_of([1]) == ()


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        ("UNABLE_TO_LOCK_ROW", "", "again"),
        ("CANNOT_EXECUTE_FLOW_TRIGGER", "… UNABLE_TO_LOCK_ROW …", "again"),
        ("CANNOT_EXECUTE_FLOW_TRIGGER", "The flow failed", "data"),
        ("SOMETHING_NEW", "", "data"),
        ("CANNOT_UPDATE_CONVERTED_LEAD", "", "moved"),
    ],
)
def test_a_row_error_has_one_class(code: str, message: str, expected: str) -> None:
    assert row_class(VendorError(code, message)) == expected


def test_every_code_of_the_tables_gives_a_receipt() -> None:
    change = update("00Q1", Rating="Hot")
    for code in CODES:
        sent = [outgoing("Lead", change)]
        receipts = [refused(answered) for answered in matched(sent, [{"success": False, "errors": [{"statusCode": code}]}])]
        assert [receipt.key for receipt in receipts] == [change.key]
        assert receipts[0].outcome in ("rejected", "retry", "conflict")


@pytest.mark.parametrize(
    "header",
    [
        "api-usage=18/5000",
        "api-usage=18/5000; api-bursts=1/750",
        "x=1, api-usage=18/5000(appName=a)",
        "per-app-api-usage=17/250(appName=a); api-usage=18/5000",
    ],
)
def test_usage_is_found_however_long_the_header_grows(header: str) -> None:
    assert api_usage(header) == (18, 5000)


# rows of a batch


def update(id: str, *, expected: datetime | None = None, **values: Any) -> Change:
    diffs = tuple(FieldDiff(name, None, None, value) for name, value in values.items())
    return Change(f"u:{id}:{sorted(values)}", "sf", "Lead", "update", diffs, "p", record_id=id, expected_modified_at=expected)


def upsert(value: str, **values: Any) -> Change:
    diffs = tuple(FieldDiff(name, None, None, held) for name, held in values.items())
    return Change(f"k:{value}", "sf", "Task", "upsert", diffs, "p", key_field="crmsync_key__c", key_value=value)


def test_attributes_come_first_and_null_clears() -> None:
    sent = [outgoing("Lead", update("00Q1", Rating=None))]
    rows = body_of(sent)["records"]
    assert path_of("Lead", sent) == "composite/sobjects"
    assert [list(row) for row in rows] == [["attributes", "id", "Rating"]]
    assert rows[0]["Rating"] is None


def test_an_upsert_names_its_key_once() -> None:
    sent = [outgoing("Task", upsert("k1", Subject="s", crmsync_key__c="other"))]
    assert path_of("Task", sent) == "composite/sobjects/Task/crmsync_key__c"
    assert body_of(sent)["records"] == [{"attributes": {"type": "Task"}, "crmsync_key__c": "k1", "Subject": "s"}]


@given(st.lists(st.tuples(st.sampled_from(["update", "upsert"]), st.integers(0, 30)), max_size=500))
def test_batches_keep_the_order_and_never_hold_one_record_twice(wanted: list[tuple[str, int]]) -> None:
    changes = [update(f"00Q{n}", A=1) if kind == "update" else upsert(str(n), A=1) for kind, n in wanted]
    parts = list(chunks(changes))
    assert [change for part in parts for change in part] == changes
    for part in parts:
        assert len(part) <= 200
        assert len({change.operation for change in part}) == 1
        assert len({change.key for change in part}) == len(part)


@given(st.lists(st.booleans(), max_size=30), st.integers(-1, 1))
def test_every_row_is_answered_once_whatever_the_answer_looks_like(good: list[bool], off: int) -> None:
    changes = [update(f"00Q{n}", A=n) for n in range(len(good))]
    results: list[Any] = [{"id": f"00Q{n}", "success": True, "errors": []} if ok else None for n, ok in enumerate(good)]
    results = results[:off] if off < 0 else results + [{}] * off
    answered = matched([outgoing("Lead", change) for change in changes], results)
    assert [row.change for row in answered] == changes


def record(*, modified_at: datetime = NOON, is_deleted: bool = False, **fields: Any) -> RawRecord:
    return RawRecord("Lead", "00Q1", fields, modified_at, is_deleted, "00Q2" if is_deleted else None)


@pytest.mark.parametrize(
    ("current", "expected", "outcome"),
    [
        (record(Rating="Cold"), NOON, None),
        (record(Rating="Cold"), None, None),
        (record(Rating="Cold", modified_at=NOON + timedelta(seconds=1)), NOON, "conflict"),
        (record(Rating="Hot", modified_at=NOON + timedelta(seconds=1)), NOON, "unchanged"),
        (record(Rating="Cold", is_deleted=True), NOON, "conflict"),
        (record(), NOON, None),
        (None, NOON, "rejected"),
    ],
    ids=["as decided on", "not asked", "moved since", "already there", "merged away", "field unreadable", "gone for good"],
)
def test_a_write_is_compared_with_the_present_first(
    current: RawRecord | None, expected: datetime | None, outcome: str | None
) -> None:
    receipt = compare(update("00Q1", Rating="Hot", expected=expected), current)
    assert (receipt.outcome if receipt else None) == outcome
