"""The people of the sandbox: a seeded population with a past, actors on a virtual clock, and the truth about all of them.

What happens here happens in the two CRMs as their users would do it; nothing reads crmsync's own code or database.
"""

from __future__ import annotations

from crmsync.sandbox.world.config import Actors, RepTempers, Shares, Staff, WorldConfig
from crmsync.sandbox.world.roster import Rep, roster
from crmsync.sandbox.world.truth import TrueAct, TrueApproach, TrueOpportunity, TruePerson, TrueRecord, TrueTouch, Truth
from crmsync.sandbox.world.world import World

__all__ = [
    "Actors",
    "Rep",
    "RepTempers",
    "Shares",
    "Staff",
    "TrueAct",
    "TrueApproach",
    "TrueOpportunity",
    "TruePerson",
    "TrueRecord",
    "TrueTouch",
    "Truth",
    "World",
    "WorldConfig",
    "roster",
]
