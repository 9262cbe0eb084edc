"""The process that bench/crash.py kills: it forks a child for every cycle, so that a death costs no start-up.

    python bench/victim.py FILE     (FILE: every field named in a write is noted there before it is sent)

Reads one JSON object per line: {"directory", "now", "at", "nth"}; `at` names a boundary and `nth` its pass at which the child kills
itself, both null where it is left alone (or killed from outside: its process id is told at once). Answers with two lines per
cycle: {"pid"}, then {"died", "is_complete", "changes", "stopped", "passes"}: codes of what
stopped, and how often each boundary was passed. `passes` are what a child that lived went through.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

_sleep = time.sleep
# Waits between retries are real time, of which a thousand deaths have none to spare. Before anything takes it as a default.
time.sleep = lambda seconds: _sleep(min(seconds, 0.005))

import httpx  # noqa: E402

from crmsync.bootstrap import open_workspace  # noqa: E402
from crmsync.connect.registry import load_plugin, plugin_names  # noqa: E402
from crmsync.errors import CrmsyncError  # noqa: E402
from crmsync.store import Store  # noqa: E402
from crmsync.sync import pipeline  # noqa: E402
from crmsync.sync.workspace import Moment  # noqa: E402

STEPS = ("pull", "reconcile", "normalise", "resolve", "decide", "plan", "keep", "apply", "rest_after", "rested")


faulthandler.register(signal.SIGUSR1, all_threads=True)


def main() -> None:
    for name in plugin_names():
        load_plugin(name)  # imported here, once for all children
    for line in sys.stdin:
        ordered = json.loads(line)
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(reading)
            _live(ordered, writing)
        os.close(writing)
        _tell({"pid": pid})
        told = b"".join(iter(lambda: os.read(reading, 65_536), b""))  # noqa: B023 - read before the next one is made
        os.close(reading)
        _, status = os.waitpid(pid, 0)
        died = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        if not died and not told:
            raise SystemExit(f"the cycle ended with status {status} and said nothing")
        _tell({"died": True} if died else json.loads(told))


def _tell(answer: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _live(ordered: Mapping[str, Any], writing: int) -> None:
    """One cycle, in the child. Ends the process."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # standard output is for answers; logs are not read here
    passes: Counter[str] = Counter()

    def passing(name: str) -> None:
        passes[name] += 1
        if name == ordered["at"] and passes[name] == ordered["nth"]:
            os.kill(os.getpid(), signal.SIGKILL)

    _watch(passing)
    try:
        workspace = open_workspace(Path(ordered["directory"]))
        cycle = pipeline.run_cycle(workspace, Moment(datetime.fromisoformat(ordered["now"]), is_rehearsal=True))
        stopped = [failure.code for failure in (*cycle.pulled.failures, *cycle.applied.failures)]
        told = {"is_complete": cycle.is_complete, "changes": len(cycle.prepared.plan.changes), "stopped": stopped}
    except CrmsyncError as error:
        told = {"is_complete": False, "changes": 0, "stopped": [error.code]}
    with os.fdopen(writing, "w") as out:
        json.dump({"died": False, "passes": passes, **told}, out)
    os._exit(0)


def _watch(passing: Callable[[str], None]) -> None:
    """Have every boundary passed on: before and after each step, around each transaction's commit, around each call."""
    for step in STEPS:
        setattr(pipeline, step, _between(step, getattr(pipeline, step), passing))
    send = httpx.Client.send

    def noted(self: httpx.Client, request: httpx.Request, **how: Any) -> httpx.Response:
        _note(request)
        return send(self, request, **how)

    httpx.Client.send = _between("call", noted, passing)  # type: ignore[method-assign]  # this process is for dying
    transaction = Store.transaction

    @contextmanager
    def watched(self: Store, **how: Any) -> Iterator[Any]:
        with transaction(self, **how) as db:
            yield db
            passing("before commit")
        passing("after commit")

    Store.transaction = watched  # type: ignore[method-assign]


def _note(request: httpx.Request) -> None:
    """Append the host's port and every field name of a write to the notes."""
    if request.method in ("POST", "PATCH", "PUT") and request.headers.get("content-type", "").startswith("application/json"):
        names = sorted(_fields(json.loads(request.read())))
        with Path(sys.argv[1]).open("a", encoding="utf-8") as notes:
            notes.writelines(f"{request.url.port} {name}\n" for name in names)


def _fields(body: Any) -> Iterator[str]:
    """The fields of records in a body: beside Salesforce's `attributes`, or under HubSpot's `properties`."""
    if isinstance(body, list):
        for part in body:
            yield from _fields(part)
    elif isinstance(body, dict):
        if "attributes" in body:
            yield from (name for name in body if name not in ("attributes", "Id", "id"))
        elif isinstance(body.get("properties"), dict):
            yield from body["properties"]
        else:
            for part in body.values():
                yield from _fields(part)


def _between(name: str, deed: Callable[..., Any], passing: Callable[[str], None]) -> Callable[..., Any]:
    def watched(*args: Any, **kwargs: Any) -> Any:
        passing(f"before {name}")
        result = deed(*args, **kwargs)
        passing(f"after {name}")
        return result

    return watched


if __name__ == "__main__":
    main()
