"""What is asked of every command alike. Imported for `--help`, so nothing heavy is loaded before it is needed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crmsync.errors import FixConfig
    from crmsync.messages import Language
    from crmsync.sync.workspace import Moment


@dataclass(frozen=True, slots=True)
class Asked:
    """What every command can be asked: the configuration directory, the instant of a rehearsal, JSON, a language."""

    config: Path = Path()
    now: str | None = None
    as_json: bool = False
    language: str | None = None

    def words(self, default: Language) -> Language:
        """The language to speak. Raises FixConfig for one that is not spoken."""
        from crmsync.messages import LANGUAGES

        if self.language is None:
            return default
        for language in LANGUAGES:
            if self.language == language:
                return language
        raise _wrong("--language", "cli.bad_language", self.language)

    def complaints(self) -> tuple[Language, ...]:
        """The languages of an error: the one asked for; all of them where none was."""
        from crmsync.messages import LANGUAGES

        wanted = self.language or os.environ.get("CRMSYNC_LANGUAGE")
        return tuple(language for language in LANGUAGES if language == wanted) or LANGUAGES

    def moment(self) -> Moment:
        """The instant of this command: the one given, a rehearsal then, else the wall clock's. Raises FixConfig where `--now` is
        no instant with a zone."""
        from crmsync import bootstrap
        from crmsync.sync.workspace import Moment

        if self.now is None:
            return Moment(bootstrap.wall_clock())
        return Moment(parse_instant(self.now), is_rehearsal=True)


def parse_instant(text: str, option: str = "--now") -> datetime:
    """An ISO 8601 instant with its zone, in UTC. Raises FixConfig for anything else."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise _wrong(option, "cli.bad_instant", text)
    return at.astimezone(UTC)


def _wrong(option: str, code: str, value: str) -> FixConfig:
    from crmsync.errors import FixConfig, Problem

    return FixConfig([Problem(option, 1, 1, code, {"value": value})])
