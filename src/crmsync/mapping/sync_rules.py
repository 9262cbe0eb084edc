"""The words for a field's policy: our four, and the four sync rules of HubSpot's Salesforce connector that admins know.

The connector's rules name a side: what each does depends on which of the two CRMs the field is in. Here the values that pass are
not copied from field to field, they are decisions made from both sides; a rule says what becomes of them on arrival.

    rule                             a field of Salesforce                a field of the other CRM
    Prefer Salesforce unless blank   fill_if_blank                        crmsync_owns, no wish leaves it
    Always use Salesforce            source_wins                          crmsync_owns, no wish clears it
    Two-way                          newest_wins                          newest_wins
    Don't sync                       source_wins                          source_wins

Into Salesforce the first writes only where nothing stands and the second never; in the other CRM both overwrite what stands
there. Only "always" carries a blank across: under "prefer", a blank in Salesforce is what the other side may fill.
https://knowledge.hubspot.com/salesforce/map-hubspot-properties-to-salesforce-fields
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from crmsync.model.changes import Policy

WhenNone = Literal["clear", "leave"]


@dataclass(frozen=True, slots=True)
class WritePolicy:
    """A policy, and what a wish of None does where the mapping does not say."""

    policy: Policy
    when_none: WhenNone


_OURS = {policy: WritePolicy(policy, "clear" if policy == "crmsync_owns" else "leave") for policy in get_args(Policy)}
# Rule → (its policy for a field of Salesforce, for a field of the other CRM).
_CONNECTOR: Mapping[str, tuple[WritePolicy, WritePolicy]] = {
    "Prefer Salesforce unless blank": (WritePolicy("fill_if_blank", "leave"), WritePolicy("crmsync_owns", "leave")),
    "Always use Salesforce": (WritePolicy("source_wins", "leave"), WritePolicy("crmsync_owns", "clear")),
    "Two-way": (WritePolicy("newest_wins", "leave"), WritePolicy("newest_wins", "leave")),
    "Don't sync": (WritePolicy("source_wins", "leave"), WritePolicy("source_wins", "leave")),
}
WORDS: tuple[str, ...] = (*_OURS, *_CONNECTOR)
"""Every word for a policy, as it is written in messages and documents."""


def write_policy(word: str, crm: str) -> WritePolicy | None:
    """What a word for a policy means in a mapping of this CRM, None where it is no such word. Capitals, hyphens, underscores and
    the shape of the apostrophe do not matter."""
    known = _MEANT.get(_folded(word))
    return known and known[0 if crm == "salesforce" else 1]


def is_one_sided(word: str) -> bool:
    """Whether this is a rule of the connector by which Salesforce's value alone counts."""
    return _folded(word) in ("prefer salesforce unless blank", "always use salesforce")


def _folded(word: str) -> str:
    return re.sub(r"[\s_-]+", " ", re.sub("['’]", "", word)).strip().casefold()


_MEANT = {_folded(name): sides for name, sides in ({name: (both, both) for name, both in _OURS.items()} | dict(_CONNECTOR)).items()}
