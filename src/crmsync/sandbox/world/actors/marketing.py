"""Marketing: new people every day, a trade show now and then, a mailing every other week."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from crmsync.sandbox.world.actors import visitors
from crmsync.sandbox.world.dice import Dice
from crmsync.sandbox.world.person import Person
from crmsync.sandbox.world.scene import Scene
from crmsync.sandbox.world.timeline import Process
from crmsync.sandbox.world.worktime import day_of, opening

_SHOW_START = 1_000_000
"""Numbers of people met at shows start here, those of daily newcomers at the population's end: neither shifts the other."""
_SHOW_STEP = 100_000


def start(scene: Scene) -> None:
    """Newcomers, shows and mailings from day zero on."""
    scene.timeline.spawn(_newcomers(scene, scene.dice("newcomers")))
    for number, day in enumerate(scene.config.trade_show_days):
        if scene.salesforce:
            date = day_of(scene.config.day_zero) + timedelta(days=day)
            scene.timeline.spawn(_show(scene, number, scene.dice("show", number)), opening(date))
    if scene.hubspot and scene.config.mailing_days:
        scene.timeline.spawn(_mailings(scene), opening(day_of(scene.now) + timedelta(days=2)))


def _newcomers(scene: Scene, dice: Dice) -> Process:
    """One after another, at any hour, as people come."""
    index = scene.config.population
    if not scene.config.intake_per_day:
        return
    while True:
        yield scene.now + dice.wait(1 / scene.config.intake_per_day)
        _arrive(scene, scene.meet(index, "new", shown=False))
        index += 1


def _arrive(scene: Scene, person: Person) -> None:
    """They come by the web mostly; the native sync copies most of them into Salesforce within a quarter of an hour."""
    dice = scene.dice("arrival", person.key)
    if person.human.placement == "salesforce" or not scene.hubspot:
        scene.enter(person)
    else:
        scene.enter_web(person)
        copied = dice.chance(scene.config.shares.native_sync) and not person.human.missing
        if copied and scene.config.actors.native_sync and scene.salesforce:
            if dice.chance(0.85):
                person.human = replace(person.human, link="salesforceleadid")
            scene.timeline.later(scene.now + dice.minutes(2, 15), lambda: scene.copy_now(person, None))
    if scene.config.actors.visitors:
        visitors.begin(scene, person)


def _show(scene: Scene, number: int, dice: Dice) -> Process:
    """A burst of cards, straight into Salesforce, within one afternoon."""
    first = _SHOW_START + number * _SHOW_STEP
    yield scene.now + timedelta(hours=4)
    for index in range(first, first + scene.config.show_people):
        person = scene.meet(index, "show", shown=True)
        scene.enter(person)
        if scene.config.actors.visitors:
            visitors.begin(scene, person)
        yield scene.now + dice.minutes(0, 240 / max(1, scene.config.show_people))


def _mailings(scene: Scene) -> Process:
    """To everybody in HubSpot who has an address and has not opted out; some open it within two days, few click."""
    number = 0
    while True:
        number += 1
        for person in list(scene.people.values()):
            if person.hubspot and person.email and not person.opted_out:
                _mail(scene, person, scene.dice("mail", number, person.key))
        yield scene.now + timedelta(days=scene.config.mailing_days)


def _mail(scene: Scene, person: Person, dice: Dice) -> None:
    rates = {"hot": 0.35, "warm": 0.2, "cold": 0.08}
    if dice.chance(rates[person.interest]):
        scene.timeline.spawn(_read(scene, person, dice), _sometime(scene, dice))


def _sometime(scene: Scene, dice: Dice) -> datetime:
    return scene.now + dice.wait(0.5)


def _read(scene: Scene, person: Person, dice: Dice) -> Process:
    if scene.hubspot is None or person.opted_out:
        return
    scene.hubspot.mailed(person, "open")
    if dice.chance(0.12):
        yield scene.now + dice.minutes(0.2, 3)
        scene.hubspot.mailed(person, "click")
