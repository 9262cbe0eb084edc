"""How many faults in `decisions/` its tests find: a sample of the mutants that mutmut makes, run against the tests that reach them.

    python bench/mutation.py [--quick] [--sample N] [--seed S] [--only MODULE] [--mutant NAME ...] [--tests PATH ...]
                             [--patience SECONDS] [--reach FILE]

The sample is drawn evenly from all mutants, so that its share of killed ones is the mutation score, with an interval (Wilson,
95 %). Only `tests/decisions` judge. A mutant that makes the tests take five times their processor time counts as killed, one that
no test reaches as survived. Survivors are printed with what differs. `--sample 0` takes every mutant. Linux only.

mutmut is not in the environment by itself: `.venv/bin/pip install --require-hashes -r requirements/mutation.txt`.
"""

from __future__ import annotations

import argparse
import math
import os
import pickle
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common import Board, leave, say
from judges import Judges, Reach, Verdict
from mutants import Mutant, mutants_of

os.environ.setdefault("POLARS_MAX_THREADS", "1")

ROOT = Path(__file__).parents[1]
PACKAGE = "crmsync.decisions"
FOLDER = ROOT / "src" / "crmsync" / "decisions"
TESTS = ("tests/decisions",)
TARGET = 85.0
NORMAL_95 = 1.959964

SURVIVED: tuple[Verdict, ...] = ("survived", "unreached")
KILLED: tuple[Verdict, ...] = ("killed", "timeout")
COLUMNS: tuple[Verdict, ...] = ("killed", "timeout", "survived", "unreached", "unjudged")


@dataclass(frozen=True, slots=True)
class Judged:
    mutant: Mutant
    verdict: Verdict


def main() -> None:
    given = _asked()
    os.chdir(ROOT)
    board = Board("mutation")
    drawn, of = _drawn(given)
    modules = {f"{PACKAGE}.{file.stem}": file for file in FOLDER.glob("*.py")}
    judges = Judges(tuple(given.tests), modules, _known(given.reach), given.patience)
    begun = time.monotonic()
    judges.open()
    if judges.reach.failed:
        sys.exit(f"these tests fail without a fault: {', '.join(judges.reach.failed)}")
    if given.reach:
        given.reach.write_bytes(pickle.dumps(judges.reach))
    tests = judges.reach.seconds
    say(f"{len(tests)} tests, {sum(tests.values()):.0f} s of processor; {len(drawn)} of {of:,} mutants")
    judged = [_told(Judged(mutant, judges.judge(mutant))) for mutant in drawn]
    judges.close()
    _by_module(judged)
    _score(board, judged, time.monotonic() - begun)
    leave(board)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="40 mutants")
    parser.add_argument("--sample", type=int, default=None, help="how many mutants, 0 for all (300)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="mutants of one module")
    parser.add_argument("--mutant", nargs="*", default=[], help="these, by the names that the survivors are printed under")
    parser.add_argument("--tests", nargs="*", default=TESTS, help="the tests that judge (all of them)")
    parser.add_argument("--patience", type=float, default=math.inf, help="seconds; tests that take longer do not judge")
    parser.add_argument("--reach", type=Path, help="a file of ours that keeps what the tests reach; believed when it is there")
    given = parser.parse_args()
    if given.sample is None:
        given.sample = 40 if given.quick else 300
    return given


def _known(file: Path | None) -> Reach | None:
    if file is None or not file.exists():
        return None
    reach: Reach = pickle.loads(file.read_bytes())
    return reach


def _drawn(given: argparse.Namespace) -> tuple[list[Mutant], int]:
    """The sample, module by module, and how many there were to draw from."""
    names = {name.partition(".")[0] for name in given.mutant}
    wanted = [file for file in sorted(FOLDER.glob(f"{given.only or '*'}.py")) if not names or file.stem in names]
    every = [mutant for file in wanted for mutant in mutants_of(file, f"{PACKAGE}.{file.stem}")]
    if given.mutant:
        return [mutant for mutant in every if mutant.name in given.mutant], len(every)
    if not 0 < given.sample < len(every):
        return every, len(every)
    at = sorted(random.Random(given.seed).sample(range(len(every)), given.sample))
    return [every[n] for n in at], len(every)


def _told(judged: Judged) -> Judged:
    """Print what survived as soon as it has."""
    if judged.verdict not in KILLED:
        say(f"\n{judged.verdict}: {judged.mutant.name}\n{judged.mutant.diff()}")
    return judged


def _by_module(judged: Sequence[Judged]) -> None:
    say("\n" + f"{'module':16}" + "".join(f"{verdict:>10}" for verdict in COLUMNS) + f"{'score':>8}")
    modules = sorted({one.mutant.file.stem for one in judged})
    for module in modules:
        found = Counter(one.verdict for one in judged if one.mutant.file.stem == module)
        killed, known = _killed(found)
        score = f"{100 * killed / known:7.0f}%" if known else ""
        say(f"{module:16}" + "".join(f"{found[verdict]:10}" for verdict in COLUMNS) + score)


def _killed(found: Counter[Verdict]) -> tuple[int, int]:
    """How many were killed, of how many with a verdict."""
    killed = sum(found[verdict] for verdict in KILLED)
    return killed, killed + sum(found[verdict] for verdict in SURVIVED)


def _score(board: Board, judged: Sequence[Judged], seconds: float) -> None:
    killed, known = _killed(Counter(one.verdict for one in judged))
    low, high = wilson(killed, known)
    detail = f"{killed} of {known} mutants; 95 %: {100 * low:.1f} to {100 * high:.1f}; {seconds:.0f} s"
    board.put("mutation score", 100 * killed / known if known else 0.0, at_least=TARGET, detail=detail, unit=" %")
    board.put("mutants without a verdict", len(judged) - known)


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The interval that holds the share with 95 % (Wilson's score interval); everything over nothing."""
    if not of:
        return 0.0, 1.0
    share, z = hits / of, NORMAL_95
    middle = share + z * z / (2 * of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (middle - half) / (1 + z * z / of), (middle + half) / (1 + z * z / of)


if __name__ == "__main__":
    main()
