"""Cycles on schedule in this process: one job per connection, one at a time, missed ones caught up once, a clean stop."""

from __future__ import annotations

import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import FrameType

import structlog
from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from crmsync.errors import CrmsyncError, StopConnector
from crmsync.intake.listening import listening
from crmsync.sync.pipeline import Cycle, run_cycle
from crmsync.sync.workspace import Connection, Moment, Workspace

_log = structlog.get_logger("crmsync.schedule")

Run = Callable[[Connection], Cycle]
Wake = Callable[[str], None]
# What goes on beside the schedule and may wake it.
Beside = Callable[[Wake], AbstractContextManager[object]]

# One person's click makes several hints: they are read together.
_GATHER = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Schedule:
    """What runs when. `run` does one cycle for a connection, `run_hinted` one that reads only what its CRM hinted at; `clock`
    gives aware UTC; nothing begins once `stopping` is set."""

    connections: tuple[Connection, ...]
    run: Run
    clock: Callable[[], datetime]
    stopping: threading.Event = field(default_factory=threading.Event)
    run_hinted: Run | None = None

    def scheduler(self) -> BackgroundScheduler:
        """One job per connection, not started yet.

        A single worker thread: two cycles never overlap, whichever connections they are for. A job may be at work once and
        wait once (`max_instances`): what was missed meanwhile, or while the machine slept, is caught up by one run."""
        scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 2, "misfire_grace_time": None},
            timezone="UTC",
        )
        scheduler.add_listener(_report, EVENT_JOB_ERROR)
        for index, connection in enumerate(self.connections):
            scheduler.add_job(
                self.cycle,
                "interval",
                args=(connection,),
                id=connection.name,
                minutes=connection.every_minutes,
                jitter=connection.jitter_seconds or None,
                # The first round at once, one after the other, so that a restart shows within a minute whether all is well.
                next_run_time=self.clock() + timedelta(seconds=index),
            )
        return scheduler

    def cycle(self, connection: Connection) -> None:
        """One cycle, with a line in the log; none where the stop has been asked for while this one waited, or where another process
        is at work on the same database."""
        self._cycle(connection, self.run, "cycle_finished")

    def hinted_cycle(self, connection: Connection) -> None:
        """As `cycle`, reading only what was hinted at."""
        self._cycle(connection, self.run_hinted or self.run, "hinted_cycle_finished")

    def _cycle(self, connection: Connection, run: Run, event: str) -> None:
        if self.stopping.is_set():
            return
        try:
            cycle = run(connection)
        except CrmsyncError as error:
            _log.warning("cycle_not_run", connection=connection.name, code=error.code, holder=error.params.get("holder"))
            return
        _log.info(
            event,
            run=cycle.run_id,
            connection=connection.name,
            complete=cycle.is_complete,
            written=cycle.applied.written,
            rejected=cycle.applied.outcomes.get("rejected", 0),
        )

    def serve(self, beside: Beside = lambda _wake: nullcontext()) -> None:
        """Run until `stopping` is set or SIGTERM/SIGINT arrives; the cycle at hand is finished first. `beside` is open as
        long."""
        scheduler = self.scheduler()
        with _stopped_by_signals(self.stopping), beside(Waker(self, scheduler).wake):
            scheduler.start()
            try:
                self.stopping.wait()
            finally:
                self.stopping.set()
                scheduler.shutdown(wait=True)


class Waker:
    """Starts a connection's cycle early, at most once in its `wake_seconds`; a connection that is to be woken is woken once."""

    def __init__(self, schedule: Schedule, scheduler: BackgroundScheduler) -> None:
        self._schedule = schedule
        self._scheduler = scheduler
        self._lock = threading.Lock()
        self._woken: dict[str, datetime] = {}

    def wake(self, name: str) -> None:
        """Something was hinted at. Safe from any thread, and quick."""
        connection = next((c for c in self._schedule.connections if c.name == name), None)
        if connection is None or not connection.ears.wake_seconds or self._schedule.stopping.is_set():
            return
        with self._lock:
            now, last = self._schedule.clock(), self._woken.get(name)
            if last is not None and last > now:
                return  # it will be woken already
            at = now + _GATHER
            if last is not None:
                at = max(at, last + timedelta(seconds=connection.ears.wake_seconds))
            self._woken[name] = at
            job = {"id": f"{name} hinted", "args": (connection,), "replace_existing": True}
            self._scheduler.add_job(self._schedule.hinted_cycle, "date", run_date=at, **job)


def serve(workspace: Workspace, clock: Callable[[], datetime], stopping: threading.Event | None = None) -> None:
    """Cycles for every connection of a workspace, each decided at the instant at which it begins; what their CRMs say meanwhile
    is heard, and starts cycles early."""

    def run(connection: Connection) -> Cycle:
        return run_cycle(workspace, Moment(clock()), only=connection.name)

    def run_hinted(connection: Connection) -> Cycle:
        return run_cycle(workspace, Moment(clock()), only=connection.name, hinted_only=True)

    schedule = Schedule(workspace.connections, run, clock, stopping or threading.Event(), run_hinted)
    schedule.serve(lambda wake: _listening(workspace, clock, wake))


@contextmanager
def _listening(workspace: Workspace, clock: Callable[[], datetime], wake: Wake) -> Iterator[None]:
    """The ears of a workspace, as far as they can be opened: cycles run without."""
    with ExitStack() as stack:
        try:
            stack.enter_context(listening(workspace, clock, wake))
        except StopConnector as error:
            _log.warning("intake_not_served", code=error.code, **error.params)
        yield


def _report(event: JobExecutionEvent) -> None:
    """A bug in one cycle is reported with where it happened, not with its text, which may quote a record; the schedule goes on."""
    frames = traceback.extract_tb(event.exception.__traceback__)
    where = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames[-5:]))
    _log.error("cycle_crashed", connection=event.job_id, error=type(event.exception).__name__, where=where)


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
