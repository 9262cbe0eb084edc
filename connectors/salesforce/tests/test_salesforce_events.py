"""Change events: which records they name, how the stream goes on after whatever happens to it, and that it hurts nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from salesforce_place import Place, place

from crmsync.connect.build import Transport, open_client
from crmsync.connect.hints import Broadcasting, EventSource, Heard, Hint, News
from crmsync.connect.retry import RetryPolicy
from crmsync.errors import CrmsyncError, StopConnector
from crmsync.sandbox.salesforce.config import OrgConfig
from crmsync_salesforce.bayeux import Events, channel_of, events_of, messages_of, reply_to

LEADS = "/data/LeadChangeEvent"
LEAD_ID = "00Q000000000001EAA"
QUICK = OrgConfig(event_hold_seconds=0.2)


def told(replay_id: Any = 7, *, kind: str = "UPDATE", object: Any = "Lead", ids: Any = (LEAD_ID,)) -> dict[str, Any]:
    header = {"entityName": object, "changeType": kind, "recordIds": list(ids) if isinstance(ids, tuple) else ids}
    return {"channel": LEADS, "data": {"payload": {"ChangeEventHeader": header}, "event": {"replayId": replay_id}}}


# ---------------------------------------------------------------------------------------------------------------- pure


def test_an_event_names_its_records_and_how_far_the_channel_is_heard() -> None:
    found = events_of([told(7, ids=(LEAD_ID, "00Q000000000002")), told(9, object="Contact", ids=("003000000000001AAA",))])
    hints = (Hint("Lead", LEAD_ID), Hint("Lead", "00Q000000000002EAA"), Hint("Contact", "003000000000001AAA"))
    assert found == Events(Heard(hints), {LEADS: "9"})


@pytest.mark.parametrize("kind", ["CREATE", "DELETE", "UNDELETE", "GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "SOMETHING_NEW"])
def test_whatever_happened_to_a_record_it_is_read(kind: str) -> None:
    assert events_of([told(kind=kind)]).heard == Heard((Hint("Lead", LEAD_ID),))


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (told(kind="GAP_OVERFLOW", ids=("000000000000000AAA",)), "gap"),
        (told(ids=("000000000000000AAA",)), "wildcard"),
        (told(ids=("00Q*",)), "wildcard"),
        (told(ids=()), "wildcard"),
        (told(ids="00Q000000000001EAA"), "wildcard"),
        (told(ids=(1, None, {})), "wildcard"),
        (told(object=None), "malformed"),
        ({"channel": LEADS}, "malformed"),
        ({"channel": LEADS, "data": "x"}, "malformed"),
    ],
)
def test_an_event_that_names_no_record_is_left_to_polling(message: dict[str, Any], why: str) -> None:
    assert events_of([message]).heard == Heard((), {why: 1})


def test_custom_objects_lose_the_c_of_their_ending() -> None:
    assert (channel_of("Lead"), channel_of("Visit__c")) == (LEADS, "/data/Visit__ChangeEvent")


_KEYS = st.sampled_from(("channel", "data", "payload", "ChangeEventHeader", "event", "replayId", "advice", "ext", "error"))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60)
@given(_JSON)
def test_no_answer_breaks_anything(answer: Any) -> None:
    messages = messages_of([answer] if isinstance(answer, dict) else answer)
    assert isinstance(events_of(messages), Events)
    assert reply_to("/meta/connect", messages).is_successful is False


# ------------------------------------------------------------------------------------------------------- over sockets


class Ear:
    """Somebody who follows the stream in a thread, as the intake does."""

    def __init__(self, source: EventSource, positions: Mapping[str, str]) -> None:
        self.source = source
        self.hints: list[Hint] = []
        self.passed_over: list[str] = []
        self.positions = dict(positions)
        self.error: CrmsyncError | None = None
        self._grown = threading.Condition()
        self._rounds = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            for news in self.source.listen(self.positions):
                self._note(news)
        except CrmsyncError as error:
            self.error = error
        self._note(News(Heard()))

    def _note(self, news: News) -> None:
        with self._grown:
            self.hints += news.heard.hints
            self.passed_over += news.heard.passed_over
            self.positions.update(news.positions)
            self._rounds += 1
            self._grown.notify_all()

    def until(self, holds: Callable[[], bool]) -> None:
        with self._grown:
            assert self._grown.wait_for(holds, 20)

    def is_subscribed(self) -> None:
        self.until(lambda: self._rounds >= 2 or self.error is not None)

    def stop(self) -> None:
        self.source.stop()
        self._thread.join(20)
        assert not self._thread.is_alive()


@contextmanager
def following(at: Place, *objects: str, positions: Mapping[str, str] | None = None) -> Iterator[Ear]:
    assert isinstance(at.connector, Broadcasting)
    transport = Transport(trust_env=False, read_seconds=10, connections=2, retry=RetryPolicy(attempts=1))
    with open_client("sf", base_urls={"login": at.url}, transport=transport, pause=lambda _seconds: None) as client:
        ear = Ear(at.connector.events(client, objects or ("Lead",)), positions or {})
        try:
            yield ear
        finally:
            ear.stop()


@pytest.fixture
def org() -> Iterator[Place]:
    with place(QUICK) as opened:
        yield opened


def test_what_happens_to_a_record_is_heard_while_it_happens(org: Place) -> None:
    with following(org, "Lead", "Contact") as ear:
        ear.is_subscribed()
        lead = org.lead()
        org.org.update("Lead", lead, {"Title": "CTO"})
        contact = org.org.insert("Contact", {"LastName": "Sato"})
        org.org.delete("Lead", lead)
        ear.until(lambda: set(ear.hints) == {Hint("Lead", lead), Hint("Contact", contact)})
    assert set(ear.positions) == {LEADS, "/data/ContactChangeEvent"}
    assert ear.error is None


def test_a_stop_ends_the_request_that_waits() -> None:
    with place(OrgConfig(event_hold_seconds=60)) as org, following(org) as ear:
        ear.is_subscribed()
    assert ear.error is None, "following() waited for the thread to end, which took less than the server's 60 seconds"


def test_what_happened_meanwhile_is_heard_from_the_position_on(org: Place) -> None:
    with following(org) as ear:
        ear.is_subscribed()
        org.lead()
        ear.until(lambda: bool(ear.positions))
    missed = org.lead()
    with following(org, positions=ear.positions) as again:
        again.until(lambda: bool(again.hints))
    assert again.hints == [Hint("Lead", missed)]


def test_from_a_position_that_is_too_old_it_goes_on_from_now(org: Place) -> None:
    with following(org, positions={LEADS: "1"}) as ear:
        ear.is_subscribed()
        lead = org.lead()
        ear.until(lambda: bool(ear.hints))
    assert (ear.hints, ear.passed_over) == ([Hint("Lead", lead)], ["position_lost"])


def test_events_are_kept_for_three_days_and_no_longer(org: Place) -> None:
    with following(org) as ear:
        ear.is_subscribed()
        org.lead()
        ear.until(lambda: bool(ear.positions))
    org.lead()
    org.later(hours=73)
    org.lead()
    with following(org, positions=ear.positions) as again:
        again.is_subscribed()
    assert again.passed_over == ["position_lost"]


def test_a_server_that_forgot_us_is_greeted_again_and_nothing_is_missed(org: Place) -> None:
    with following(org) as ear:
        ear.is_subscribed()
        first = org.lead()
        ear.until(lambda: Hint("Lead", first) in ear.hints)
        org.app.cometd.forget_clients()
        second = org.lead()
        ear.until(lambda: Hint("Lead", second) in ear.hints)
    assert ear.hints == [Hint("Lead", first), Hint("Lead", second)]
    assert ear.error is None


def test_a_session_that_ends_is_renewed_and_the_stream_taken_up_again(org: Place) -> None:
    with following(org) as ear:
        ear.is_subscribed()
        org.lead()
        ear.until(lambda: bool(ear.hints))
        org.app.service.tokens.expire_all()
        missed = org.lead()
        ear.until(lambda: Hint("Lead", missed) in ear.hints)
    assert ear.error is None


def test_an_object_that_is_not_captured_costs_the_others_nothing(org: Place) -> None:
    with following(org, "Lead", "Campaign") as ear:
        ear.is_subscribed()
        lead = org.lead()
        ear.until(lambda: bool(ear.hints))
    assert (ear.hints, ear.passed_over) == ([Hint("Lead", lead)], ["channel_refused"])


def test_where_no_channel_can_be_had_it_says_so_with_the_vendors_words(org: Place) -> None:
    with following(org, "Campaign") as ear:
        ear.until(lambda: ear.error is not None)
    assert ear.error is not None
    assert ear.error.params["vendor_code"].startswith("403:denied_by_security_policy")


def test_polling_goes_on_while_the_stream_is_broken(org: Place) -> None:
    org.pull()
    with following(org, "Campaign") as ear:
        ear.until(lambda: ear.error is not None)
    lead = org.lead()
    org.later(hours=1)
    assert [record.id for record in org.pull()] == [lead]


def test_following_and_polling_share_one_login(org: Place) -> None:
    org.pull()
    with following(org) as ear:
        ear.is_subscribed()
    assert len(org.asked("/services/oauth2/token")) == 1


def test_an_event_of_many_records_and_one_of_all_are_told_apart(org: Place) -> None:
    with following(org) as ear:
        ear.is_subscribed()
        now = org.org.clock.now() + timedelta(0)
        with org.org.lock:
            org.org.capture.note("Lead", "UPDATE", (LEAD_ID, "00Q000000000002EAA"), org.org.admin_id, now)
            org.org.capture.note("Lead", "GAP_OVERFLOW", ("000000000000000AAA",), org.org.admin_id, now)
        ear.until(lambda: "gap" in ear.passed_over)
    assert [hint.id for hint in ear.hints] == [LEAD_ID, "00Q000000000002EAA"]


def test_a_version_that_the_org_does_not_speak_is_said_before_anything_else() -> None:
    with place(replace(QUICK, newest_version=60)) as org, following(org) as ear:
        ear.until(lambda: ear.error is not None)
    assert isinstance(ear.error, StopConnector)
    assert ear.error.code == "connect.version_missing"
