"""alone: one cycle at a time over all processes and hosts that share a database, with a sign of life while it lasts."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import structlog
from sqlalchemy.exc import OperationalError

from crmsync.errors import StopConnector
from crmsync.store.leases import HOLDS_FOR, Holder, Leases
from crmsync.sync.workspace import Workspace

P = ParamSpec("P")
R = TypeVar("R")

_log = structlog.get_logger("crmsync.sync.lease")

_RENEW_EVERY_SECONDS = HOLDS_FOR.total_seconds() / 4
_PROCESSES = Path("/proc")


@contextmanager
def alone(workspace: Workspace, verb: str) -> Iterator[None]:
    """Nobody else works on these connections meanwhile; every transaction of the workspace's store is fenced. Raises RetryLater
    where somebody does. A holder on this machine that is no more (it was killed) is not waited for."""
    leases = workspace.store.leases
    held = leases.acquire([c.name for c in workspace.connections], Holder(str(Process.this()), verb), is_dead)
    stopping = threading.Event()
    renewing = threading.Thread(target=_renew, args=(leases, stopping), name="crmsync-lease", daemon=True)
    renewing.start()
    try:
        yield
    finally:
        stopping.set()
        renewing.join()
        leases.release(held)


def done_alone(verb: str) -> Callable[[Callable[Concatenate[Workspace, P], R]], Callable[Concatenate[Workspace, P], R]]:
    """For a deed that must not fall into a cycle of somebody else: a cycle has in its hands, and will store, what it read at its
    beginning. Raises RetryLater where one is under way."""

    def made(deed: Callable[Concatenate[Workspace, P], R]) -> Callable[Concatenate[Workspace, P], R]:
        @wraps(deed)
        def in_turn(workspace: Workspace, /, *args: P.args, **kwargs: P.kwargs) -> R:
            with alone(workspace, verb):
                return deed(workspace, *args, **kwargs)

        return in_turn

    return made


def _renew(leases: Leases, stopping: threading.Event) -> None:
    """Show a sign of life: between two commits of a long cycle minutes can pass."""
    while not stopping.wait(_RENEW_EVERY_SECONDS):
        try:
            leases.renew()
        except OperationalError:  # we are writing ourselves, so nobody takes over; or the database is away, and is asked again
            _log.info("lease_not_renewed")
        except StopConnector as error:  # the cycle itself hears of it with its next commit
            _log.warning("lease_lost", code=error.code)
            return


@dataclass(frozen=True, slots=True)
class Process:
    """A process as others on the same machine can tell it from those that come after it. `kernel` names the running system and its
    space of process ids; empty where that cannot be told, and then nobody is declared dead."""

    host: str
    id: int
    started: str
    kernel: str

    def __str__(self) -> str:
        return f"{self.host}:{self.id}" + (f":{self.started}:{self.kernel}" if self.kernel else "")

    @classmethod
    def this(cls) -> Process:
        return cls(socket.gethostname().replace(":", "-"), os.getpid(), _started(os.getpid()), _kernel())


def is_dead(holder: str) -> bool:
    """Whether the process of this name certainly runs no more: it was of this machine, and its id is free or somebody else's."""
    parts = holder.split(":")
    if len(parts) != 4 or parts[3] != _kernel():
        return False
    return _started(int(parts[1])) != parts[2]


def _started(process_id: int) -> str:
    """When a process began, in ticks since the system did; empty for one that is not there or only waits to be buried (proc(5):
    after the name in brackets come state, …, and as twentieth starttime)."""
    try:
        told = (_PROCESSES / str(process_id) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    words = told.rpartition(")")[2].split()
    return "" if words[0] in "ZX" else words[19]


def _kernel() -> str:
    try:
        boot = (_PROCESSES / "sys" / "kernel" / "random" / "boot_id").read_text(encoding="ascii").strip()
        return f"{boot[:8]}-{os.readlink(_PROCESSES / 'self' / 'ns' / 'pid').strip('pid:[]')}"
    except OSError:
        return ""
