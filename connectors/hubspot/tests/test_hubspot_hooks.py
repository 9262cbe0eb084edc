"""Webhooks: whose a delivery is, and which records it names. Signatures are computed here a second time, byte by byte."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.connect.hints import Delivery, Heard, Hint, HookSettings, Looking, Refused
from crmsync.errors import StopConnector
from crmsync.sandbox.hubspot.webhooks import Webhooks
from crmsync_hubspot import connector as plugin
from crmsync_hubspot.hooks import understood
from crmsync_hubspot.signature import signature, signed_uri

NOW = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
URL = "https://hooks.example.com:8443/crm/hooks/ma?tenant=a%20b&to=%2Fx%3Fy"
SECRET = "0f1e2d3c-secret"
ACCOUNT = "4711"
# Written down with the recipe of the vendor's page and Python's hmac alone, then kept: a change of ours shows here.
VECTOR = ("POST", "https://www.example.com/webhook_uri", b'{"example_field":"example_value"}', "1700000000000")


def by_hand(secret: str, method: str, uri_as_signed: str, body: bytes, timestamp: str) -> str:
    text = b"".join((method.encode(), uri_as_signed.encode(), body, timestamp.encode()))
    return base64.b64encode(hmac.digest(secret.encode(), text, hashlib.sha256)).decode()


def event(kind: str = "contact.propertyChange", **more: Any) -> dict[str, Any]:
    return {"eventId": 1, "portalId": 4711, "subscriptionType": kind, "objectId": 151, **more}


def delivery(
    *events: Any, at: datetime = NOW, sent_at: datetime = NOW, method: str = "POST", url: str = URL, secret: str = SECRET
) -> Delivery:
    body, stamp = orjson.dumps(list(events)), str(int(sent_at.timestamp() * 1000))
    signed = url.replace("%2F", "/").replace("%3F", "?")
    headers = {"x-hubspot-signature-v3": by_hand(secret, method, signed, body, stamp), "x-hubspot-request-timestamp": stamp}
    return Delivery(method, headers, body, at)


@pytest.fixture
def read() -> Callable[[Delivery], Heard | Refused]:
    assert plugin.hooks is not None
    return plugin.hooks(HookSettings("ma", URL, ACCOUNT, lambda _name: SECRET))


def changed(given: Delivery, **headers: str) -> Delivery:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return Delivery(given.method, {**given.headers, **more}, given.body, given.at)


# ---------------------------------------------------------------------------------------------------------- signatures


def test_the_signature_is_that_of_the_vendors_recipe() -> None:
    assert signature("app-secret", *VECTOR) == by_hand("app-secret", *VECTOR)
    assert signature("app-secret", *VECTOR) == "fN1ZDlHJa0NCyvqgu5EzJ0ZZfXESy9msWKFS4C+ixTU="


@pytest.mark.parametrize("which", range(4))
def test_every_part_of_a_request_is_signed(which: int) -> None:
    other = [*VECTOR]
    other[which] = b"x" + VECTOR[2] if which == 2 else "x" + str(VECTOR[which])
    assert signature("s", *other) != signature("s", *VECTOR)  # type: ignore[arg-type]  # one of them is bytes


def test_only_the_twelve_escapes_are_taken_back() -> None:
    assert signed_uri("%3A%2F%3F%40%21%24%27%28%29%2A%2C%3B") == ":/?@!$'()*,;"
    assert signed_uri("/a%20b%26c%3Dd%23e%5Bf%25g") == "/a%20b%26c%3Dd%23e%5Bf%25g"
    assert signed_uri("%3a%2f") == ":/"
    assert signed_uri("%253A") == "%253A", "an escaped percent sign hides nothing that is taken back"


@given(st.lists(st.one_of(st.sampled_from("ab/?=&%"), st.integers(0, 255).map(lambda n: f"%{n:02X}")), max_size=30).map("".join))
def test_taking_escapes_back_changes_nothing_else(uri: str) -> None:
    listed = {":", "/", "?", "@", "!", "$", "'", "(", ")", "*", ",", ";"}
    expected, place = "", 0
    while place < len(uri):
        escape = re.match("%[0-9A-Fa-f]{2}", uri[place:])
        plain = unquote(escape[0], "latin-1") if escape else ""
        expected += plain if plain in listed and escape else uri[place]
        place += 3 if plain in listed and escape else 1
    assert signed_uri(uri) == expected


def test_a_genuine_delivery_names_its_records(read: Callable[[Delivery], Heard | Refused]) -> None:
    assert read(delivery(event(), event(), event(objectId="152"))) == Heard((Hint("contacts", "151"), Hint("contacts", "152")))


def test_the_url_that_counts_is_the_one_the_crm_calls(read: Callable[[Delivery], Heard | Refused]) -> None:
    assert read(delivery(event(), url="http://10.0.0.7:8813/hooks/ma")) == Refused(401, "wrong_signature")


@pytest.mark.parametrize("seconds", [-299, 299, -300, 300])
def test_a_delivery_of_the_last_or_the_next_five_minutes_is_taken(read: Callable[[Delivery], Any], seconds: int) -> None:
    assert isinstance(read(delivery(event(), sent_at=NOW + timedelta(seconds=seconds))), Heard)


@pytest.mark.parametrize("seconds", [-301, 301, -86_400, 10**9])
def test_an_older_one_or_one_from_the_future_is_not(read: Callable[[Delivery], Any], seconds: int) -> None:
    assert read(delivery(event(), sent_at=NOW + timedelta(seconds=seconds))) == Refused(401, "stale")


def test_the_other_signatures_of_the_vendor_open_nothing(read: Callable[[Delivery], Any]) -> None:
    good = delivery(event())
    v1 = hashlib.sha256(SECRET.encode() + good.body).hexdigest()
    assert read(changed(good, x_hubspot_signature_v3=v1)) == Refused(401, "wrong_signature")
    bare = Delivery("POST", {"x-hubspot-signature": v1, "x-hubspot-signature-version": "v1"}, good.body, NOW)
    assert read(bare) == Refused(401, "unsigned")


@pytest.mark.parametrize("stamp", ["", "abc", "-1", "1e12", "9" * 15, "9" * 400, "١٧٠٠٠٠٠٠٠٠٠٠٠"])
def test_a_timestamp_that_is_none_is_refused(read: Callable[[Delivery], Any], stamp: str) -> None:
    found = read(changed(delivery(event()), x_hubspot_request_timestamp=stamp))
    assert isinstance(found, Refused)
    assert found.status == 401


@given(st.text(max_size=60))
def test_no_invented_signature_passes_or_breaks_anything(text: str) -> None:
    reader = plugin.hooks(HookSettings("ma", URL, ACCOUNT, lambda _name: SECRET))  # type: ignore[misc]  # it has hooks
    found = reader(changed(delivery(event()), x_hubspot_signature_v3=text))
    assert isinstance(found, Refused)
    assert found.status == 401


def test_without_the_apps_secret_there_is_no_reader() -> None:
    def missing(name: str) -> str:
        raise StopConnector("auth.secret_not_configured", connection="ma", secret=name)

    with pytest.raises(StopConnector):
        plugin.hooks(HookSettings("ma", URL, ACCOUNT, missing))  # type: ignore[misc]  # it has hooks


# -------------------------------------------------------------------------------------------------------------- events


def told(*events: Any) -> Heard:
    found = understood(orjson.dumps(list(events)), ACCOUNT)
    assert isinstance(found, Heard)
    return found


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (event("contact.creation"), {("contacts", "151")}),
        (event("company.deletion"), {("companies", "151")}),
        (event("deal.restore"), {("deals", "151")}),
        (event("contact.privacyDeletion"), {("contacts", "151")}),
        (event("object.propertyChange", objectTypeId="0-48"), {("calls", "151")}),
        (event("object.creation", objectTypeId="0-1"), {("contacts", "151")}),
        (
            event("contact.merge", primaryObjectId=1, mergedObjectIds=[2, 3], newObjectId=4),
            {("contacts", id_) for id_ in ("151", "1", "2", "3", "4")},
        ),
        (
            event("contact.associationChange", objectId=None, associationType="CONTACT_TO_COMPANY", fromObjectId=5, toObjectId=6),
            {("contacts", "5"), ("companies", "6")},
        ),
        (
            event("object.associationChange", fromObjectTypeId="0-3", fromObjectId=5, toObjectTypeId="2-999", toObjectId=6),
            {("deals", "5")},
        ),
    ],
)
def test_each_kind_of_event_names_the_records_to_be_read(given: dict[str, Any], named: set[tuple[str, str]]) -> None:
    assert {(hint.object, hint.id) for hint in told(given).hints} == named


def test_only_who_was_erased_at_their_own_wish_is_named_as_erased() -> None:
    gone = [
        event("contact.deletion", objectId=1),
        event("contact.privacyDeletion", objectId=2),
        event("contact.restore", objectId=3),
    ]
    assert told(*gone, event("contact.privacyDeletion", objectId=4, portalId=4712)).erased == (Hint("contacts", "2"),)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (event(portalId=4712), "other_account"),
        (event(portalId=None), "other_account"),
        (event("ticket.creation"), "other_event"),
        (event("contact.somethingNew"), "other_event"),
        (event("object.creation", objectTypeId="2-123456"), "other_event"),
        (event("conversation.newMessage"), "other_event"),
        (event(""), "other_event"),
        ({"portalId": 4711}, "other_event"),
        (event(objectId=None), "malformed"),
        (event(objectId=True), "malformed"),
        (event(objectId=1.5), "malformed"),
        (event(objectId="../../x"), "malformed"),
        (event(objectId="9" * 5_000), "malformed"),
        (event(objectId=-3), "malformed"),
        ("text", "malformed"),
        (None, "malformed"),
    ],
)
def test_what_is_unknown_foreign_or_incomplete_is_passed_over_and_counted(given: Any, why: str) -> None:
    assert told(given, event()) == Heard((Hint("contacts", "151"),), {why: 1})


def test_a_delivery_of_more_events_than_the_vendor_sends_is_read_as_far_as_that() -> None:
    found = told(*(event(objectId=number) for number in range(1, 151)))
    assert len(found.hints) == 100
    assert found.passed_over == {"too_many": 50}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 5_000, b"NaN"])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    assert understood(body, ACCOUNT) == Refused(400, "not_json")


@pytest.mark.parametrize("body", [b"{}", b"null", b'"x"', b"3"])
def test_json_that_is_no_array_is_refused(body: bytes) -> None:
    assert understood(body, ACCOUNT) == Refused(400, "not_a_list")


def test_no_value_of_a_record_is_in_what_was_heard() -> None:
    assert "tanaka@acme.example" not in repr(told(event(propertyName="email", propertyValue="tanaka@acme.example")))


# --------------------------------------------------------------------------------------------- the portal's own webhooks


def test_the_portal_signs_as_we_verify_and_tells_all_that_happens_to_a_record(rig_of: Callable[..., Any]) -> None:
    rig = rig_of()
    app = Webhooks(rig.portal, URL, SECRET)
    mail = iter(f"p{number}@acme.example" for number in range(9))
    one, two, three = (rig.portal.create("contacts", {"email": next(mail)}) for _ in range(3))
    rig.portal.update("contacts", one, {"firstname": "Hanako"})
    merged = rig.portal.merge("contacts", one, two)
    rig.portal.archive("contacts", three)
    company = rig.portal.create("companies", {"name": "Acme"})
    rig.portal.associate("contacts", merged, "companies", company)
    reader = plugin.hooks(HookSettings("ma", URL, str(rig.portal.config.portal_id), lambda _name: SECRET))  # type: ignore[misc]
    (request,) = app.outgoing()
    heard = reader(Delivery("POST", {k.lower(): v for k, v in request.headers.items()}, request.body, rig.clock.now()))
    assert isinstance(heard, Heard)
    named = {(hint.object, hint.id) for hint in heard.hints}
    assert named == {*(("contacts", id_) for id_ in (one, two, three, merged)), ("companies", company)}


def test_what_is_looked_at_is_what_a_pull_would_bring(rig_of: Callable[..., Any]) -> None:
    rig = rig_of()
    assert isinstance(rig.hub, Looking)
    people = [rig.portal.create("contacts", {"email": f"p{number}@acme.example"}) for number in range(5)]
    company = rig.portal.create("companies", {"name": "Acme"})
    rig.portal.associate("contacts", people[0], "companies", company)
    merged = rig.portal.merge("contacts", people[1], people[2])
    fields = ("email", "firstname", "associations.companies")
    rig.advance(hours=1)
    pulled = rig.pull("contacts", fields=fields).by_id()
    looked = {record.id: record for record in rig.hub.look("contacts", [people[0], merged, people[3]], fields)}
    assert looked == {id_: pulled[id_] for id_ in looked}
    assert set(looked) == {people[0], merged, people[3], people[1], people[2]}


def test_what_is_gone_is_told_as_a_sweep_would(rig_of: Callable[..., Any]) -> None:
    rig = rig_of()
    binned, erased, loser, winner = (rig.portal.create("contacts", {"email": f"p{number}@acme.example"}) for number in range(4))
    rig.hub.describe(["contacts"])
    rig.portal.archive("contacts", binned)
    rig.portal.gdpr_delete("contacts", erased)
    merged = rig.portal.merge("contacts", winner, loser)
    found = {r.id: r for r in rig.hub.look("contacts", [binned, erased, loser], ("email",))}
    assert {id_: (record.is_deleted, record.replaced_by) for id_, record in found.items()} == {
        binned: (True, None),
        erased: (True, None),
        loser: (True, merged),
    }


def test_a_few_records_are_looked_at_with_one_call_and_one_for_their_companies(rig_of: Callable[..., Any]) -> None:
    rig = rig_of()
    people = [rig.portal.create("contacts", {"email": f"p{number}@acme.example"}) for number in range(30)]
    rig.hub.describe(["contacts"])
    rig.forget()
    rig.hub.look("contacts", people, ("email",))
    assert ["/associations/" in request.url.path for request in rig.requests] == [False, True]
    assert all(request.url.path.endswith("/batch/read") for request in rig.requests)
