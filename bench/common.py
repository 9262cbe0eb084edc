"""What every bench shares: a floor and us timed in one run, figures beside their targets, one summary on the last line.

A machine's speed changes from minute to minute, a ratio hardly: so the floor and we take turns, and what counts is the median
of the ratios of neighbours. Absolute figures stand beside it for whoever compares with another machine.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Literal

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Asked:
    """How a bench was called. `only` names one part of it (a CRM, a size); empty means all."""

    quick: bool
    only: str


def asked(description: str, parts: tuple[str, ...] = ()) -> Asked:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="small sizes, at most a minute")
    parser.add_argument("--only", choices=parts, default="", help="one part only")
    given = parser.parse_args()
    return Asked(given.quick, given.only)


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds by the wall's clock, and of this process on a processor."""

    wall: float
    processor: float


@dataclass(frozen=True, slots=True)
class Turns:
    """What the floor and we took, turn by turn."""

    floors: tuple[Took, ...]
    mine: tuple[Took, ...]

    @property
    def floor(self) -> tuple[float, ...]:
        """Seconds of the floor by the wall's clock."""
        return tuple(took.wall for took in self.floors)

    @property
    def ours(self) -> tuple[float, ...]:
        """Ours likewise."""
        return tuple(took.wall for took in self.mine)

    @property
    def times_the_floor(self) -> float:
        """How many times as long as the floor we take: the median over the turns."""
        return median(mine / theirs for mine, theirs in zip(self.ours, self.floor, strict=True))

    @property
    def share_of_a_core(self) -> float:
        """How much of our time we were on a processor: far less than one, and somebody else had the machine."""
        return median(took.processor / took.wall for took in self.mine)

    @property
    def share_of_the_floor(self) -> float:
        """Our throughput in parts of the floor's."""
        return 1.0 / self.times_the_floor

    def shown(self, units: int = 0, unit: str = "") -> str:
        """Both medians in seconds, and as a rate where `units` says how many were done. Beside the wall's clock stands what our own
        processor time was (the server's is in neither): it hardly moves with what else the machine does."""
        mine, theirs = median(self.ours), median(self.floor)
        rate = f"; {units / mine:,.0f} against {units / theirs:,.0f} {unit}/s" if units else ""
        worked, floor_worked = (median(took.processor for took in side) for side in (self.mine, self.floors))
        busy = f"; processor {worked:.3f} s against {floor_worked:.3f} s"
        crowded = f"; only {self.share_of_a_core:.0%} of a core: others were at work here" if self.share_of_a_core < _ALONE else ""
        return f"{mine:.3f} s against {theirs:.3f} s{rate}{busy}{crowded}"


_ALONE = 0.5
"""A run that had less of a core than this did not have the machine for itself: its ratio says little."""


def take_turns(
    floor: Callable[[], object], ours: Callable[[], object], turns: int, before: Callable[[], object] = lambda: None
) -> Turns:
    """Time both, one after the other, `turns` times; `before` each turn comes what belongs to neither."""
    timed = []
    for _ in range(turns):
        before()
        timed.append((_took(floor), _took(ours)))
    return Turns(tuple(theirs for theirs, _ in timed), tuple(mine for _, mine in timed))


def _took(work: Callable[[], object]) -> Took:
    gc.collect()
    begun, worked = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - begun, time.process_time() - worked)


Sense = Literal["at least", "at most"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number beside what it must reach. Without a target it is told, not judged."""

    name: str
    value: float
    sense: Sense = "at most"
    target: float | None = None
    detail: str = ""
    unit: str = ""

    @property
    def is_met(self) -> bool:
        return self.target is None or (self.value >= self.target if self.sense == "at least" else self.value <= self.target)

    def shown(self) -> str:
        verdict = "    " if self.target is None else ("ok  " if self.is_met else "MISS")
        wanted = "" if self.target is None else f"  ({self.sense} {_plain(self.target)}{self.unit})"
        detail = f"  {self.detail}" if self.detail else ""
        return f"{verdict} {self.name}: {_plain(self.value)}{self.unit}{wanted}{detail}"


@dataclass(slots=True)
class Board:
    """What one run of a bench measured."""

    name: str
    figures: list[Figure] = field(default_factory=list)

    def __post_init__(self) -> None:
        say(f"{self.name} on {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}")

    def put(
        self,
        name: str,
        value: float,
        *,
        at_least: float | None = None,
        at_most: float | None = None,
        detail: str = "",
        unit: str = "",
    ) -> None:
        """Tell a figure as soon as it is there."""
        sense: Sense = "at most" if at_least is None else "at least"
        self.figures.append(Figure(name, value, sense, at_most if at_least is None else at_least, detail, unit))
        say(self.figures[-1].shown())

    def close(self) -> int:
        """The summary on the last line; the exit code: 1 where a target is missed."""
        judged = [figure for figure in self.figures if figure.target is not None]
        missed = [figure for figure in judged if not figure.is_met]
        names = "; missed: " + ", ".join(f"{figure.name} {_plain(figure.value)}" for figure in missed) if missed else ""
        say(f"{self.name}: {len(judged) - len(missed)} of {len(judged)} targets met{names}")
        return 1 if missed else 0


def say(line: str) -> None:
    print(line, flush=True)


def _plain(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def resident_mib() -> float:
    """Memory of this process that is in RAM now."""
    return _status("VmRSS") / 1024


def peak_mib() -> float:
    """The most it ever was since `forget_peak`."""
    return _status("VmHWM") / 1024


def forget_peak() -> None:
    """Let the peak start anew from what is resident now. Linux only, like the figures themselves."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        key, _, rest = line.partition(":")
        if key == name:
            return int(rest.split()[0])
    raise OSError(f"this system does not say {name}")


def leave(board: Board) -> None:
    sys.exit(board.close())
