"""Plays in a process of their own: while one process brings history forward, the other decides. What comes out is the same.

The other process is started anew (a copy of this one would share locks that Polars' threads hold), is told its mornings through a
pipe, and goes when this one does. What goes wrong there is raised here. Large frames go by way of a file that the other process
maps into its memory.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from itertools import count
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from queue import Queue
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from crmsync.decisions.definitions import Definitions
from crmsync.errors import StopConnector
from crmsync.sync.collector import collector_at_rest
from crmsync.sync.plays import Morning, Played, Plays

_LARGE = 20_000
"""Rows from which a frame goes by way of a file."""
_AHEAD = 10
"""Mornings that may wait to be played: some take one side longer, and some the other."""
_PATIENCE_SECONDS = 5.0
_THREADS = "POLARS_MAX_THREADS"


def has_second_core() -> bool:
    """Whether another process would have a core of its own to run on."""
    return _cores() > 1


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class PlaysApart:
    """As `Plays`, in another process: a morning is handed on and played while the caller goes on to the next."""

    def __init__(self, process: BaseProcess, pipe: Connection, directory: Path) -> None:
        self.process, self._pipe, self._directory, self._numbers = process, pipe, directory, count()

    def morning(self, morning: Morning) -> None:
        self._tell(morning)

    def played(self) -> Played:
        self._tell(None)
        found = self._answer()
        assert isinstance(found, Played)  # noqa: S101 - the answer to None
        return found

    def _tell(self, what: object) -> None:
        """Raises what went wrong over there, as soon as it is known."""
        if self._pipe.poll():
            self._answer()
        packed = BytesIO()
        _Packer(packed, self._directory, self._numbers).dump(what)
        try:
            self._pipe.send_bytes(packed.getbuffer())
        except OSError as error:
            raise StopConnector("whatif.cut_short") from error

    def _answer(self) -> object:
        """Raises StopConnector where the other process is gone without one."""
        try:
            found = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise StopConnector("whatif.cut_short") from error
        if isinstance(found, BaseException):
            raise found
        return found


@contextmanager
def plays_apart(present: Definitions, other: Definitions) -> Iterator[PlaysApart]:
    """A process that plays these two; it is gone afterwards, whatever happens meanwhile."""
    anew = multiprocessing.get_context("spawn")
    ours, theirs = anew.Pipe()
    with TemporaryDirectory(prefix="crmsync-plays-") as directory:
        process = anew.Process(target=_serve, args=(theirs, present, other), daemon=True)
        with _deaf_to_interrupts(), _with_half_of_the_cores():
            process.start()
        theirs.close()
        try:
            yield PlaysApart(process, ours, Path(directory))
        finally:
            ours.close()
            process.join(_PATIENCE_SECONDS)
            if process.is_alive():
                process.terminate()
                process.join()


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Ctrl-C is for the process that was started by a person, which ends the other one: what is started here never hears it, not
    even before its first line runs."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # it would take the mask away again, were it started by the way
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _with_half_of_the_cores() -> Iterator[None]:
    """What is started here leaves this process as many threads as it takes: on two cores, more of them only wait for each other.
    Who has said how many Polars may use is heard."""
    if _THREADS in os.environ:
        yield
        return
    os.environ[_THREADS] = str(max(1, _cores() // 2))
    try:
        yield
    finally:
        del os.environ[_THREADS]


def _serve(pipe: Connection, present: Definitions, other: Definitions) -> None:
    """Play what comes, until nobody is there any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    told = _told(pipe)
    try:
        with collector_at_rest():
            _play(pipe, told, Plays(present, other))
    except BaseException as error:  # noqa: BLE001 - it is raised on the other side
        pipe.send(error)
        for _ in told:  # dropped, so that nobody waits for a full pipe
            pass


def _play(pipe: Connection, told: Iterator[bytes], plays: Plays) -> None:
    """Play each morning; None asks what they have come to."""
    for packed in told:
        morning = pickle.loads(packed)  # noqa: S301 - from the process that started this one
        if morning is None:
            pipe.send(plays.played())
        else:
            plays.morning(morning)


def _told(pipe: Connection) -> Iterator[bytes]:
    """What is told, until nobody is there any more. Another thread takes it out of the pipe, which holds less than one morning:
    who tells it would wait until each has been played."""
    waiting: Queue[bytes | None] = Queue(_AHEAD)
    threading.Thread(target=_hear, args=(pipe, waiting), name="crmsync-told", daemon=True).start()
    return iter(waiting.get, None)


def _hear(pipe: Connection, waiting: Queue[bytes | None]) -> None:
    try:
        while True:
            waiting.put(pipe.recv_bytes())
    except EOFError:
        waiting.put(None)


class _Packer(pickle.Pickler):
    """Puts large frames into files, and says where they are."""

    def __init__(self, packed: BytesIO, directory: Path, numbers: Iterator[int]) -> None:
        super().__init__(packed, protocol=pickle.HIGHEST_PROTOCOL)
        self._directory, self._numbers = directory, numbers

    def reducer_override(self, what: object) -> Any:
        if not isinstance(what, pl.DataFrame) or what.height < _LARGE:
            return NotImplemented
        path = self._directory / f"{next(self._numbers)}.arrow"
        what.write_ipc(path)
        return pl.read_ipc, (path,)
