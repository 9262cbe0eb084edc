"""check: the whole configuration, every problem at once. Contacts nothing."""

from __future__ import annotations

import sys

from crmsync.bootstrap import Configuration, read_configuration
from crmsync.cli.asked import Asked
from crmsync.cli.frame import FINE, WRONG, answers, print_json, terminal
from crmsync.errors import FixConfig, Problem
from crmsync.messages import LANGUAGES, say


@answers
def execute(asked: Asked) -> int:
    try:
        read = read_configuration(asked.config, with_shadow=True)
    except FixConfig as error:
        if not asked.as_json:
            raise
        print_json({"ok": False, "problems": [_problem(p) for p in error.problems], "notices": [], "counts": None})
        return WRONG
    counts = _counts(read)
    if asked.as_json:
        print_json({"ok": True, "problems": [], "notices": [_problem(p) for p in read.unsigned], "counts": counts})
    else:
        words = asked.words(read.settings.language)
        terminal().print(say("cli.check_fine", words, **counts))
        for notice in read.unsigned:
            sys.stderr.write(f"{notice.file}:{notice.line}:{notice.column}: {say(notice.code, words, **notice.params)}\n")
        if read.unsigned:
            sys.stderr.write(say("cli.check_unsigned", words) + "\n")
    return FINE


def _counts(read: Configuration) -> dict[str, int]:
    return {
        "connections": len(read.settings.connections),
        "rules": len(read.definitions.scoring.names),
        "reps": len(read.team.reps),
        "mappings": sum(len(mappings) for mappings in read.mappings.values()),
    }


def _problem(problem: Problem) -> dict[str, object]:
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "code": problem.code,
        **{language: say(problem.code, language, **problem.params) for language in LANGUAGES},
    }
