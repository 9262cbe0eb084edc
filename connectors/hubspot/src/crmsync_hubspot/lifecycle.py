"""The lifecycle stage, which HubSpot moves forward only: a step back is answered with success and not made.

    live → wanted     how it is written
    forward, or from empty   one request
    back                     two requests: `""`, then the wanted stage (never in one batch: its order is not kept)

Both ways are read back. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

STAGE = "lifecyclestage"


def must_clear_first(options: Sequence[str], live: str, wanted: str) -> bool:
    """Whether the stage must be emptied before it takes `wanted`. `options` are the portal's stages in their order; a stage
    that is not among them has no place, so it is emptied to be sure."""
    if not live or not wanted or live == wanted:
        return False
    place = {stage: index for index, stage in enumerate(options)}
    if live not in place or wanted not in place:
        return True
    return place[wanted] < place[live]


def clearing(properties: Mapping[str, str]) -> dict[str, str]:
    """The first request: everything else is written with the emptying, so that a refusal leaves the stage as it was."""
    return {**properties, STAGE: ""}


def setting(properties: Mapping[str, str]) -> dict[str, str]:
    """The second request: the stage alone."""
    return {STAGE: properties[STAGE]}
