"""What people in an office do to records beside their work: corrections, notes, new owners, job changes, a colleague who leaves."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from crmsync.sandbox.world.dice import Dice
from crmsync.sandbox.world.names import draw_title
from crmsync.sandbox.world.people import company_of
from crmsync.sandbox.world.person import Person
from crmsync.sandbox.world.roster import Rep
from crmsync.sandbox.world.scene import Scene
from crmsync.sandbox.world.timeline import Process
from crmsync.sandbox.world.worktime import day_of, next_working, opening

_EDITS = {"phone": 0.40, "title": 0.20, "remark": 0.28, "owner": 0.12}


def start(scene: Scene) -> None:
    """Edits every working day; a rep leaves when the configuration says so."""
    scene.timeline.spawn(_days(scene), opening(day_of(scene.now)))
    day = scene.config.rep_leaves_on_day
    if day is not None:
        scene.timeline.spawn(_leave(scene), opening(day_of(scene.config.day_zero) + timedelta(days=day)))


def _leave(scene: Scene) -> Process:
    """The last active rep of inside sales, so that the manager stays; a team of one stays whole."""
    team = scene.staff("inside_sales")
    if len(team) > 1:
        scene.leave(team[-1])
    yield from ()


def _days(scene: Scene) -> Process:
    while True:
        yield next_working(scene.now)
        today = day_of(scene.now)
        people = list(scene.people.values())
        dice = scene.dice("office", today)
        for _ in range(_count(dice, len(people) * scene.config.edits_per_day)):
            _edit(scene, dice.pick(people), dice)
        for _ in range(_count(dice, len(people) * scene.config.changes_job_per_year / 365)):
            _change_job(scene, dice.pick(people), dice)
        for _ in range(_count(dice, len(people) * scene.config.opts_out_per_day)):
            _opt_out(scene, dice.pick(people))
        for _ in range(_count(dice, scene.config.merges_per_week / 5)):
            _merge(scene, people, dice)
        yield opening(today + timedelta(days=1))


def _count(dice: Dice, expected: float) -> int:
    """A whole number whose mean is `expected`."""
    return int(expected) + dice.chance(expected % 1)


def _edit(scene: Scene, person: Person, dice: Dice) -> None:
    if not (person.hubspot or person.in_salesforce) or person.human.missing:
        return
    desk, editor = scene.desk_of(person), dice.pick(scene.staff("marketing"))
    kind = dice.weighted(_EDITS)
    if kind == "owner":
        _new_owner(scene, person, dice)
        return
    if kind == "phone":
        phone = f"03-5{dice.whole(100, 999)}-{dice.whole(0, 9999):04d}"
        desk.edit(person, editor, phone=phone)
        scene.truth.change_person(person.key, phone=phone)
    elif kind == "title":
        title, rank = draw_title(dice, person.human.language)
        desk.edit(person, editor, title=title)
        person.human = replace(person.human, title=title, title_rank=rank)
        scene.truth.change_person(person.key, title=title, title_rank=rank)
    else:
        desk.remark(person, editor, "名刺の情報を確認済み。")
    desk.note(person, "edited", editor.rep_id, kind)


def _new_owner(scene: Scene, person: Person, dice: Dice) -> None:
    """A manager gives a record to another rep of the same department."""
    desk = scene.desk_of(person)
    present = next((rep for rep in scene.reps if rep.rep_id == desk.owner_of(person)), None)
    if present is None or present.department == "marketing":
        return
    others = [rep for rep in scene.staff(present.department) if rep.rep_id != present.rep_id]
    if others:
        desk.give_to(person, dice.pick(others), _manager(scene, present))


def _manager(scene: Scene, rep: Rep) -> Rep:
    return scene.staff(rep.department)[0]


def _change_job(scene: Scene, person: Person, dice: Dice) -> None:
    """A new employer: marketing learns it and corrects address, company and title wherever the person is kept."""
    human = person.human
    if human.company is None or human.missing or not person.email or person.is_customer or (person.case and person.case.is_open):
        return
    company = company_of(scene.config.seed, dice.whole(0, int(scene.config.population * 0.45)), scene.config.shares.japanese)
    title, rank = draw_title(dice, human.language)
    person.email = f"{human.name.given.latin}.{human.name.family.latin}{human.index}n{person.next_act()}@{company.domain}"
    person.human = replace(human, company=company, written_company=company.name, title=title, title_rank=rank, email=person.email)
    editor = scene.staff("marketing")[0]
    for desk in scene.desks:
        if person.hubspot if desk is scene.hubspot else person.in_salesforce:
            desk.edit(person, editor, email=person.email, company=company.name, title=title)
            desk.note(person, "changed_job", editor.rep_id)
    known = scene.truth.people[person.key].emails
    scene.truth.change_person(
        person.key,
        company=company.name,
        title=title,
        title_rank=rank,
        industry=company.industry,
        employees=company.employees,
        territory=company.prefecture,
        emails=(*known, person.email),
    )


def _merge(scene: Scene, people: list[Person], dice: Dice) -> None:
    """Somebody in marketing tidies up one pair of duplicates."""
    twins = [person for person in people if (len(person.leads) > 1 and not person.contact) or len(person.hubspot) > 1]
    if twins:
        person, editor = dice.pick(twins), scene.staff("marketing")[-1]
        for desk in scene.desks:
            desk.merge_twin(person, editor)


def _opt_out(scene: Scene, person: Person) -> None:
    """They follow the link in a mailing, or write to us."""
    if person.opted_out or not person.email or not (person.hubspot or person.in_salesforce):
        return
    person.opted_out = True
    desk = scene.hubspot if scene.hubspot and person.hubspot else scene.desk_of(person)
    desk.opt_out(person)
    desk.note(person, "opted_out")
