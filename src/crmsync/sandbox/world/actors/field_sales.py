"""Field sales: first meetings when a task says so, then the case, stage by stage, to a win or a loss."""

from __future__ import annotations

from datetime import timedelta

from crmsync.sandbox.world.actors import visitors
from crmsync.sandbox.world.actors.work import Work
from crmsync.sandbox.world.desk import Desk
from crmsync.sandbox.world.dice import Dice
from crmsync.sandbox.world.person import Case, Person
from crmsync.sandbox.world.population import LOST_REASONS, amount
from crmsync.sandbox.world.roster import Rep
from crmsync.sandbox.world.scene import Scene
from crmsync.sandbox.world.talk import promised
from crmsync.sandbox.world.timeline import Process
from crmsync.sandbox.world.worktime import day_of, next_working

_ENTERPRISE = 1_000
"""People; above, cases are won more rarely."""


def start(scene: Scene) -> None:
    """Cases under way at day zero go on; the stale ones stay stale."""
    for opportunity in scene.truth.opportunities():
        person = scene.people[opportunity.person]
        if opportunity.status == "open" and person.case and scene.truth.people[person.key].story == "active":
            rep = scene.rep(opportunity.rep)
            dice = scene.dice("pursuit", person.key, person.next_act())
            scene.timeline.spawn(_pursue(scene, person, person.case, rep, dice), next_working(scene.now + dice.days(0.2, 5)))


def work(piece: Work) -> Process:
    """A first meeting, a follow-up on a case that lies still, or nothing."""
    if piece.is_left_lying():
        return
    late = piece.dice.chance(piece.scene.config.tempers.field_late)
    yield piece.in_working_hours(piece.dice.between(18, 36) if late else piece.dice.between(2, 12))
    if not piece.is_still_mine() or piece.person.is_customer:
        return
    person, desk = piece.person, piece.desk
    desk.meet(person, piece.rep, "商談" if person.case and person.case.is_open else "初回商談")
    if person.case and person.case.is_open:
        if piece.scene.truth.opportunity(person.case.system, person.case.id).rep != piece.rep.rep_id:
            _desk_of_case(piece.scene, person.case).take_case(person.case, piece.rep)
    else:
        piece.scene.open_case(person, piece.rep, amount(piece.dice, person))
    if person.case and not person.case.is_pursued:
        yield from _pursue(piece.scene, person, person.case, piece.rep, piece.dice)


def _desk_of_case(scene: Scene, case: Case) -> Desk:
    return next(desk for desk in scene.desks if desk.system == case.system)


def _pursue(scene: Scene, person: Person, case: Case, rep: Rep, dice: Dice) -> Process:
    """Stage after stage with calls and meetings between, two to five weeks in all."""
    case.is_pursued = True
    desk = _desk_of_case(scene, case)
    for _ in range(dice.whole(2, 4)):
        yield next_working(scene.now + dice.days(3, 9))
        if not case.is_open or not scene.is_here(rep):
            return
        if dice.chance(0.4):
            desk.meet(person, rep, "商談")
        else:
            desk.call(person, rep, connected=True)
        desk.advance_case(case, rep)
    yield next_working(scene.now + dice.days(2, 7))
    if case.is_open and scene.is_here(rep):
        _close(scene, person, case, rep, dice)


def _close(scene: Scene, person: Person, case: Case, rep: Rep, dice: Dice) -> None:
    tempers, company = scene.config.tempers, person.human.company
    desk = _desk_of_case(scene, case)
    large = company is not None and company.employees > _ENTERPRISE
    if dice.chance(tempers.wins_enterprise if large else tempers.wins):
        months = 12 if dice.chance(0.7) else 6
        desk.win_case(person, case, rep, day_of(scene.now) + timedelta(days=30 * months), promised(dice))
        return
    reason = dice.weighted(LOST_REASONS)
    desk.lose_case(person, case, rep, reason)
    person.interest = "cold"
    if scene.config.actors.visitors:
        visitors.may_return(scene, person, reason)
