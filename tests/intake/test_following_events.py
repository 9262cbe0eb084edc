"""A stream of events, followed: what is heard is kept with how far it was heard; whatever breaks, it goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from hook_house import NOON
from sqlalchemy.exc import OperationalError

from crmsync.connect.hints import Heard, Hint, News
from crmsync.errors import RetryLater, StopConnector
from crmsync.intake.following import FIRST_SECONDS, KEPT, LONGEST_SECONDS, Follower
from crmsync.store import Store
from crmsync.sync.heard import intake_state

LEADS = "/data/LeadChangeEvent"
LOST = {"connection": "sfa", "method": "POST", "path": "/x", "vendor_code": "X", "message": ""}


def news(*ids: str, position: str = "", **passed_over: int) -> News:
    return News(Heard(tuple(Hint("Lead", id_) for id_ in ids), passed_over), {LEADS: position} if position else {})


class Stream:
    """Plays one list after the other; an exception in it is raised there. When all is played, listening stops."""

    def __init__(self, *plays: list[News | Exception], end: Callable[[], None]) -> None:
        self.plays = list(plays)
        self.asked: list[Mapping[str, str]] = []
        self.end = end

    def listen(self, positions: Mapping[str, str]) -> Iterator[News]:
        self.asked.append(positions)
        for one in self.plays.pop(0):
            if isinstance(one, Exception):
                raise one
            yield one
        if not self.plays:
            self.end()

    def stop(self) -> None:
        pass

    def close(self) -> None:
        pass


class Patience(threading.Event):
    """Waits that are noted and not waited."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return self.is_set()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    structlog.reset_defaults()
    opened = Store.open(f"sqlite:///{tmp_path / 'heard.db'}")
    yield opened
    opened.close()


def follow(store: Store, *plays: list[News | Exception]) -> tuple[Stream, Patience, list[str]]:
    """Follow until all is played."""
    patience, woken = Patience(), list[str]()
    stream = Stream(*plays, end=patience.set)
    Follower("sfa", lambda: stream, store, lambda: NOON, woken.append, patience).run()
    return stream, patience, woken


def marked(store: Store) -> set[str]:
    return set(store.hints.waiting("sfa", 100).get("Lead", {}))


def test_what_is_heard_is_marked_with_how_far_it_was_heard_and_wakes(store: Store) -> None:
    _, _, woken = follow(store, [news(), news("1", "2", position="7"), news(position="9"), news(gap=2)])
    assert marked(store) == {"1", "2"}
    assert store.hints.positions("sfa", NOON, KEPT) == {LEADS: "9"}
    assert woken == ["sfa"], "silence wakes nobody"
    state = intake_state(store, "sfa")
    assert (state.heard_at, state.hinted, state.waiting, state.not_taken) == (NOON, 2, 2, {"gap": 2})


def test_after_a_failure_it_goes_on_from_what_was_kept(store: Store) -> None:
    stream, _, _ = follow(
        store, [news("1", position="7"), RetryLater("connect.retry", after_seconds=1, **LOST)], [news("2", position="8")]
    )
    assert stream.asked == [{}, {LEADS: "7"}]
    assert marked(store) == {"1", "2"}
    assert intake_state(store, "sfa").not_taken == {"connect.retry": 1}


def test_waits_grow_while_nothing_is_heard_and_begin_anew_once_something_is(store: Store) -> None:
    away: list[list[News | Exception]] = [[StopConnector("connect.stop", **LOST)] for _ in range(10)]
    _, patience, _ = follow(store, *away, [news("1"), StopConnector("connect.stop", **LOST)], [news()])
    assert patience.waits[:3] == [FIRST_SECONDS, 2 * FIRST_SECONDS, 4 * FIRST_SECONDS]
    assert max(patience.waits) == LONGEST_SECONDS
    assert patience.waits[-1] == FIRST_SECONDS


def test_a_store_that_fails_moves_no_position_and_what_was_said_is_heard_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, failures = store.hints.take, [OperationalError("insert", {}, Exception("busy"))]

    def take(*args: object, **more: object) -> int:
        if failures:
            raise failures.pop()
        return taken(*args, **more)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(store.hints, "take", take)
    stream, _, _ = follow(store, [news("1", position="7")], [news("1", position="7")])
    assert stream.asked == [{}, {}]
    assert marked(store) == {"1"}


def test_a_stream_that_cannot_be_opened_is_tried_again(store: Store) -> None:
    patience, tries = Patience(), list[int]()
    stream = Stream([news("1")], end=patience.set)

    def open_() -> Stream:
        tries.append(1)
        if len(tries) < 3:
            raise StopConnector("auth.secret_missing", connection="sfa", secret="x", where="$X")
        return stream

    Follower("sfa", open_, store, lambda: NOON, lambda _name: None, patience).run()
    assert marked(store) == {"1"}


def test_a_position_from_before_the_crms_memory_is_not_used(store: Store) -> None:
    store.hints.take("sfa", (), NOON - timedelta(hours=72), positions={LEADS: "7"})
    stream, _, _ = follow(store, [news()])
    assert stream.asked == [{}]


def test_no_content_is_logged_when_the_stream_breaks(store: Store) -> None:
    with structlog.testing.capture_logs() as lines:
        follow(store, [StopConnector("connect.stop", **{**LOST, "message": "taro@customer.example"})], [news()])
    assert [line["event"] for line in lines] == ["events_interrupted"]
    assert "taro" not in str(lines)
