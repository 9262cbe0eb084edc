"""Those outside: they look at the site, ask for documents and quotes, ring us, warm up, cool down, and come back."""

from __future__ import annotations

from datetime import datetime, timedelta

from crmsync.sandbox.world.dice import Dice
from crmsync.sandbox.world.person import Person
from crmsync.sandbox.world.population import DELAY_DAYS, ask, touch
from crmsync.sandbox.world.scene import Scene
from crmsync.sandbox.world.timeline import Process
from crmsync.sandbox.world.worktime import next_working

_LOOKS = {
    "hot": {"pricing_page": 0.40, "case_page": 0.25, "page_view": 0.35},
    "warm": {"pricing_page": 0.08, "case_page": 0.27, "page_view": 0.65},
    "cold": {"pricing_page": 0.02, "case_page": 0.08, "page_view": 0.90},
}
_ASKS = {
    "hot": {"document_request": 0.16, "quote_request": 0.08, "seminar": 0.05, "call": 0.03},
    "warm": {"document_request": 0.05, "quote_request": 0.005, "seminar": 0.06, "call": 0.01},
    "cold": {"document_request": 0.01, "quote_request": 0.0, "seminar": 0.02, "call": 0.0},
}
_VISITS_PER_QUARTER = 13  # weeks


def start(scene: Scene) -> None:
    """Everybody goes on looking around from day zero; those whose case ended in the past may come back."""
    for person in scene.people.values():
        begin(scene, person)
        for act in scene.truth.acts(person.key, "rejected"):
            may_return(scene, person, act.detail)
    for opportunity in scene.truth.opportunities():
        if opportunity.status == "lost" and opportunity.lost_reason:
            may_return(scene, scene.people[opportunity.person], opportunity.lost_reason)


def begin(scene: Scene, person: Person) -> None:
    """Set going one person's visits."""
    if person.email and "name" not in person.human.missing:
        dice = scene.dice("visits", person.key)
        scene.timeline.spawn(_browse(scene, person, dice), scene.now + _pause(scene, person, dice))


def _pause(scene: Scene, person: Person, dice: Dice) -> timedelta:
    return dice.wait(7 / scene.config.visits_per_week[person.interest])


def _browse(scene: Scene, person: Person, dice: Dice) -> Process:
    while True:
        _mood(scene, person, dice)
        yield from _visit(scene, person, dice)
        yield scene.now + _pause(scene, person, dice)


def _mood(scene: Scene, person: Person, dice: Dice) -> None:
    """Interest fades; now and then someone warms up."""
    if person.interest == "hot" and person.hot_until and scene.now > person.hot_until:
        person.interest = "warm"
    elif person.interest == "hot" and not person.hot_until:
        person.hot_until = scene.now + timedelta(days=scene.config.hot_lasts_days)
    elif person.interest != "hot":
        weekly = scene.config.visits_per_week[person.interest]
        if dice.chance(min(0.5, scene.config.warms_up_per_quarter / (weekly * _VISITS_PER_QUARTER))):
            heat(scene, person) if person.interest == "warm" else setattr(person, "interest", "warm")


def heat(scene: Scene, person: Person) -> None:
    """The person has a need now."""
    person.interest = "hot"
    person.hot_until = scene.now + timedelta(days=scene.config.hot_lasts_days)


def _visit(scene: Scene, person: Person, dice: Dice) -> Process:
    """A few pages, and perhaps a request at the end."""
    interest = person.interest
    for _ in range(dice.whole(1, 4 if interest == "hot" else 2)):
        touch(scene, person, dice, _LOOKS[interest])
        yield scene.now + dice.minutes(0.5, 4)
    wanted = dice.weighted(_ASKS[interest] | {"": 1.0 - sum(_ASKS[interest].values())})
    if wanted == "call":
        at = next_working(scene.now)
        if at > scene.now:
            yield at + dice.minutes(5, 90)
        ring(scene, person, dice)
    elif wanted:
        yield from request(scene, person, wanted, dice)


def ring(scene: Scene, person: Person, dice: Dice) -> None:
    """They call the office; whoever of inside sales picks up writes it down."""
    scene.desk_of(person).call_in(person, dice.pick(scene.staff("inside_sales")))


def request(scene: Scene, person: Person, kind: str, dice: Dice) -> Process:
    """A form sent; whoever signs up for a seminar also comes, some days later. New to HubSpot, they reach Salesforce by sync."""
    known = bool(person.hubspot)
    ask(scene, person, kind)
    if not known and person.hubspot and scene.config.actors.native_sync:
        sync(scene, person, dice)
    if kind == "seminar" and scene.salesforce and person.in_salesforce and dice.chance(0.7):
        yield next_working(scene.now + dice.days(1, 6))
        scene.salesforce.respond(person, scene.seminar(), "seminar")


def sync(scene: Scene, person: Person, dice: Dice) -> None:
    """The native sync links, or copies, a HubSpot contact within a quarter of an hour."""
    if scene.salesforce and scene.hubspot:
        scene.timeline.later(scene.now + dice.minutes(2, 15), lambda: sync_now(scene, person))


def sync_now(scene: Scene, person: Person) -> None:
    """A person who has a Salesforce record of the same address is linked to it, else copied as a new Lead."""
    if scene.salesforce is None or scene.hubspot is None:
        return
    if person.contact:
        scene.hubspot.link(person, salesforcecontactid=person.contact)
    elif not person.in_salesforce:
        scene.copy_now(person, None)
    else:
        scene.hubspot.link(person, salesforceleadid=person.leads[0])


def may_return(scene: Scene, person: Person, reason: str) -> None:
    """Some of those who were rejected or lost come back by themselves, half of them only after the reason's delay is over."""
    share = scene.config.returns_per_quarter.get(reason, 0.0)
    dice = scene.dice("return", person.key, person.next_act())
    if not dice.chance(share) or not person.email:
        return
    ended = max([act.at for act in scene.truth.acts(person.key, "rejected")] + [_closed(scene, person)])
    late = ended + timedelta(days=DELAY_DAYS.get(reason, 90)) + dice.days(1, 25)
    soon = scene.now + dice.days(10, 45)
    at = late if late > scene.now and (ended <= scene.config.day_zero or dice.chance(0.5)) else soon
    scene.timeline.spawn(_return(scene, person, dice), at)


def _closed(scene: Scene, person: Person) -> datetime:
    return max((o.closed_at for o in scene.truth.opportunities(person.key) if o.closed_at), default=scene.config.begins_at)


def _return(scene: Scene, person: Person, dice: Dice) -> Process:
    """A fresh look at the prices, and a request for documents."""
    if person.opted_out or person.is_customer or (person.case and person.case.is_open):
        return
    heat(scene, person)
    scene.desk_of(person).note(person, "came_back")
    for _ in range(dice.whole(1, 3)):
        touch(scene, person, dice, {"pricing_page": 0.7, "case_page": 0.3})
        yield scene.now + dice.minutes(1, 5)
    if scene.hubspot:
        yield from request(scene, person, "quote_request" if dice.chance(0.3) else "document_request", dice)
    elif dice.chance(0.5):
        yield next_working(scene.now)
        ring(scene, person, dice)
    elif scene.salesforce:
        scene.salesforce.respond(person, scene.seminar(), "seminar")
