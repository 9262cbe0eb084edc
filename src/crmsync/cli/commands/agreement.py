"""agreement: the paper that marketing and sales sign, written from the configuration that is running."""

from __future__ import annotations

import sys
from pathlib import Path
from zoneinfo import ZoneInfo

from crmsync.cli.asked import Asked
from crmsync.cli.frame import FINE, answers, session
from crmsync.decisions.agreement import render, render_page
from crmsync.errors import StopConnector


@answers
def execute(asked: Asked, as_page: bool, out: Path | None) -> int:
    now = asked.moment().now
    with session(asked) as at_work:
        workspace = at_work.workspace
        today = now.astimezone(ZoneInfo(workspace.definitions.targets.time_zone)).date()
        write = render_page if as_page else render
        valve = workspace.store.decided.valve()
        paper = write(workspace.definitions, workspace.definitions_digest, at_work.words, today, valve)
    if out is None:
        sys.stdout.write(paper)
    else:
        _keep(paper, out)
    return FINE


def _keep(paper: str, out: Path) -> None:
    """Raises StopConnector where the file cannot be written."""
    try:
        out.write_text(paper, encoding="utf-8")
    except OSError as error:
        raise StopConnector("cli.not_written", file=str(out), why=error.strerror or "") from error
