"""What every command shares: opening the workspace, and turning errors into words and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import orjson

from crmsync.cli.asked import Asked
from crmsync.cli.logs import log_to_standard_error
from crmsync.errors import CrmsyncError, FixConfig
from crmsync.messages import Language, say

if TYPE_CHECKING:
    from rich.console import Console

    from crmsync.sync.workspace import Workspace

FINE, FAILED, WRONG = 0, 1, 2
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Session:
    """A command at work: the wired application, and the language it answers in."""

    workspace: Workspace
    words: Language


def answers(command: Callable[Concatenate[Asked, P], int]) -> Callable[Concatenate[Asked, P], int]:
    """A command whose errors become words and an exit code. Bugs stay tracebacks."""

    @wraps(command)
    def run(asked: Asked, /, *args: P.args, **kwargs: P.kwargs) -> int:
        log_to_standard_error()
        try:
            return command(asked, *args, **kwargs)
        except FixConfig as error:
            complain(error, asked.complaints())
            return WRONG
        except CrmsyncError as error:
            complain(error, asked.complaints())
            return FAILED

    return run


def complain(error: CrmsyncError, languages: tuple[Language, ...]) -> None:
    """An error that someone can act on, on standard error: for a configuration every problem as file:line:column, what is
    wrong and what to do."""
    problems = error.problems if isinstance(error, FixConfig) else ()
    lines = [
        f"{problem.file}:{problem.line}:{problem.column}: {say(problem.code, language, **problem.params)}"
        for problem in problems
        for language in languages
    ]
    lines += [say(error.code, language, **error.params) for language in languages]
    sys.stderr.write("\n".join(lines) + "\n")


def print_json(value: Any) -> None:
    """One JSON document on standard output; instants as ISO 8601 in UTC. Its shapes are in docs/json.md."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z
    sys.stdout.write(orjson.dumps(value, option=options, default=str).decode() + "\n")


def terminal(*, on_error: bool = False) -> Console:
    """Where people read. What stands in a CRM is printed as it is: a name in brackets is no markup."""
    from rich.console import Console

    return Console(stderr=on_error, markup=False, emoji=False, highlight=False)


@contextmanager
def session(asked: Asked, *, unsigned_too: bool = False) -> Iterator[Session]:
    """The application that the configuration describes, closed afterwards. `unsigned_too`: for a command that runs no rules,
    although signatures are asked for and missing."""
    from crmsync.bootstrap import open_workspace

    opened = open_workspace(asked.config, unsigned_too=unsigned_too)
    try:
        yield Session(opened.at(asked.moment().now), asked.words(opened.language))
    finally:
        opened.close()
