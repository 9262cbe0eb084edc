"""Check it: format, lint, types and import contracts: everything a change must pass beside the tests."""

from __future__ import annotations

from environment import ensure, python, run, say

SOURCES = ("conftest.py", "src", "connectors", "tests", "bench", "script")

if __name__ == "__main__":
    interpreter = ensure("dev")
    say("Format and lint (ruff)")
    run(interpreter, "-m", "ruff", "format", "--check", *SOURCES)
    run(interpreter, "-m", "ruff", "check", *SOURCES)
    say("Types (mypy --strict)")
    run(interpreter, "-m", "mypy", "src", "connectors/salesforce/src", "connectors/hubspot/src", "script")
    say("Imports point down only (import-linter)")
    run(python().with_name("lint-imports"), "--no-cache")
    say("All checks passed")
