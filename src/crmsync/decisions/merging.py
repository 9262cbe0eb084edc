"""Two persons turn out to be one: whose phase, owner and clocks stand. The one who is further on; what a person decided for good
outranks what is under way, and a customer stays a customer."""

from __future__ import annotations

PRECEDENCE = ("unidentified", "inquiry", "recycled", "closed_lost", "mql", "sql", "disqualified", "closed_won")
"""Every phase, the weakest first. Someone at work outranks someone waiting: the work goes on, and its clock with it."""


def outranks(phase: str | None, other: str | None) -> bool:
    """Whether the first phase stands where two persons become one. None: nothing was decided of that person yet."""
    return phase is not None and (other is None or PRECEDENCE.index(phase) > PRECEDENCE.index(other))
