"""What every command shares: opening the workspace, the instant, and turning errors into messages and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import orjson
import structlog

from crmsync.errors import CrmsyncError, FixConfig
from crmsync.messages import LANGUAGES, Language, say

if TYPE_CHECKING:
    from crmsync.sync.workspace import Workspace

FINE, FAILED, WRONG = 0, 1, 2
P = ParamSpec("P")


def answers(command: Callable[P, int]) -> Callable[P, int]:
    """A command whose errors become a message and an exit code. Bugs stay tracebacks."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> int:
        quiet_logs()
        try:
            return command(*args, **kwargs)
        except FixConfig as error:
            show_problems(error)
            return WRONG
        except CrmsyncError as error:
            complain(error)
            return FAILED

    return run


def show_problems(error: FixConfig) -> None:
    """file:line:column, what is wrong, what to do: one line each on standard error, in both languages."""
    for problem in error.problems:
        place = f"{problem.file}:{problem.line}:{problem.column}"
        for language in LANGUAGES:
            sys.stderr.write(f"{place}: {say(problem.code, language, **problem.params)}\n")
    for language in LANGUAGES:
        sys.stderr.write(say(error.code, language, **error.params) + "\n")


def complain(error: CrmsyncError, language: Language | None = None) -> None:
    """An error that someone can act on, on standard error."""
    for chosen in (language,) if language else LANGUAGES:
        sys.stderr.write(say(error.code, chosen, **error.params) + "\n")


def instant(text: str | None) -> tuple[datetime, bool]:
    """(the instant of this command, whether it is a rehearsal). Raises FixConfig where --now is no instant with a zone."""
    if text is None:
        from crmsync.bootstrap import wall_clock

        return wall_clock(), False
    return parse_instant(text), True


def parse_instant(text: str) -> datetime:
    """An ISO 8601 instant with its zone. Raises FixConfig for anything else."""
    from crmsync.errors import Problem

    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise FixConfig([Problem("--now", 1, 1, "cli.bad_instant", {"value": text})])
    return at.astimezone(UTC)


def chosen_language(text: str | None, default: Language) -> Language:
    """The language asked for. Raises FixConfig for one that is not spoken."""
    from crmsync.errors import Problem

    if text is None:
        return default
    for language in LANGUAGES:
        if text == language:
            return language
    raise FixConfig([Problem("--language", 1, 1, "cli.bad_language", {"value": text})])


def print_json(value: Any) -> None:
    """One JSON document on standard output; instants as ISO 8601 in UTC."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z
    sys.stdout.write(orjson.dumps(value, option=options, default=str).decode() + "\n")


def quiet_logs() -> None:
    """Logs go to standard error, one line per event, so that standard output stays what was asked for."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.LogfmtRenderer(key_order=["level", "event"], sort_keys=True),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


@contextmanager
def workspace(config: Path) -> Iterator[Workspace]:
    """The wired application of a configuration directory, closed afterwards."""
    from crmsync.bootstrap import open_workspace

    opened = open_workspace(config)
    try:
        yield opened
    finally:
        opened.close()
