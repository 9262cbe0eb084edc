"""Tests as judges of mutants: collected once, and run for each mutant in a fork of the process that has collected them.

A fork must not inherit a pool of threads that it has not: Polars starts its pool with the first frame it works on, so no test may
do that where it is collected, and this is checked. The warm way puts the faulty code into the function that is there already. Where
the function has run while the tests were collected, its results stand in their modules: then the cold way is taken, a fork of the
bare process that reads the faulty module instead of the true one and collects anew.
"""

from __future__ import annotations

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import math
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, Literal

import holidays  # noqa: F401 - read before the first fork, like the other large ones
import polars as pl  # noqa: F401
import pydantic  # noqa: F401
import pytest
import sqlglot  # noqa: F401
from hypothesis import HealthCheck, Phase, settings

from mutants import Mutant, Place, code_of

Verdict = Literal["killed", "survived", "timeout", "unreached", "unjudged"]

WALL_SECONDS = 1_800.0
"""A fork that neither ends nor works within this time is ended without a verdict: no mutant of pure code can wait for anything."""

TIMES, LEAST_SECONDS, COLLECTING = 5.0, 20.0, 60.0
"""A mutant hangs when its tests take so many times their seconds of processor, and so many more; collecting takes some."""

QUIETLY = ("-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
"""No cache, and no word about what was read before pytest began."""

MEMORY = 4 * 1024**3
"""Bytes that a mutant may take beyond what the process has: an endless list must not take the machine with it."""


@dataclass(slots=True)
class Reach:
    """Which test reaches which function and takes how long, in seconds of processor; which functions ran while collecting."""

    seconds: dict[str, float] = field(default_factory=dict)
    tests: dict[Place, set[str]] = field(default_factory=dict)
    collecting: set[Place] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)

    def judges(self, place: Place) -> list[str]:
        """The tests that reach a function, the quickest first."""
        return sorted(self.tests.get(place, ()), key=lambda test: (self.seconds[test], test))


@dataclass(slots=True)
class Judges:
    """The collected tests in a process of their own, which forks for each mutant."""

    tests: tuple[str, ...]
    modules: Mapping[str, Path]
    known: Reach | None = None
    """What the tests reach, where that has been found out before."""
    patience: float = math.inf
    """Seconds of processor: tests that take longer do not judge."""
    reach: Reach = field(default_factory=Reach)
    _line: Connection | None = None

    def open(self) -> None:
        """Collect, and run every test once without a fault to see what it reaches."""
        ours, theirs = Pipe()
        if os.fork() == 0:
            ours.close()
            _leave_quietly(_Bench(theirs, self.tests, self.modules, self.known).work)
        theirs.close()
        self._line = ours
        self.reach = ours.recv()

    def close(self) -> None:
        if self._line is not None:
            self._line.close()

    def judge(self, mutant: Mutant) -> Verdict:
        """What becomes of a mutant under the tests that reach it."""
        judges = [test for test in self.reach.judges(mutant.place) if self.reach.seconds[test] <= self.patience]
        if not judges:
            return "unreached"
        limit = LEAST_SECONDS + TIMES * sum(self.reach.seconds[test] for test in judges)
        if mutant.place not in self.reach.collecting:
            assert self._line is not None
            self._line.send(_Case(mutant.place, mutant.source(), str(mutant.file), judges, limit))
            verdict: Verdict | None = self._line.recv()
            if verdict is not None:
                return verdict
        files = sorted({test.partition("::")[0] for test in judges})
        return _in_a_fork(lambda: _cold(mutant, files, judges), limit + COLLECTING)


@dataclass(frozen=True, slots=True)
class _Case:
    """One mutant, as it goes to the process that forks: whom to judge, by which tests, with how many seconds of processor."""

    place: Place
    source: str
    file: str
    judges: Sequence[str]
    limit: float


@dataclass(slots=True)
class _Bench:
    """The plug-in that takes the place of pytest's loop over the tests: it waits for mutants instead."""

    line: Connection
    tests: Sequence[str]
    modules: Mapping[str, Path]
    known: Reach | None
    collecting: set[Place] = field(default_factory=set)

    def work(self) -> None:
        """Collect, from the first import on under watch, and judge until nobody asks any more."""
        watch = _Watch(self.modules)
        self.collecting = watch.seen
        sys.settrace(watch)
        _collected(self.tests, self)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        sys.settrace(None)
        if any(name.startswith("polars-0") for name in _threads()):
            raise pytest.UsageError("a test module works on a frame while it is collected, so that no process can be forked")
        reach = self.known or _whole(session, self.modules)
        reach.collecting = self.collecting
        for place in reach.collecting - reach.tests.keys():
            reach.tests[place] = set(reach.seconds)
        self.line.send(reach)
        items = {item.nodeid: item for item in session.items}
        while True:
            try:
                case: _Case = self.line.recv()
            except EOFError:
                return True
            self.line.send(_warm(session, case, [items[test] for test in case.judges]))


class _Watch:
    """Notes which functions are called, wherever in them (a comprehension, a lambda) the call goes."""

    def __init__(self, modules: Mapping[str, Path]) -> None:
        self.seen: set[Place] = set()
        self._files = {str(file): (name, _spans(file)) for name, file in modules.items()}
        self._known: dict[CodeType, Place | None] = {}

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if event != "call":
            return
        code = frame.f_code
        if code not in self._known:
            self._known[code] = self._place(code)
        place = self._known[code]
        if place is not None:
            self.seen.add(place)

    def _place(self, code: CodeType) -> Place | None:
        module, spans = self._files.get(code.co_filename, ("", {}))
        return next((Place(module, name) for name, span in spans.items() if code.co_firstlineno in span), None)


def _spans(file: Path) -> dict[str, range]:
    """The lines of each function and method."""
    found: dict[str, range] = {}
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        for part in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(part, ast.FunctionDef):
                name = part.name if part is node else f"{getattr(node, 'name', '')}.{part.name}"
                first = min([part.lineno, *(decorator.lineno for decorator in part.decorator_list)])
                found[name] = range(first, (part.end_lineno or first) + 1)
    return found


def _whole(session: pytest.Session, modules: Mapping[str, Path]) -> Reach:
    """Every test once, watched, in a fork: the process that goes on forking must have worked on no frame."""
    ours, theirs = Pipe()
    child = os.fork()
    if child == 0:
        _leave_quietly(lambda: theirs.send(_watched(session, modules)))
    theirs.close()
    reach: Reach = ours.recv()
    os.waitpid(child, 0)
    return reach


def _watched(session: pytest.Session, modules: Mapping[str, Path]) -> Reach:
    reach = Reach()
    watch = _Watch(modules)
    for item in session.items:
        failed, begun = session.testsfailed, time.process_time()
        watch.seen = set()
        sys.settrace(watch)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        sys.settrace(None)
        reach.seconds[item.nodeid] = time.process_time() - begun
        for place in watch.seen:
            reach.tests.setdefault(place, set()).add(item.nodeid)
        if session.testsfailed > failed:
            reach.failed.append(item.nodeid)
    return reach


def _swap(case: _Case) -> Callable[[], None] | None:
    """How to put the faulty code where the true one is; None where the fault lies outside the code (a default) or needs cells."""
    found: Any = sys.modules[case.place.module]
    for name in case.place.function.split("."):
        found = vars(found)[name]
    function = getattr(found, "__func__", found)
    code = code_of(compile(case.source, case.file, "exec"), case.place.function)
    if not isinstance(function, FunctionType) or function.__code__ == code or function.__code__.co_freevars != code.co_freevars:
        return None
    return lambda: setattr(function, "__code__", code)


def _warm(session: pytest.Session, case: _Case, items: Sequence[pytest.Item]) -> Verdict | None:
    """The verdict by the tests that stand here; None where only the cold way has one."""
    swap = _swap(case)
    if swap is None:
        return None

    def work() -> None:
        swap()
        _run(session, items)

    return _in_a_fork(work, case.limit)


def _cold(mutant: Mutant, files: Sequence[str], judges: Sequence[str]) -> None:
    sys.meta_path.insert(0, _Faulty(mutant))
    status = _collected(files, _Only(judges))
    if status != pytest.ExitCode.OK:
        os._exit(1)


@dataclass(slots=True)
class _Only:
    """Runs the named tests in the order of the names, up to the first that fails."""

    names: Sequence[str]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        if session.testsfailed or any(name not in items for name in self.names):
            os._exit(1)
        _run(session, [items[name] for name in self.names])
        return True


class _Faulty(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Reads the faulty module where the true one is asked for."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(self, fullname: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._mutant.place.module:
            return None
        return importlib.util.spec_from_file_location(fullname, self._mutant.file, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._mutant.source(), str(self._mutant.file), "exec"), vars(module))


def _run(session: pytest.Session, items: Sequence[pytest.Item]) -> None:
    """Run tests up to the first that fails, and leave the process with 1 then."""
    for item in items:
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        if session.testsfailed:
            os._exit(1)


def _collected(tests: Sequence[str], plugin: object) -> int:
    """Collect tests and leave the rest to the plug-in. Draws are the same each time; a failing one is neither kept nor made
    smaller, and may take its time: a crowded machine must not kill."""
    settings.register_profile(
        "judges",
        database=None,
        deadline=None,
        derandomize=True,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    return int(pytest.main([*QUIETLY, "--hypothesis-profile=judges", *tests], plugins=[plugin]))


def _in_a_fork(work: Callable[[], object], limit: float) -> Verdict:
    """Do the work in a fork with `limit` seconds of processor."""
    child = os.fork()
    if child == 0:
        seconds = math.ceil(limit)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
        resource.setrlimit(resource.RLIMIT_AS, (_address_space() + MEMORY,) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _leave_quietly(work)
    return _verdict(child)


def _verdict(child: int) -> Verdict:
    end = time.monotonic() + WALL_SECONDS
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            break
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "unjudged"
        time.sleep(0.01)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL):
        return "timeout"
    return "survived" if status == 0 else "killed"


def _leave_quietly(work: Callable[[], object]) -> None:
    """Work without a word, and end the process: 0, or 1 where the work raised whatever it be (Rust's panics are no exceptions)."""
    said = os.open(os.environ.get("JUDGES_LOG", os.devnull), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(said, 1)
    os.dup2(said, 2)
    try:
        work()
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _threads() -> Iterator[str]:
    for task in Path("/proc/self/task").iterdir():
        yield (task / "comm").read_text(encoding="ascii").strip()


def _address_space() -> int:
    """Bytes of address space that this process has."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
