"""The webhooks' door on a real port: what it takes, what it refuses, and that neither costs much."""

from __future__ import annotations

import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from hook_house import MOST_BYTES, NOON, Hall, hall, plain_reader, workspace_of
from sqlalchemy.exc import OperationalError

from crmsync.config.settings import IntakeConfig
from crmsync.connect.hints import Delivery, Heard, Refused
from crmsync.errors import StopConnector
from crmsync.intake.listening import listening
from crmsync.store import Store
from crmsync.store.hints import MOST_WAITING
from crmsync.sync.heard import IntakeState
from crmsync.sync.workspace import Ears


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Hall]:
    structlog.reset_defaults()
    with hall(tmp_path) as opened:
        yield opened


def test_a_delivery_marks_its_records_is_answered_with_no_content_and_wakes_once(door: Hall) -> None:
    answer = door.post(b"contacts/1 contacts/2 contacts/1")
    assert (answer.status_code, answer.content) == (204, b"")
    assert door.marked() == {("contacts", "1"), ("contacts", "2")}
    assert door.woken == ["ma"]


def test_a_delivery_that_comes_twice_marks_once(door: Hall) -> None:
    for _ in range(3):
        assert door.post().status_code == 204
    assert door.marked() == {("contacts", "1")}
    assert door.state() == IntakeState("ma", NOON, 3, 1, {})


def test_a_delivery_that_names_nothing_of_ours_is_taken_and_wakes_nobody(door: Hall) -> None:
    assert door.post(b"").status_code == 204
    assert door.woken == []
    assert door.state().not_taken == {"other_event": 1}


def test_a_wrong_signature_is_refused_and_nothing_is_marked(door: Hall) -> None:
    assert door.post(headers={"X-Word": "now"}).status_code == 401
    assert door.marked() == set()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_any_other_method_is_refused(door: Hall, method: str) -> None:
    answer = door.post(b"", method=method)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_a_connection_without_webhooks_has_no_door(door: Hall) -> None:
    assert door.post(connection="sfa").status_code == 404


def test_load_balancers_can_ask_whether_it_is_up(door: Hall) -> None:
    assert httpx.get(f"{door.address}/health", trust_env=False).text == "ok"


def test_a_body_that_is_announced_too_large_is_refused_unread(door: Hall) -> None:
    assert door.post(b"x" * (MOST_BYTES + 1)).status_code == 413
    assert door.post(b" " * MOST_BYTES).status_code == 204


def test_a_body_that_does_not_say_how_long_it_is_is_cut_off_at_the_limit(door: Hall) -> None:
    sent: list[int] = []

    def endless() -> Iterator[bytes]:
        for number in range(100_000):
            sent.append(number)
            yield b" " * 1_000

    tracemalloc.start()
    try:
        answer: Any = door.post(endless())
        status = answer.status_code
    except (httpx.WriteError, httpx.RemoteProtocolError, httpx.ReadError):
        status = 413  # the connection was closed under the sender's hands, before it read the answer
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert status == 413
    assert len(sent) < 90_000, "what is beyond is not read"
    assert peak < 20_000_000


def test_a_body_that_trickles_in_is_not_waited_for(door: Hall) -> None:
    host, port = door.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(b"POST /hooks/ma HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nco")
        begun = time.monotonic()
        assert line.recv(200).startswith(b"HTTP/1.1 408")
        assert time.monotonic() - begun < 4.5, "the vendor would have given up"


def test_a_store_that_is_busy_is_answered_in_time_and_the_vendor_may_send_again(
    door: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = threading.Event()
    taken = door.store.hints.take
    monkeypatch.setattr(door.store.hints, "take", lambda *args: (free.wait(20), taken(*args))[1])
    begun = time.monotonic()
    assert door.post().status_code == 503
    assert time.monotonic() - begun < 4.5
    free.set()
    assert door.post().status_code == 204
    assert door.marked() == {("contacts", "1")}


def test_a_store_that_fails_is_a_refusal_without_a_word_of_what_it_was_about(door: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object) -> int:
        raise OperationalError("insert into hint values ('contacts', '1')", {}, Exception("disk"))

    with monkeypatch.context() as patch, structlog.testing.capture_logs() as lines:
        patch.setattr(door.store.hints, "take", broken)
        assert door.post().status_code == 503
    assert [line["event"] for line in lines] == ["delivery_not_kept"]
    assert "contacts" not in str(lines)


def test_refusals_are_counted_by_why_and_told_when_it_closes_at_the_latest(tmp_path: Path) -> None:
    with hall(tmp_path) as opened:
        opened.post(headers={"X-Word": "now"})
        opened.post(headers={"X-Word": "now"})
        opened.post(b"x" * (MOST_BYTES + 1))
        opened.post(method="GET", content=b"")
        assert opened.state().not_taken == {}, "a knock at a public door costs no write"
    again = Store.open(f"sqlite:///{tmp_path / 'hall.db'}")
    opened.store = again
    assert opened.state() == IntakeState("ma", None, 0, 0, {"wrong_signature": 2, "too_large": 1, "method": 1})
    again.close()


def test_a_reader_that_cannot_be_had_says_later_and_stops_nothing(tmp_path: Path) -> None:
    def missing() -> Any:
        raise StopConnector("auth.secret_missing", connection="ma", secret="client_secret", where="$X")

    with hall(tmp_path, open_=missing) as opened:
        assert opened.post().status_code == 503


def test_a_port_that_is_taken_is_said_as_such(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'other.db'}")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        intake = IntakeConfig("127.0.0.1", taken.getsockname()[1], 10)
        workspace = workspace_of(store, {"ma": Ears(hooks=lambda: plain_reader)}, intake)
        with pytest.raises(StopConnector) as caught, listening(workspace, lambda: NOON):
            pass
    assert caught.value.code == "intake.not_served"
    store.close()


def test_without_webhooks_no_port_is_opened(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'other.db'}")
    with listening(workspace_of(store, {"ma": Ears()}, IntakeConfig()), lambda: NOON) as address:
        assert address is None
    store.close()


def test_a_mass_change_marks_no_more_than_a_bound_and_says_so(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'many.db'}")
    for start in range(0, MOST_WAITING, 1_000):
        assert store.hints.take("ma", [("contacts", str(start + number)) for number in range(1_000)], NOON) == 1_000
    assert store.hints.take("ma", [("contacts", "x"), ("contacts", "y")], NOON) == 0
    assert store.hints.count_waiting("ma") == MOST_WAITING
    assert {tally.outcome: tally.count for tally in store.hints.tallies("ma")} == {"hinted": MOST_WAITING + 2, "overflow": 2}
    store.close()


def test_many_deliveries_at_once_lose_no_mark(door: Hall) -> None:
    answers: list[int] = []
    posts = [
        threading.Thread(target=lambda n=n: answers.append(door.post(f"contacts/{n}".encode()).status_code)) for n in range(20)
    ]
    for post in posts:
        post.start()
    for post in posts:
        post.join()
    assert answers == [204] * 20
    assert len(door.marked()) == 20
    numbers = [number for marks in door.store.hints.waiting("ma", 100).values() for number in marks.values()]
    assert len(set(numbers)) == 20, "each delivery has a number of its own"


def test_a_reader_sees_the_request_as_it_came(tmp_path: Path) -> None:
    seen: list[Delivery] = []

    def reader(delivery: Delivery) -> Heard | Refused:
        seen.append(delivery)
        return Heard()

    with hall(tmp_path, reader=reader) as opened:
        opened.post(b"\x00\xff raw", headers={"X-HubSpot-Signature-v3": "abc="})
    (one,) = seen
    assert (one.method, one.body, one.headers["x-hubspot-signature-v3"], one.at) == ("POST", b"\x00\xff raw", "abc=", NOON)
