"""Customer success: takes over what was won, and calls customers when a task says that nobody has for long."""

from __future__ import annotations

from crmsync.sandbox.world.actors.work import Work
from crmsync.sandbox.world.timeline import Process


def work(piece: Work) -> Process:
    """Call or meet the customer, and acknowledge the baton if that is still to be done; some are days late."""
    if piece.is_left_lying():
        return
    tempers = piece.scene.config.tempers
    late = piece.dice.chance(tempers.cs_late)
    yield piece.in_working_hours(piece.dice.between(20, 45) if late else piece.dice.between(0.5, 9))
    if not piece.is_still_mine():
        return
    person, desk = piece.person, piece.desk
    waiting = person.is_customer and not person.acknowledged
    if waiting and piece.dice.chance(0.5):
        desk.meet(person, piece.rep, "キックオフ")
    else:
        desk.call(person, piece.rep, connected=piece.dice.chance(0.8))
    if waiting and piece.dice.chance(tempers.acknowledges):
        desk.acknowledge(person, piece.rep)
