"""What guards halted, in words and as JSON, and who may let it go."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import asdict
from typing import Any

from crmsync.errors import FixConfig, Problem
from crmsync.messages import Language, say
from crmsync.model.changes import Plan
from crmsync.sync.guard import Approval


def alarms(plan: Plan, language: Language) -> None:
    """Each connection to which nothing is written, with why and what to do, on standard error."""
    for connection in sorted(plan.halted):
        told = [say(f"alarm.{alarm.guard}", language, **asdict(alarm)) for alarm in plan.alarms if alarm.connection == connection]
        sentence = say("guard.halted", language, connection=connection, alarms="; ".join(told), digest=plan.digest)
        sys.stderr.write(sentence + "\n")


def alarms_json(plan: Plan) -> list[dict[str, Any]]:
    return [asdict(alarm) for alarm in plan.alarms]


def withheld_json(plan: Plan) -> list[dict[str, Any]]:
    """How many changes were withheld, by connection and reason."""
    counted = Counter((one.change.connection, one.why) for one in plan.withheld)
    return [{"connection": connection, "why": why, "count": count} for (connection, why), count in sorted(counted.items())]


def approval_of(by: str | None, because: str | None) -> Approval:
    """Who releases and why. Raises FixConfig where one of them is not said."""
    if not (by and by.strip() and because and because.strip()):
        raise FixConfig([Problem("--by, --because", 1, 1, "guard.needs_approval")])
    return Approval(by.strip(), because.strip())
