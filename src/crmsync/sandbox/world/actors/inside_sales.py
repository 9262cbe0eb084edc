"""Inside sales: calls whom the tasks name, hears them out, and accepts or rejects; or does not."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from crmsync.sandbox.world.actors import visitors
from crmsync.sandbox.world.actors.work import Work
from crmsync.sandbox.world.config import RepTempers
from crmsync.sandbox.world.population import KIND_REASONS, REJECTION_REASONS, amount
from crmsync.sandbox.world.talk import bant_of, summary
from crmsync.sandbox.world.timeline import Process
from crmsync.sandbox.world.worktime import next_working

_HEARD = {reason: weight for reason, weight in REJECTION_REASONS.items() if reason != "unreachable"}


def work(piece: Work) -> Process:
    """One task from first look to an end."""
    if piece.is_left_lying():
        return
    yield piece.reply_time()
    if not piece.is_still_mine():
        return
    if piece.dice.chance(piece.scene.config.tempers.closes_without_call):
        piece.tick_off()
        return
    yield from _try_to_reach(piece)


def _try_to_reach(piece: Work) -> Process:
    """Call; again on the next days when nobody answers; give up in the end."""
    tempers = piece.scene.config.tempers
    for attempt in range(tempers.attempts):
        connected = piece.dice.chance(connect_chance(tempers, _silence(piece)))
        piece.desk.call(piece.person, piece.rep, connected=connected, talk=summary(piece.person) if connected else "")
        if attempt == 0 and piece.dice.chance(0.3):
            piece.tick_off()
        if connected:
            yield next_working(piece.scene.now + piece.dice.minutes(10, 60))
            yield from _decide(piece)
            return
        if attempt == 0 and piece.dice.chance(0.3):
            piece.desk.write_to(piece.person, piece.rep, "先ほどお電話しました")
        yield next_working(piece.scene.now + piece.dice.days(0.1, 1.6))
        if not _is_still_ours(piece):
            return
    if not piece.dice.chance(tempers.gives_up_silently):
        _reject(piece, "unreachable")


def connect_chance(tempers: RepTempers, silence: timedelta) -> float:
    """How likely somebody answers so long after their last sign of interest: straight lines between the configured points."""
    points = (
        (1 / 12, tempers.connect_5_minutes),
        (1.0, tempers.connect_1_hour),
        (24.0, tempers.connect_24_hours),
        (72.0, tempers.connect_72_hours),
    )
    hours = silence.total_seconds() / 3600
    if hours <= points[0][0]:
        return points[0][1]
    for (low, from_chance), (high, to_chance) in pairwise(points):
        if hours <= high:
            return from_chance + (to_chance - from_chance) * (hours - low) / (high - low)
    return points[-1][1]


def _silence(piece: Work) -> timedelta:
    last = piece.person.last_touch_at
    return piece.scene.now - last if last else timedelta(days=30)


def _is_still_ours(piece: Work) -> bool:
    """Whether the rep should go on after a first call: the SLA task may be closed by then, the record tells."""
    owner = piece.desk.owner_of(piece.person)
    return piece.scene.is_here(piece.rep) and not piece.person.opted_out and owner in (piece.rep.rep_id, None)


def _decide(piece: Work) -> Process:
    """Accepted or rejected after the talk."""
    person, dice, tempers = piece.person, piece.dice, piece.scene.config.tempers
    if person.is_customer or person.accepted or not piece.scene.is_here(piece.rep):
        return
    if person.human.kind != "ordinary":
        _reject(piece, KIND_REASONS[person.human.kind])
        return
    if not dice.chance(tempers.hot_accept if person.interest == "hot" else tempers.accept):
        _reject(piece, dice.weighted(_HEARD))
        return
    complete = dice.chance(0.85)
    piece.desk.accept(person, piece.rep, bant_of(dice, complete=complete), summary(person))
    if not complete:
        yield next_working(piece.scene.now + dice.days(1, 3))
        if person.opted_out or not piece.scene.is_here(piece.rep):
            return
        piece.desk.call(person, piece.rep, connected=True)
        piece.desk.accept(person, piece.rep, bant_of(dice), summary(person))
    if dice.chance(tempers.converts) and not (person.case and person.case.is_open):
        piece.scene.open_case(person, piece.rep, amount(dice, person))


def _reject(piece: Work, reason: str) -> None:
    """Back it goes, with the reason; some come back by themselves."""
    if piece.person.is_customer or (piece.person.case and piece.person.case.is_open):
        return
    piece.desk.reject(piece.person, piece.rep, reason)
    piece.person.interest = "cold"
    if piece.scene.config.actors.visitors:
        visitors.may_return(piece.scene, piece.person, reason)
