"""Cycles on schedule in this process: one job per connection, one at a time, missed ones caught up once, a clean stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import FrameType

import structlog
from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from crmsync.sync.pipeline import run_cycle
from crmsync.sync.workspace import Connection, Moment, Workspace

_log = structlog.get_logger("crmsync.schedule")


def serve(workspace: Workspace, clock: Callable[[], datetime], stop: threading.Event | None = None) -> None:
    """Run until `stop` is set or SIGTERM/SIGINT arrives; the cycle at hand is finished first. `clock` gives aware UTC."""
    stopping = stop or threading.Event()
    scheduler = make_scheduler(workspace, clock)
    with _stopped_by_signals(stopping):
        scheduler.start()
        try:
            stopping.wait()
        finally:
            scheduler.shutdown(wait=True)


def make_scheduler(workspace: Workspace, clock: Callable[[], datetime]) -> BackgroundScheduler:
    """One job per connection. A single worker thread: two cycles never overlap, whichever connections they are for. A job that
    was missed (a long cycle, a sleeping machine) runs once when it can, not once for every time it was missed."""
    scheduler = BackgroundScheduler(
        executors={"default": ThreadPoolExecutor(1)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        timezone="UTC",
    )
    scheduler.add_listener(_report, EVENT_JOB_ERROR)
    for index, connection in enumerate(workspace.connections):
        scheduler.add_job(
            _cycle,
            "interval",
            args=(workspace, connection, clock),
            id=connection.name,
            minutes=connection.every_minutes,
            jitter=connection.jitter_seconds or None,
            # The first round at once, one after the other, so that a restart shows within a minute whether all is well.
            next_run_time=clock() + timedelta(seconds=index),
        )
    return scheduler


def _cycle(workspace: Workspace, connection: Connection, clock: Callable[[], datetime]) -> None:
    cycle = run_cycle(workspace, Moment(clock()), only=connection.name)
    _log.info(
        "cycle_finished",
        run=cycle.run_id,
        connection=connection.name,
        complete=cycle.is_complete,
        written=cycle.applied.written,
    )


def _report(event: JobExecutionEvent) -> None:
    """A bug in one cycle is reported with its traceback; the schedule goes on."""
    _log.error("cycle_crashed", connection=event.job_id, error=type(event.exception).__name__, traceback=event.traceback)


@contextmanager
def _stopped_by_signals(stopping: threading.Event) -> Iterator[None]:
    """SIGTERM and SIGINT set the event; the handlers there before are put back. Outside the main thread there are none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
