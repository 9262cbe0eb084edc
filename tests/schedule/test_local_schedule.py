"""Cycles on schedule: who runs when, and how it stops. The cycles themselves are stand-ins; time between them is real but short."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
import structlog

from crmsync.model.changes import Plan
from crmsync.schedule.local import Schedule, Waker
from crmsync.sync.apply import Applied
from crmsync.sync.pipeline import Cycle
from crmsync.sync.plan import Prepared
from crmsync.sync.pull import Pulled
from crmsync.sync.workspace import Connection, Ears

SOON = 20.0


@pytest.fixture(autouse=True)
def _logs_at_every_level() -> None:
    structlog.reset_defaults()


def connection(name: str, *, every_minutes: int = 15, jitter_seconds: int = 0, wake_seconds: int = 0) -> Connection:
    fake, ears = cast(Any, None), Ears(wake_seconds=wake_seconds)
    return Connection(
        name, "toy", "both", fake, fake, {}, "", (), every_minutes=every_minutes, jitter_seconds=jitter_seconds, ears=ears
    )


def cycle(_connection: Connection) -> Cycle:
    return Cycle("run-1", Pulled((), ()), Prepared(cast(Any, None), Plan("", clock(), ()), ()), Applied({"written": 3}))


def clock() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - a schedule is about real time


@contextmanager
def running(schedule: Schedule) -> Iterator[Any]:
    scheduler = schedule.scheduler()
    scheduler.start()
    try:
        yield scheduler
    finally:
        schedule.stopping.set()
        scheduler.shutdown(wait=True)


def due_now(scheduler: Any, name: str) -> None:
    scheduler.modify_job(name, next_run_time=clock())


class Gate:
    """A cycle that waits until it may end, and counts."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.together = 0
        self.most_together = 0
        self.may_end = threading.Event()
        self.has_begun = threading.Event()

    def __call__(self, connection: Connection) -> Cycle:
        self.began.append(connection.name)
        self.together += 1
        self.most_together = max(self.most_together, self.together)
        self.has_begun.set()
        assert self.may_end.wait(SOON)
        self.together -= 1
        return cycle(connection)


def eventually(holds: Callable[[], bool]) -> bool:
    waiting = threading.Event()
    for _ in range(int(SOON / 0.02)):
        if holds():
            return True
        waiting.wait(0.02)
    return holds()


def test_every_connection_has_a_job_with_its_own_interval_and_jitter() -> None:
    schedule = Schedule((connection("ma", every_minutes=5, jitter_seconds=7), connection("sfa", every_minutes=60)), cycle, clock)
    jobs = {job.id: job.trigger for job in schedule.scheduler().get_jobs()}
    assert {name: job.interval.total_seconds() for name, job in jobs.items()} == {"ma": 300, "sfa": 3600}
    assert {name: job.jitter for name, job in jobs.items()} == {"ma": 7, "sfa": None}


def test_cycles_of_different_connections_never_overlap() -> None:
    gate = Gate()
    with running(Schedule((connection("ma"), connection("sfa")), gate, clock)) as scheduler:
        assert gate.has_begun.wait(SOON)
        due_now(scheduler, "sfa")
        gate.may_end.set()
        assert eventually(lambda: "sfa" in gate.began)
    assert gate.most_together == 1


def test_runs_that_were_missed_while_one_was_long_are_caught_up_once() -> None:
    gate = Gate()
    with running(Schedule((connection("ma"),), gate, clock)) as scheduler:
        assert gate.has_begun.wait(SOON)
        submitted = scheduler.get_job("ma").next_run_time
        for _ in range(3):
            due_now(scheduler, "ma")
            assert eventually(lambda before=submitted: scheduler.get_job("ma").next_run_time >= before)
            threading.Event().wait(0.1)
        gate.may_end.set()
        assert eventually(lambda: len(gate.began) == 2)
        threading.Event().wait(0.1)
        assert gate.began == ["ma", "ma"]


def test_one_connection_that_crashes_does_not_stop_the_others() -> None:
    done: list[str] = []

    def run(connection: Connection) -> Cycle:
        if connection.name == "ma":
            raise RuntimeError("the record of taro@customer.example is odd")
        done.append(connection.name)
        return cycle(connection)

    with (
        structlog.testing.capture_logs() as lines,
        running(Schedule((connection("ma"), connection("sfa")), run, clock)) as scheduler,
    ):
        assert eventually(lambda: done == ["sfa"])
        due_now(scheduler, "ma")
        assert eventually(lambda: len([line for line in lines if line["event"] == "cycle_crashed"]) == 2)
    crashed = next(line for line in lines if line["event"] == "cycle_crashed")
    assert (crashed["connection"], crashed["error"]) == ("ma", "RuntimeError")
    assert "run:" in crashed["where"]
    assert "taro@customer.example" not in str(lines), "a log line carries ids and counts, never a person"


def test_a_finished_cycle_is_one_log_line_of_ids_and_counts() -> None:
    with structlog.testing.capture_logs() as lines:
        Schedule((), cycle, clock).cycle(connection("sfa"))
    assert lines == [
        {
            "event": "cycle_finished",
            "log_level": "info",
            "run": "run-1",
            "connection": "sfa",
            "complete": True,
            "written": 3,
            "rejected": 0,
        }
    ]


def test_a_stop_lets_the_cycle_at_hand_end_and_begins_no_other() -> None:
    gate = Gate()
    schedule = Schedule((connection("ma"), connection("sfa")), gate, clock)
    serving = threading.Thread(target=schedule.serve)
    serving.start()
    assert gate.has_begun.wait(SOON)
    threading.Event().wait(1.2)  # by now the other connection waits in the queue
    schedule.stopping.set()
    serving.join(0.3)
    assert serving.is_alive(), "the cycle at hand is not cut off"
    gate.may_end.set()
    serving.join(SOON)
    assert not serving.is_alive()
    assert gate.began == ["ma"]


def test_a_waiting_cycle_is_dropped_after_the_stop() -> None:
    began: list[str] = []

    def noting(its: Connection) -> Cycle:
        began.append(its.name)
        return cycle(its)

    schedule = Schedule((), noting, clock)
    schedule.cycle(connection("ma"))
    schedule.stopping.set()
    schedule.cycle(connection("sfa"))
    assert began == ["ma"]


class Noted:
    """A scheduler that is asked and runs nothing."""

    def __init__(self) -> None:
        self.jobs: list[datetime] = []

    def add_job(self, _work: object, _kind: str, *, run_date: datetime, **_more: object) -> None:
        self.jobs.append(run_date)


def test_a_connection_is_woken_at_most_once_in_its_time_however_much_it_says() -> None:
    now, noted = [datetime(2026, 6, 1, tzinfo=UTC)], Noted()
    schedule = Schedule((connection("ma", wake_seconds=60),), cycle, lambda: now[0])
    waker = Waker(schedule, cast(Any, noted))
    begin = now[0]
    for second in range(200):
        now[0] = begin + timedelta(seconds=second)
        waker.wake("ma")
        waker.wake("ma")
    assert [(job - begin).total_seconds() for job in noted.jobs] == [1, 61, 121, 181, 241]


def test_a_connection_that_is_not_to_be_woken_or_not_there_is_not() -> None:
    noted = Noted()
    schedule = Schedule((connection("ma"), connection("sfa", wake_seconds=60)), cycle, clock)
    waker = Waker(schedule, cast(Any, noted))
    waker.wake("ma")
    waker.wake("another")
    schedule.stopping.set()
    waker.wake("sfa")
    assert noted.jobs == []


def test_a_hint_starts_a_cycle_that_reads_only_what_was_hinted_at() -> None:
    usual, hinted = Gate(), Gate()
    usual.may_end.set()
    hinted.may_end.set()
    schedule = Schedule((connection("ma", wake_seconds=60),), usual, clock, run_hinted=hinted)

    @contextmanager
    def beside(wake: Callable[[str], None]) -> Iterator[None]:
        wake("ma")
        yield

    serving = threading.Thread(target=schedule.serve, args=(beside,))
    serving.start()
    assert hinted.has_begun.wait(SOON)
    schedule.stopping.set()
    serving.join(SOON)
    assert (usual.began, hinted.began) == (["ma"], ["ma"])
