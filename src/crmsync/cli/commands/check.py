"""check: the whole configuration, every problem at once. Contacts nothing."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from crmsync.bootstrap import read_configuration
from crmsync.cli.frame import FINE, WRONG, answers, chosen_language, print_json
from crmsync.errors import FixConfig, Problem
from crmsync.messages import LANGUAGES, say


@answers
def execute(config: Path, as_json: bool, language: str | None) -> int:
    try:
        read = read_configuration(config)
    except FixConfig as error:
        if not as_json:
            raise
        print_json({"ok": False, "problems": [_problem(p) for p in error.problems]})
        return WRONG
    counts = {
        "connections": len(read.settings.connections),
        "rules": len(read.definitions.scoring.names),
        "reps": len(read.team.reps),
        "mappings": sum(len(mappings) for mappings in read.mappings.values()),
    }
    if as_json:
        print_json({"ok": True, "problems": [], **counts})
    else:
        Console().print(say("cli.check_fine", chosen_language(language, read.settings.language), **counts))
    return FINE


def _problem(problem: Problem) -> dict[str, object]:
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "code": problem.code,
        **{language: say(problem.code, language, **problem.params) for language in LANGUAGES},
    }
