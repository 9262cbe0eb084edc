"""Test it: every test of the project. Arguments go to pytest."""

from __future__ import annotations

import sys

from environment import ensure, run, say

if __name__ == "__main__":
    interpreter = ensure("dev")
    say("Running the tests on both cores")
    run(interpreter, "-m", "pytest", "-q", "-n", "auto", "--dist", "worksteal", *sys.argv[1:])
