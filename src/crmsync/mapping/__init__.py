"""Field mappings as values, both directions: a vendor's record in, entities out; wishes in, vendor values out.

A mapping is YAML that an admin can read, compiled once (`crmsync.config.mappings`) into the frozen values of `values`.
Data never raises here: what does not fit becomes `Rejected`, what cannot be written is named with its reason.
No clock, no network, no rule about leads.
"""

from crmsync.mapping.codecs import marked
from crmsync.mapping.equality import canonical, same
from crmsync.mapping.normalise import Reader, Seen, again_at, normalise
from crmsync.mapping.render import Unrendered, render
from crmsync.mapping.values import (
    Case,
    Condition,
    CustomField,
    EntityMapping,
    ObjectMapping,
    Question,
    ReadField,
    RefTarget,
    TaskMapping,
    WriteField,
)

__all__ = [
    "Case",
    "Condition",
    "CustomField",
    "EntityMapping",
    "ObjectMapping",
    "Question",
    "ReadField",
    "Reader",
    "RefTarget",
    "Seen",
    "TaskMapping",
    "Unrendered",
    "WriteField",
    "again_at",
    "canonical",
    "marked",
    "normalise",
    "render",
    "same",
]
