"""How soon the command line answers: `--version` and `--help` beside a bare interpreter, in turns.

What counts is the fastest of each: whatever else the machine does can only add to it. Byte code is there from the first turn on,
as it is wherever crmsync has run once.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from common import Board, asked, leave, take_turns

MOST_BEYOND_MS = 150
SCRIPT = Path(sys.executable).with_name("crmsync")
SURROUNDINGS = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def starting(*command: str | Path) -> Callable[[], object]:
    """A process that starts, answers and ends."""
    words = [str(word) for word in command]
    return lambda: subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env=SURROUNDINGS)


def main() -> None:
    turns = 8 if asked(__doc__ or "").quick else 30
    bare = starting(sys.executable, "-c", "pass")
    board = Board("startup")
    for option in ("--version", "--help"):
        ours = starting(SCRIPT, option)
        ours()  # writes the byte code
        timed = take_turns(bare, ours, turns)
        floor, mine = (min(seconds) * 1000 for seconds in (timed.floor, timed.ours))
        detail = f"{mine:.0f} ms against {floor:.0f} ms: {mine / floor:.1f} times a bare interpreter"
        board.put(f"crmsync {option} beyond a bare interpreter", mine - floor, at_most=MOST_BEYOND_MS, detail=detail, unit=" ms")
    leave(board)


if __name__ == "__main__":
    main()
