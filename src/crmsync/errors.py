"""Errors, grouped by what the caller should do next. Bugs are not caught, so they have no class here.

    CrmsyncError
    ├── RetryLater       the same thing may go through later, not before `after_seconds`
    ├── SkipRecord       one record cannot be handled; the others go on
    ├── StopConnector    this connection cannot go on until something outside changes; the others go on
    └── FixConfig        the configuration is wrong; every problem found, all at once

Texts are not written here: an error carries a message code and its parameters, and `crmsync.messages` says it in ja or en.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


class CrmsyncError(Exception):
    """Something that an operator can act on. `code` names the sentence in the message catalogue."""

    def __init__(self, code: str, /, **params: Any) -> None:
        super().__init__(f"{code}: " + ", ".join(f"{k}={v}" for k, v in params.items()) if params else code)
        self.code = code
        self.params: Mapping[str, Any] = params


class RetryLater(CrmsyncError):
    """The remote side asked for patience, or did not answer."""

    def __init__(self, code: str, /, *, after_seconds: float, **params: Any) -> None:
        super().__init__(code, **params)
        self.after_seconds = after_seconds


class SkipRecord(CrmsyncError):
    """One record is set aside with its reason."""


class StopConnector(CrmsyncError):
    """This connection stops for this run: credentials, permissions, a daily quota, an open breaker."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a configuration: where (1-based line and column), what, and what to do about it."""

    file: str
    line: int
    column: int
    code: str
    params: Mapping[str, Any] = field(default_factory=dict)


class FixConfig(CrmsyncError):
    """The configuration cannot be used. `problems` holds everything found, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("config.invalid", count=len(problems))
        self.problems = tuple(sorted(problems, key=lambda p: (p.file, p.line, p.column, p.code)))
