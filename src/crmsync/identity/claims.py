"""What people set in several records of one person, each with when: whose word stands.

A time is *certain* where the field's history gives it, and *possible* where only the record's stamp does: then the field was set at
that time or before, but after `since`, when it was last known to show its former value.

    certain and possible   the certain one; unless the possible one is surely later: its `since` is not before the certain time
    two of a kind          the later one; at one instant the greater record ref
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby


@dataclass(frozen=True, slots=True)
class Claim:
    """One record's word for one thing. `record` is the text of its ref; `since` None: nothing is known of before."""

    person_id: str
    source: str
    record: str
    value: str
    at: datetime
    is_certain: bool
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """The claim that stands, and those that it was preferred to, in the order of records."""

    claim: Claim
    over: tuple[Claim, ...] = ()


def settle(claims: Iterable[Claim]) -> Iterator[Settlement]:
    """One settlement for each person and thing that is claimed, sorted by them. The order of the claims does not matter."""
    ordered = sorted(claims, key=lambda claim: (claim.person_id, claim.source, claim.record))
    for _, rivals in groupby(ordered, key=lambda claim: (claim.person_id, claim.source)):
        mine = list(rivals)
        best = _best(mine)
        yield Settlement(best, tuple(claim for claim in mine if claim is not best))


def _best(claims: list[Claim]) -> Claim:
    certain = [claim for claim in claims if claim.is_certain]
    if not certain:
        return _latest(claims)
    best = _latest(certain)
    later = [claim for claim in claims if not claim.is_certain and claim.since is not None and claim.since >= best.at]
    return _latest(later or [best])


def _latest(claims: list[Claim]) -> Claim:
    return max(claims, key=lambda claim: (claim.at, claim.record))
