"""The year before day zero: every person's past as a process on the timeline, so that all stamps come about by themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from crmsync.sandbox.world.dice import Dice
from crmsync.sandbox.world.hubspot_desk import PAGES
from crmsync.sandbox.world.person import Case, Person
from crmsync.sandbox.world.roster import Rep
from crmsync.sandbox.world.scene import Scene
from crmsync.sandbox.world.talk import bant_of, promised, summary
from crmsync.sandbox.world.timeline import Process
from crmsync.sandbox.world.worktime import day_of, next_working

LOST_REASONS = {"timing": 0.30, "budget": 0.25, "competitor": 0.20, "no_decision": 0.15, "no_need": 0.05, "other": 0.05}
REJECTION_REASONS = {"timing": 0.40, "budget": 0.20, "unreachable": 0.20, "no_need": 0.12, "other": 0.08}
KIND_REASONS = {"student": "student", "competitor": "competitor", "personal": "personal_use"}
DELAY_DAYS = {"timing": 90, "no_decision": 60, "competitor": 185, "budget": 90}
"""About how long each reason keeps a case out (the rules' defaults; budget waits for the fiscal year and is only near)."""

_WORKED = ("attempted", "rejected", "active", "stale", "lost", "won")


@dataclass(frozen=True, slots=True)
class Past:
    """When a person's past happened: `appeared_at` before `worked_at` before `ended_at`, all before day zero."""

    story: str
    appeared_at: datetime
    worked_at: datetime
    ended_at: datetime
    reason: str = ""


def populate(scene: Scene) -> None:
    """Live through the year before day zero. The clock must not be past its beginning; it stands at day zero afterwards.

    Raises ValueError when the clock is too late.
    """
    config = scene.config
    if scene.now > config.begins_at:
        raise ValueError(f"the clock is at {scene.now.isoformat()}, past the world's beginning {config.begins_at.isoformat()}")
    scene.clock.advance_to(config.begins_at)
    for desk in (scene.salesforce, scene.hubspot):
        if desk:
            desk.open_office(scene.reps)
    for index in range(config.population):
        dice = scene.dice("past", index)
        past = _past(scene, dice)
        scene.timeline.spawn(_before(config.day_zero, _live(scene, index, past, dice)), past.appeared_at)
    _leavers_go(scene)
    scene.timeline.play_to(config.day_zero)


def _before(end: datetime, process: Process) -> Process:
    """The process as far as it goes before `end`."""
    for at in process:
        if at >= end:
            return
        yield at


def _past(scene: Scene, dice: Dice) -> Past:
    story = dice.weighted(scene.config.shares.story)
    zero = scene.config.day_zero
    if story not in _WORKED:
        days = dice.between(0.5, 21) if story == "fresh" else dice.between(21, 355)
        appeared = zero - timedelta(seconds=round(days * 86_400))
        return Past(story, appeared, appeared, appeared)
    reason = dice.weighted({"rejected": REJECTION_REASONS, "lost": LOST_REASONS}.get(story, {"": 1.0}))
    ended = zero - _age(scene, dice, story, reason)
    worked = ended - dice.days(15, 45) if story in ("lost", "won") else ended - dice.days(0.1, 4)
    appeared = worked - dice.days(6.5, 55)
    return Past(story, appeared, worked, next_working(ended), reason)


def _age(scene: Scene, dice: Dice, story: str, reason: str) -> timedelta:
    """How long before day zero the story ended: for some, so that the reason's delay ends within sixty days after it."""
    if story in ("lost", "rejected") and dice.chance(scene.config.shares.ending_soon):
        return dice.days(max(4, DELAY_DAYS.get(reason, 90) - 56), DELAY_DAYS.get(reason, 90) - 4)
    ages = {"attempted": (3, 30), "rejected": (10, 240), "active": (5, 40), "stale": (60, 180), "lost": (10, 240), "won": (15, 240)}
    return dice.days(*ages[story])


def _leavers_go(scene: Scene) -> None:
    """Those who have left by day zero leave ten days before it; until then they are ordinary colleagues."""
    for rep in scene.reps:
        if not rep.is_active:
            scene.timeline.later(scene.config.day_zero - timedelta(days=10), lambda rep=rep: scene.leave(rep))  # type: ignore[misc]  # binds now


# ----------------------------------------------------------------------------------------------------------------- a life


def _live(scene: Scene, index: int, past: Past, dice: Dice) -> Process:
    person = scene.meet(index, past.story)
    scene.enter(person, owner=_first_owner(scene, past, dice))
    if person.human.missing:
        return
    yield from _ordinary_touches(scene, person, past, dice)
    yield from _mishap(scene, person, dice)
    if person.opted_out or past.story not in _WORKED:
        yield from _recent_interest(scene, person, dice)
        return
    rep = dice.pick(scene.staff("inside_sales"))
    person.interest = "warm" if past.story in ("attempted", "active") else "cold"
    if person.human.kind != "ordinary":
        yield past.ended_at
        scene.desk_of(person).reject(person, rep, KIND_REASONS[person.human.kind])
        return
    yield next_working(past.worked_at)
    yield from _worked(scene, person, past, rep, dice)


def _first_owner(scene: Scene, past: Past, dice: Dice) -> Rep | None:
    """Who owns the Salesforce record at first: the queue, marketing, or a rep; now and then the one who has left since."""
    leavers = [rep for rep in scene.reps if not rep.is_active and scene.is_here(rep)]
    if leavers and dice.chance(scene.config.shares.inactive_owner / 0.6):  # only some are in Salesforce and early enough
        return leavers[0]
    if dice.chance(0.35):
        return None
    return dice.pick(scene.staff("marketing" if past.story in ("fresh", "nurtured") or dice.chance(0.4) else "inside_sales"))


def _ordinary_touches(scene: Scene, person: Person, past: Past, dice: Dice) -> Process:
    """A few visits soon after they came to be known."""
    for _ in range(dice.whole(0, {"hot": 3, "warm": 2, "cold": 1}[person.human.interest])):
        visit = scene.now + dice.days(0.02, 2.5)
        if visit >= min(past.worked_at + timedelta(days=1), scene.config.day_zero):
            return
        yield visit
        touch(scene, person, dice, {"page_view": 0.7, "case_page": 0.3})


def _recent_interest(scene: Scene, person: Person, dice: Dice) -> Process:
    """The hot ones have been busy on the site in the last days; the warm ones looked around once."""
    if person.interest == "cold" or person.opted_out or person.human.kind != "ordinary":
        return
    hot = person.interest == "hot"
    start = max(scene.now, scene.config.day_zero - dice.days(*((1, 9) if hot else (5, 60))))
    for _ in range(dice.whole(2, 4) if hot else 1):
        if start >= scene.config.day_zero:
            return
        yield start
        touch(scene, person, dice, {"pricing_page": 0.6, "case_page": 0.4} if hot else {"case_page": 0.5, "page_view": 0.5})
        start += dice.days(0.01, 2)
    if hot and dice.chance(0.5):
        ask(scene, person, "quote_request" if dice.chance(0.4) else "document_request")
    person.hot_until = scene.now + timedelta(days=scene.config.hot_lasts_days) if hot else None


def _mishap(scene: Scene, person: Person, dice: Dice) -> Process:
    """Some opt out, some addresses die; where both CRMs hold the person, only one of them need know."""
    shares = scene.config.shares
    fate = dice.weighted({"opted_out": shares.opted_out, "bounced": shares.bounced, "": 1.0 - shares.opted_out - shares.bounced})
    if not fate or not person.email:
        return
    at = scene.now + dice.days(0.5, 3)
    if at >= scene.config.day_zero:
        return
    yield at
    desk = dice.pick([desk for desk in scene.desks if (person.hubspot if desk is scene.hubspot else person.in_salesforce)])
    if fate == "bounced":
        desk.bounce(person)
    else:
        person.opted_out = True
        desk.opt_out(person)
    desk.note(person, fate)


# ------------------------------------------------------------------------------------------------------------------ work


def _worked(scene: Scene, person: Person, past: Past, rep: Rep, dice: Dice) -> Process:
    """What inside sales did; from acceptance on, the others too."""
    desk = scene.desk_of(person)
    if past.story in ("attempted", "rejected"):
        reached = past.story == "rejected" and past.reason != "unreachable"
        for _ in range(1 if reached else dice.whole(1, 3)):
            desk.call(person, rep, connected=reached)
            yield next_working(scene.now + dice.days(0.05, 1.2))
        if past.story == "rejected":
            yield max(scene.now, past.ended_at)
            desk.reject(person, rep, past.reason)
        return
    desk.call(person, rep, connected=True, talk=summary(person))
    yield next_working(scene.now + dice.minutes(10, 60))
    desk.accept(person, rep, bant_of(dice), summary(person))
    seller = dice.pick(scene.staff("field_sales"))
    case = scene.open_case(person, seller, amount(dice, person))
    yield next_working(scene.now + dice.days(1, 4))
    desk.meet(person, seller, "初回商談")
    yield from _closed(scene, person, case, past, seller, dice)


def _closed(scene: Scene, person: Person, case: Case, past: Past, seller: Rep, dice: Dice) -> Process:
    desk = scene.desk_of(person)
    for _ in range(dice.whole(1, 3)):
        yield next_working(scene.now + dice.days(1, 4))
        desk.advance_case(case, seller)
    if past.story in ("active", "stale"):
        case.is_pursued = False
        return
    yield max(scene.now, past.ended_at)
    if past.story == "lost":
        desk.lose_case(person, case, seller, past.reason)
        return
    months = 12 if dice.chance(0.7) else 6
    desk.win_case(person, case, seller, day_of(scene.now) + timedelta(days=30 * months), promised(dice))
    yield from _customer(scene, person, dice)


def _customer(scene: Scene, person: Person, dice: Dice) -> Process:
    """Customer success takes over, mostly; some are called again and again, others not for more than ninety days."""
    desk, keeper = scene.desk_of(person), dice.pick(scene.staff("customer_success"))
    yield next_working(scene.now + dice.days(0.5, 4))
    if dice.chance(scene.config.shares.acknowledged):
        desk.give_to(person, keeper, scene.staff("field_sales")[0])
        desk.acknowledge(person, keeper)
        desk.meet(person, keeper, "キックオフ")
    forgotten = dice.chance(scene.config.shares.uncalled_customer)
    until = scene.config.day_zero - timedelta(days=92 if forgotten else 0)
    while (at := next_working(scene.now + dice.days(20, 60))) < until:
        yield at
        desk.call(person, keeper, connected=dice.chance(0.8))


# --------------------------------------------------------------------------------------------------- shared with the actors


def touch(scene: Scene, person: Person, dice: Dice, kinds: Mapping[str, float]) -> None:
    """A look at the site, if the site can know them."""
    if scene.hubspot and person.hubspot:
        kind = dice.weighted(dict(kinds))
        scene.hubspot.view(person, kind, dice.pick(PAGES[kind]))


def ask(scene: Scene, person: Person, kind: str) -> None:
    """A form sent: document_request, quote_request or seminar. Whoever HubSpot did not know, it knows now."""
    if scene.hubspot and person.email:
        scene.hubspot.submit(person, kind)


def amount(dice: Dice, person: Person) -> int:
    """Yen, by the company's size."""
    employees = person.human.company.employees if person.human.company else 10
    return round(300_000 * (1 + math.sqrt(employees)) * dice.between(0.6, 1.6) / 10_000) * 10_000
