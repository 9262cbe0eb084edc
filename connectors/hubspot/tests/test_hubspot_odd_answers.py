"""Other portals, other ways of saying the same: whatever HubSpot leaves out, adds, spells or orders differently, what we make of
it is the same. Each oddity was seen in the field. Where an answer cannot be read, nothing is taken for gone, empty or written."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import zip_longest
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmsync.connect.contract import Notice
from crmsync.errors import RetryLater

Make = Callable[..., Any]
Twist = Callable[[str, int, Any], Any]
FIELDS = ("email", "firstname", "crmsync_phase", "lifecyclestage", "associations.companies", "associations.contacts")
STREAMS = ("owners", "pipelines", "forms", "lists", "contacts", "companies", "deals", "tasks", "form_submissions")
# What HubSpot promises to nobody: data of ours is in none of them.
OPTIONAL = (
    "url",
    "link",
    "status",
    "startedAt",
    "completedAt",
    "requestedAt",
    "numErrors",
    "total",
    "description",
    "groupName",
    "hidden",
)


def people(rig: Any, count: int = 3) -> list[str]:
    company = rig.portal.create("companies", {"name": "株式会社エー"})
    return [
        rig.portal.create(
            "contacts",
            {"email": f"p{n}@example.com", "firstname": "花子", "lifecyclestage": "opportunity"},
            associations=[("companies", company)],
        )
        for n in range(count)
    ]


def everywhere(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Twist:
    """The change at each object of an answer, the inner ones first; what admins and people typed is left alone."""

    def walk(body: Any) -> Any:
        if isinstance(body, list):
            return [walk(one) for one in body]
        if not isinstance(body, dict):
            return body
        return change({key: value if key in ("properties", "context") else walk(value) for key, value in body.items()})

    return lambda _path, _status, body: walk(body)


def of_rows(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Twist:
    """The change at each record of an answer."""
    return everywhere(lambda one: change(one) if isinstance(one.get("properties"), dict) and "id" in one else one)


def without(*keys: str) -> Twist:
    return everywhere(lambda one: {key: value for key, value in one.items() if key not in keys})


def no_page(one: dict[str, Any]) -> dict[str, Any]:
    return one if "paging" in one or "results" not in one else {**one, "paging": None}


def empty_page(one: dict[str, Any]) -> dict[str, Any]:
    return one if "paging" in one or "results" not in one else {**one, "paging": {"next": None}}


def numbered(one: dict[str, Any]) -> dict[str, Any]:
    return {
        key: int(value) if key in ("id", "toObjectId", "after") and str(value).isdecimal() else value for key, value in one.items()
    }


def lettered(one: dict[str, Any]) -> dict[str, Any]:
    return {key: str(value) if key in ("toObjectId", "total", "expires_in") else value for key, value in one.items()}


def in_millis(one: dict[str, Any]) -> dict[str, Any]:
    stamps = {key: one[key] for key in ("createdAt", "updatedAt", "archivedAt") if isinstance(one.get(key), str)}
    return {**one, **{key: round(datetime.fromisoformat(stamp).timestamp() * 1000) for key, stamp in stamps.items()}}


def with_offset(one: dict[str, Any]) -> dict[str, Any]:
    stamps = {key: one[key] for key in ("createdAt", "updatedAt", "archivedAt") if isinstance(one.get(key), str)}
    return {**one, **{key: stamp.replace("Z", "+00:00") for key, stamp in stamps.items()}}


def nulls_left_out(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "properties": {key: value for key, value in one["properties"].items() if value not in (None, "")}}


def nulls_as_text(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "properties": {key: "" if value is None else value for key, value in one["properties"].items()}}


def bare_values(one: dict[str, Any]) -> dict[str, Any]:
    words = {"true": True, "false": False}
    plain = {key: words.get(value, value) for key, value in one["properties"].items()}
    return {**one, "properties": {key: int(value) if str(value).isdecimal() else value for key, value in plain.items()}}


def reversed_rows(path: str, _status: int, body: Any) -> Any:
    if path.endswith(("/search", "/batch/read", "/batch/update", "/batch/upsert")) and isinstance(body, dict):
        return {**body, "results": body.get("results", [])[::-1]}
    return body


def untraced(one: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in one.items() if key != "objectWriteTraceId"}


def new_keys(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "hs_new": {"results": [], "id": None}, "warnings": [{"category": "NEW"}]}


def none_found(path: str, status: int, body: Any) -> Any:
    """Records without associations as errors of a 207, as the associations API says it at times."""
    if not path.endswith("/batch/read") or "/associations/" not in path or status != 200:
        return body
    error = {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "context": {},
    }
    return httpx.Response(207, json={**body, "numErrors": 1, "errors": [error]})


ODD: Mapping[str, Twist] = {
    "no page is null": everywhere(no_page),
    "the next page is null": everywhere(empty_page),
    "ids are numbers": everywhere(numbered),
    "numbers are text": everywhere(lettered),
    "stamps are milliseconds": everywhere(in_millis),
    "stamps have an offset": everywhere(with_offset),
    "rows without updatedAt": of_rows(lambda one: {key: value for key, value in one.items() if key != "updatedAt"}),
    "rows without archived": of_rows(lambda one: {key: value for key, value in one.items() if key != "archived"}),
    "empty values are left out": of_rows(nulls_left_out),
    "empty values are empty text": of_rows(nulls_as_text),
    "values are not text": of_rows(bare_values),
    "batches in another order": reversed_rows,
    "writes without trace ids": of_rows(untraced),
    "new keys": everywhere(new_keys),
    "nothing that is optional": without(*OPTIONAL),
    "none found is an error": none_found,
}


def story(rig: Any) -> dict[str, Any]:
    """Pull everything, write steps forward and back and a new task; pull again. What we were told, what came of the writes."""
    rig.portal.add_owner("sato@example.com", "佐藤", "一")
    rig.portal.add_list("育成")
    form = rig.portal.add_form("資料請求")
    ids = people(rig)
    nobody = rig.portal.create("contacts", {"firstname": "名無し"})
    rig.portal.create("deals", {"dealname": "d", "dealstage": "appointmentscheduled", "pipeline": "default"})
    rig.portal.submit_form(form, {"email": "p0@example.com"})
    rig.advance(minutes=10)
    first = {stream: rig.pull(stream, fields=FIELDS) for stream in STREAMS}
    receipts = rig.push(
        rig.change(ids[0], {"crmsync_phase": "mql", "lifecyclestage": "customer"}),
        rig.change(ids[1], {"lifecyclestage": "lead"}),
        rig.change(ids[2], {"firstname": None}),
        rig.change(nobody, {"crmsync_phase": "inquiry"}),
    ) + rig.push(rig.task("k1", ids[0]))
    rig.portal.merge("contacts", ids[1], ids[2])
    rig.advance(hours=7)
    second = {stream: rig.pull(stream, first[stream].cursor, fields=FIELDS) for stream in ("contacts", "tasks")}
    pulled = [*first.items(), *second.items()]
    return {
        "told": [
            told(record) for _, one in pulled for record in sorted(one.records, key=lambda record: (record.id, record.is_deleted))
        ],
        "outcomes": [(receipt.outcome, receipt.code, receipt.record_id) for receipt in receipts],
        "linked": rig.portal.associated("tasks", receipts[-1].record_id, "contacts"),
        "notices": [page.notices for _, one in pulled for page in one.pages if page.notices],
    }


def told(record: Any) -> Any:
    times = ("createdAt", "updatedAt", "url", "link", "hs_new", "warnings", "description", "total", "hidden")
    fields = {key: value for key, value in record.fields.items() if key not in times}
    stamp = record.modified_at.replace(microsecond=0) if record.modified_at else None
    return (record.object, record.id, sorted(fields.items(), key=str), stamp, record.is_deleted, record.replaced_by)


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[Any]:
    """What differs, part by part."""
    return [pair for part in one for pair in zip_longest(one[part], other[part]) if pair[0] != pair[1]]


PLAIN: dict[str, Any] = {}


def plain(rig_of: Make) -> dict[str, Any]:
    """The story where nothing is odd, told once."""
    if not PLAIN:
        PLAIN.update(story(rig_of()))
    return PLAIN


@pytest.mark.parametrize("name", ODD)
def test_an_odd_answer_is_read_all_the_same(rig_of: Make, name: str) -> None:
    expected = plain(rig_of)
    rig = rig_of()
    rig.twist(ODD[name])
    assert differences(story(rig), expected) == []


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), odd=st.sets(st.sampled_from(sorted(ODD)), min_size=2, max_size=6))
def test_whatever_is_odd_at_once_and_whatever_optional_key_is_missing_anywhere(rig_of: Make, seed: int, odd: set[str]) -> None:
    expected = plain(rig_of)
    rig, chance = rig_of(), random.Random(seed)

    def drop(one: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in one.items() if key not in OPTIONAL or chance.random() < 0.5}

    for twist in [*(ODD[name] for name in sorted(odd - {"none found is an error"})), everywhere(drop)]:
        rig.twist(twist)
    assert differences(story(rig), expected) == []


def test_a_page_of_a_proxy_under_a_200_is_never_an_empty_answer(rig: Any) -> None:
    ids = people(rig)
    html = httpx.Response(
        200, text="<html>please wait</html>", headers={"Content-Type": "text/html", "Date": "Mon, 02 Nov 2026 00:00:00 GMT"}
    )
    many = tuple(name for name in rig.hub.describe(["contacts"])["contacts"].fields if "." not in name)
    rig.advance(minutes=5)
    rig.twist(lambda path, _status, body: html if path.endswith("/batch/read") else body)
    with pytest.raises(RetryLater):
        rig.pull("contacts", fields=many)
    assert [one.outcome for one in rig.push(rig.change(ids[0], {"crmsync_phase": "mql"}))] == ["retry"]


@pytest.mark.parametrize("path", ["/crm/objects/2026-03/contacts/batch/read", "/batch/read"])
def test_rows_that_could_not_be_given_just_now_are_not_missing(rig: Any, path: str) -> None:
    """A 207 with `INTERNAL_ERROR` for some rows: the cursor stays, and what is linked stays linked."""
    people(rig)
    rig.advance(minutes=5)
    error = {"status": "error", "category": "INTERNAL_ERROR", "message": "try later", "context": {"ids": ["1"]}}
    rig.twist(
        lambda where, _status, body: (
            httpx.Response(207, json={**body, "results": [], "errors": [error]}) if where.endswith(path) else body
        )
    )
    if path.startswith("/crm"):
        with pytest.raises(RetryLater):
            rig.hub.read("contacts", ["1"], ("email",))
    else:
        with pytest.raises(RetryLater):
            rig.pull("contacts")


def test_an_endpoint_that_is_gone_rests_alone(rig: Any) -> None:
    """v1 endpoints answer 410 from some day on."""
    rig.portal.add_form("f")
    people(rig)
    rig.twist(lambda path, _status, body: httpx.Response(410, json={"message": "gone"}) if "/form-integrations/" in path else body)
    assert rig.pull("form_submissions").records == []
    assert len(rig.pull("contacts").ids) >= 3


def test_a_single_answer_that_names_neither_trace_nor_key_is_the_one_inputs(rig: Any) -> None:
    (contact, *_) = people(rig)
    bare = of_rows(lambda one: {"id": one["id"], "properties": {}})
    rig.twist(lambda path, status, body: bare(path, status, body) if path.endswith("/batch/upsert") else body)
    (receipt,) = rig.push(rig.task("k1", contact))
    assert receipt.outcome == "written"
    assert rig.portal.associated("tasks", receipt.record_id, "contacts") == [contact]


def test_a_vanished_property_is_told_once_and_is_not_read_as_cleared(rig_of: Make) -> None:
    rig = rig_of()
    (contact, *_) = people(rig)
    rig.portal.update("contacts", contact, {"crmsync_phase": "mql"})
    rig.advance(minutes=5)
    first = rig.pull("contacts", fields=FIELDS)
    assert first.by_id()[contact].fields["crmsync_phase"] == "mql"
    rig.portal.archive_property("contacts", "crmsync_phase")
    rig.portal.update("contacts", contact, {"firstname": "桜"})
    rig.advance(minutes=5)
    second = rig.pull("contacts", first.cursor, fields=FIELDS)
    assert "crmsync_phase" not in second.by_id()[contact].fields
    assert second.by_id()[contact].fields["firstname"] == "桜"
    params = {"connection": "hub", "object": "contacts", "fields": "crmsync_phase"}
    assert [one for page in second.pages for one in page.notices] == [Notice("connect.fields_vanished", params)]
    third = rig.pull("contacts", second.cursor, fields=FIELDS)
    assert [one for page in third.pages for one in page.notices] == []
    for _ in range(2):
        rig.advance(hours=3)
        third = rig.pull("contacts", third.cursor, fields=FIELDS)
    rig.portal.restore_property("contacts", "crmsync_phase")
    rig.hub.describe(["contacts"])
    back = rig.pull("contacts", third.cursor, fields=FIELDS)
    assert back.by_id()[contact].fields["crmsync_phase"] == "mql", "its values come back without a stamp: everything is listed anew"
    assert set(rig.pull("contacts", back.cursor, fields=FIELDS).cursor) == set(first.cursor)


@pytest.mark.parametrize("said", ["PROPERTY_DOESNT_EXIST", "VALIDATION_ERROR"])
def test_a_search_that_is_refused_for_a_property_goes_on_without_it(rig: Any, said: str) -> None:
    """The definitions still show it: they lag behind."""
    people(rig)
    cursor = rig.pull("contacts", fields=FIELDS).cursor
    rig.advance(minutes=5)
    body = {"status": "error", "category": said, "message": 'Property "crmsync_phase" does not exist'}

    def refuse(path: str, _status: int, answer: Any) -> Any:
        asked = rig.requests[-1].content
        return httpx.Response(400, json=body) if path.endswith("/search") and b"crmsync_phase" in asked else answer

    rig.twist(refuse)
    pulled = rig.pull("contacts", cursor, fields=FIELDS)
    assert len(pulled.ids) >= 3
    assert all("crmsync_phase" not in record.fields for record in pulled.records)
    assert [one.params["fields"] for page in pulled.pages for one in page.notices] == ["crmsync_phase"]


def test_a_property_that_vanished_before_a_write_costs_its_own_changes_one_call(rig: Any) -> None:
    ids = people(rig, 100)
    rig.hub.describe(["contacts"])
    rig.portal.archive_property("contacts", "crmsync_phase")
    rig.forget()
    changes = [rig.change(id_, {"crmsync_phase" if n % 2 else "firstname": "mql"}) for n, id_ in enumerate(ids)]
    receipts = rig.push(*changes)
    assert {receipt.outcome for receipt in receipts[::2]} == {"written"}
    assert {(receipt.outcome, receipt.code) for receipt in receipts[1::2]} == {("rejected", "PROPERTY_DOESNT_EXIST")}
    assert len(rig.calls("POST", "/batch/update")) <= 2


def test_pages_whose_rows_are_shuffled_or_come_again_lose_none(rig: Any) -> None:
    cursor = rig.pull("contacts").cursor
    ids = [rig.portal.create("contacts", {"email": f"q{n}@example.com"}) for n in range(450)]
    rig.advance(minutes=5)
    seen: list[Any] = []

    def shuffle(path: str, _status: int, body: Any) -> Any:
        if not path.endswith("/search"):
            return body
        rows = random.Random(7).sample(body["results"], len(body["results"]))
        again, seen[:] = list(seen), rows[:3]
        return {**body, "results": [*rows, *again][:200] if len(rows) < 200 else rows}

    rig.twist(shuffle)
    assert set(rig.pull("contacts", cursor).ids) >= set(ids)


NO_ANSWERS = {
    "a page for people": httpx.Response(200, text="<html>please wait</html>", headers={"Content-Type": "text/html"}),
    "nothing": httpx.Response(200),
    "no list": httpx.Response(200, json={}),
    "null": httpx.Response(200, json=None),
    "null for a list": httpx.Response(200, json={"results": None, "lists": None}),
}


@pytest.mark.parametrize("answer", NO_ANSWERS.values(), ids=NO_ANSWERS)
@pytest.mark.parametrize("stream", ["owners", "pipelines", "forms", "lists", "contacts"])
def test_what_is_no_answer_under_a_200_stops_no_stream_for_good(rig: Any, stream: str, answer: httpx.Response) -> None:
    """Whichever endpoint it comes from, the vendor's own client in between or not: never an empty answer, and later all is as it
    should be."""
    is_busy = [True]
    rig.twist(lambda _path, _status, body: answer if is_busy[0] else body)
    with pytest.raises(RetryLater):
        rig.pull(stream)
    is_busy[0] = False
    rig.advance(minutes=2)
    assert rig.pull(stream).cursor


@pytest.mark.parametrize("answer", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_what_is_no_answer_moves_no_cursor_and_takes_no_property_away(rig: Any, answer: httpx.Response) -> None:
    people(rig)
    cursor, before = rig.pull("contacts").cursor, rig.hub.describe(["contacts"])
    rig.advance(minutes=5)
    is_busy = [True]
    rig.twist(lambda path, _status, body: answer if is_busy[0] and "/account" not in path else body)
    for asks in (lambda: rig.pull("contacts", cursor), lambda: rig.hub.describe(["contacts"])):
        with pytest.raises(RetryLater):
            asks()
    is_busy[0] = False
    rig.advance(minutes=2)
    assert rig.hub.describe(["contacts"]) == before


def test_owners_on_several_pages_and_without_a_name_come_whole(rig: Any) -> None:
    ids = [rig.portal.add_owner(f"o{n}@example.com", "", "") for n in range(230)]
    rig.twist(
        lambda path, _status, body: (
            without("userId", "teams", "firstName", "lastName")(path, 200, body) if "/owners" in path else body
        )
    )
    assert set(rig.pull("owners").ids) >= set(ids)


def test_a_date_without_a_stamp_of_its_own_and_a_far_one_break_nothing(rig: Any) -> None:
    people(rig)
    odd = {"createdAt": "", "updatedAt": "9999999999999999", "archivedAt": None}
    rig.twist(lambda path, status, body: of_rows(lambda one: {**one, **odd})(path, status, body))
    assert {record.modified_at is not None for record in rig.pull("contacts").records} == {True}
