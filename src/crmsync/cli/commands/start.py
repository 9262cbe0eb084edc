"""start: cycles on schedule, until told to stop."""

from __future__ import annotations

import sys
from pathlib import Path

from crmsync.cli.frame import FINE, answers, chosen_language, workspace
from crmsync.messages import say


@answers
def execute(config: Path, language: str | None) -> int:
    from crmsync.bootstrap import wall_clock
    from crmsync.schedule.local import serve

    with workspace(config) as opened:
        words = chosen_language(language, opened.language)
        sys.stderr.write(say("cli.started", words) + "\n")
        serve(opened, wall_clock)
        sys.stderr.write(say("cli.stopped_cleanly", words) + "\n")
    return FINE
