"""The portal's object types and the association types between them, as tables (vendor's object and association guides)."""

from __future__ import annotations

from dataclasses import dataclass

from crmsync.sandbox.hubspot.errors import PortalError


@dataclass(frozen=True, slots=True)
class ObjectType:
    """One object type. `modified` and `created` name the properties of its times; `search_defaults` answer bare searches."""

    name: str
    singular: str
    type_id: str
    scope: str
    created: str
    modified: str
    required: tuple[str, ...]
    search_defaults: tuple[str, ...]
    engagement: bool = False


_ENGAGED = ("hs_createdate", "hs_lastmodifieddate", "hs_object_id")
_DEFAULTS = {
    "contacts": ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"),
    "companies": ("name", "domain", "createdate", "hs_lastmodifieddate", "hs_object_id"),
    "deals": ("dealname", "amount", "closedate", "pipeline", "dealstage", "createdate", "hs_lastmodifieddate", "hs_object_id"),
    "tickets": ("subject", "content", "hs_pipeline", "hs_pipeline_stage", "createdate", "hs_lastmodifieddate", "hs_object_id"),
    "leads": ("createdate", "hs_lastmodifieddate", "hs_object_id"),
}
_ROWS = """
contacts       contact       0-1   contacts   createdate    lastmodifieddate    -
companies      company       0-2   companies  createdate    hs_lastmodifieddate -
deals          deal          0-3   deals      createdate    hs_lastmodifieddate dealname,dealstage
tickets        ticket        0-5   tickets    createdate    hs_lastmodifieddate subject,hs_pipeline_stage
communications communication 0-18  contacts   hs_createdate hs_lastmodifieddate hs_timestamp,hs_communication_channel_type
tasks          task          0-27  contacts   hs_createdate hs_lastmodifieddate hs_timestamp
notes          note          0-46  contacts   hs_createdate hs_lastmodifieddate hs_timestamp
meetings       meeting       0-47  contacts   hs_createdate hs_lastmodifieddate hs_timestamp
calls          call          0-48  contacts   hs_createdate hs_lastmodifieddate hs_timestamp
emails         email         0-49  contacts   hs_createdate hs_lastmodifieddate hs_timestamp,hs_email_direction
leads          lead          0-136 leads      createdate    hs_lastmodifieddate hs_lead_name
"""


def _object_type(row: str) -> ObjectType:
    name, singular, type_id, scope, created, modified, required = row.split()
    needs = () if required == "-" else tuple(required.split(","))
    return ObjectType(
        name, singular, type_id, scope, created, modified, needs, _DEFAULTS.get(name, _ENGAGED), created == "hs_createdate"
    )


TYPES = {kind.name: kind for kind in map(_object_type, _ROWS.strip().splitlines())}
_BY_WORD = {word: kind for kind in TYPES.values() for word in (kind.name, kind.singular, kind.type_id)}


def object_type(word: str) -> ObjectType:
    """The type called `word`: plural, singular or type id. Raises PortalError 400 for any other word."""
    kind = _BY_WORD.get(word.lower())
    if kind is None:
        raise PortalError(400, "VALIDATION_ERROR", f"Unable to infer object type from: {word}")
    return kind


@dataclass(frozen=True, slots=True)
class Pair:
    """The vendor's type ids between two object types; `primary` is 0 where the pair knows no primary."""

    default: int
    primary: int = 0


_PAIR_ROWS = """
contacts companies 279 280 1 2
contacts deals 4 3 0 0
contacts tickets 15 16 0 0
companies deals 342 341 6 5
companies tickets 340 339 0 0
deals tickets 27 28 0 0
tasks contacts 204 203 0 0
tasks companies 192 191 0 0
tasks deals 216 215 0 0
tasks tickets 230 229 0 0
tasks leads 647 646 0 0
calls contacts 194 193 0 0
calls companies 182 181 0 0
calls deals 206 205 0 0
calls leads 597 596 0 0
emails contacts 198 197 0 0
emails companies 186 185 0 0
emails deals 210 209 0 0
meetings contacts 200 199 0 0
meetings companies 188 187 0 0
meetings deals 212 211 0 0
meetings leads 601 600 0 0
notes contacts 202 201 0 0
notes companies 190 189 0 0
notes deals 214 213 0 0
notes leads 855 854 0 0
leads contacts 608 609 578 579
leads companies 610 611 580 581
leads deals 1037 1036 0 0
communications contacts 81 82 0 0
communications companies 87 88 0 0
communications deals 85 86 0 0
"""
_UNLISTED_BASE = 9_000
"""Pairs outside the vendor's published table get ids from here, so that they cannot be mistaken for published ones."""


def _pairs() -> dict[tuple[str, str], Pair]:
    pairs: dict[tuple[str, str], Pair] = {}
    for row in _PAIR_ROWS.strip().splitlines():
        near, far, forth, back, primary, primary_back = row.split()
        pairs[near, far] = Pair(int(forth), int(primary))
        pairs[far, near] = Pair(int(back), int(primary_back))
    return pairs


PAIRS = _pairs()


def pair(near: ObjectType, far: ObjectType) -> Pair:
    """The type ids from `near` to `far`."""
    known = PAIRS.get((near.name, far.name))
    if known is not None:
        return known
    order = list(TYPES)
    return Pair(_UNLISTED_BASE + order.index(near.name) * len(order) + order.index(far.name))
