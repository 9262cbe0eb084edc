"""A plan as a document that can be kept, read by people and programs, and applied later: whole, with its digest and a seal.

What is applied is never the document: the plan is made anew, and has to have the digest that the document names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from crmsync.errors import StopConnector
from crmsync.model.changes import Association, Change, FieldDiff, Plan
from crmsync.planning.plan import digest

FORMAT = "crmsync-plan/1"


@dataclass(frozen=True, slots=True)
class MadeWith:
    """Under what a plan was made: whether at a rehearsed instant, and the digests of the definitions and of each connection's
    mappings."""

    is_rehearsal: bool = False
    definitions: str = ""
    mappings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeptPlan:
    """What a document says of its plan."""

    digest: str
    now: datetime
    made_with: MadeWith


def document_of(plan: Plan, made_with: MadeWith) -> dict[str, Any]:
    """The plan as JSON values, sealed."""
    told = {"format": FORMAT, **asdict(plan), "made_with": asdict(made_with)}
    plain: dict[str, Any] = json.loads(json.dumps(told, default=_text, ensure_ascii=False))
    return {**plain, "seal": _seal(plain)}


def read_document(told: Any) -> KeptPlan:
    """What the document says. Raises StopConnector where it is no plan of ours, or not as it was made: a digest that is not that
    of its changes, or anything else that was altered."""
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise StopConnector("plan.no_document", wanted=FORMAT)
    plain = {name: value for name, value in told.items() if name != "seal"}
    if told.get("seal") != _seal(plain):
        raise StopConnector("plan.altered", digest=str(told.get("digest")))
    found = digest(change_of(change) for change in plain["changes"])
    if plain["digest"] != found:
        raise StopConnector("plan.altered", digest=str(plain["digest"]))
    return KeptPlan(found, datetime.fromisoformat(plain["now"]), MadeWith(**plain["made_with"]))


def change_of(told: Mapping[str, Any]) -> Change:
    """A change out of its JSON values."""
    raw, stamp = dict(told), told["expected_modified_at"]
    raw["fields"] = tuple(FieldDiff(**diff) for diff in told["fields"])
    raw["associations"] = tuple(Association(**one) for one in told["associations"])
    raw["expected_modified_at"] = datetime.fromisoformat(stamp) if stamp else None
    return Change(**raw)


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _seal(plain: Mapping[str, Any]) -> str:
    """Against slips of an editor, not against malice: who can write the file can seal it. What protects is the plan made anew."""
    return hashlib.sha256(json.dumps(plain, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
