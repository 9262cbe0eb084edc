"""agreement: the paper that marketing and sales sign, written from the configuration that is running."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from crmsync.bootstrap import other_rules
from crmsync.cli.asked import Asked
from crmsync.cli.frame import FINE, answers, session
from crmsync.decisions.agreed_rules import NOT_RUNNING, Stands
from crmsync.decisions.agreement import render, render_page
from crmsync.decisions.signing import Rules
from crmsync.errors import StopConnector


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which paper: as a page, of other rules than those in force, only its digest; and the file it is kept in."""

    as_page: bool = False
    digest_only: bool = False
    rules: Path | None = None
    out: Path | None = None


@answers
def execute(asked: Asked, wanted: Wanted) -> int:
    now, out = asked.moment().now, wanted.out
    with session(asked, unsigned_too=True) as at_work:
        workspace = at_work.workspace
        in_force = Rules(workspace.definitions, workspace.definitions_digest)
        rules = in_force if wanted.rules is None else other_rules(asked.config, wanted.rules)
        today = now.astimezone(ZoneInfo(rules.definitions.targets.time_zone)).date()
        write = render_page if wanted.as_page else render
        kept = workspace.store.decided
        stands = Stands(kept.valve(), kept.veto()) if wanted.rules is None else NOT_RUNNING
        paper = rules.digest + "\n" if wanted.digest_only else write(rules, workspace.team, at_work.words, today, stands)
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
