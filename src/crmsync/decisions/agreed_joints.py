"""The chapter of the agreement about the joints: who owns each on either side, and which of the agreed rules it goes by."""

from __future__ import annotations

from crmsync.decisions.agreed_words import Chapter, Line, Words
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.joints import OWNERS, Joint, Joints, Side
from crmsync.messages import name_of


def joints(definitions: Definitions, words: Words) -> Chapter:
    """Every joint: from whom to whom, by what, with what, by when, and what becomes of whoever is not taken."""
    agreed = definitions.joints
    rows = tuple(_joint(agreed, joint, words) for joint in agreed.joints)
    head = words.head("joint", "sender", "receiver", "entry", "carries", "clock", "fallback")
    fails = [Line(words("joint.fails")), Line(conditions=agreed.fails_on)] if agreed.fails_on else []
    return Chapter(words("chapter.joints"), (Line(words("joint.intro")), Line(head=head, rows=rows), *fails))


def _joint(agreed: Joints, joint: Joint, words: Words) -> tuple[str, ...]:
    by = words.named("entry", joint.entry) if joint.entry else words.all([_reason(reason, words) for reason in joint.reasons])
    carries = words.all([name_of("item", item, words.language) for item in joint.carries])
    sides = (_side(joint.sender, words), _side(joint.receiver, words))
    return (_title(joint, words), *sides, by, carries, words.clock(joint.clock), _fallback(agreed, joint, words))


def _side(side: Side, words: Words) -> str:
    return words("joint.side", department=words.department(side.department), owner=side.owner)


def _title(joint: Joint, words: Words) -> str:
    return str(getattr(joint.title, words.language))


def _reason(reason: str, words: Words) -> str:
    """A kind of reasons, or one of them."""
    kind = words.named("return", reason)
    return kind if kind != reason else words.named("reason", reason)


def _fallback(agreed: Joints, joint: Joint, words: Words) -> str:
    if joint.fallback is None:
        return "—"
    others = [_title(other, words) for other in agreed.joints if other.name == joint.fallback]
    return words("joint.for_owners") if joint.fallback == OWNERS else words("joint.goes_on", joint=words.all(others))
