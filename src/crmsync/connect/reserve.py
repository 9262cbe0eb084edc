"""The reserve: the share of a day's calls that is left to the account's other tools. Who exhausts the day breaks all of them.

What is left goes to what is promised. Three kinds of work stop one after the other, as the day runs out:

    reading     stops where the reserve begins
    writing     field values go on into half of the reserve
    promised    SLA tasks go out to the last call: somebody waits for them

Pure. What is left is the vendor's word, told by the client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from crmsync.errors import StopConnector

Work = Literal["reading", "writing", "promised"]

# How much of the reserve each kind of work leaves alone. Our choice.
KEPT: Mapping[Work, float] = {"reading": 1.0, "writing": 0.5, "promised": 0.0}
RESERVE_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Allowance:
    """A day's calls of the whole account: `limit` of them, `left` by the vendor's last word."""

    left: int
    limit: int


class ReserveReached(StopConnector):
    """This kind of work rests until the account has calls again; what is more pressing goes on."""


def is_reached(allowance: Allowance, reserve_share: float, work: Work) -> bool:
    """Whether `work` has to rest. `reserve_share` is the reserve's share of the day's limit."""
    kept = KEPT[work]
    return kept > 0 and allowance.left < allowance.limit * reserve_share * kept
