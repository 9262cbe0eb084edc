"""One task on somebody's desk, and what all reps do alike with one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from crmsync.sandbox.world.desk import Desk, DeskTask
from crmsync.sandbox.world.dice import Dice
from crmsync.sandbox.world.person import Person
from crmsync.sandbox.world.roster import Rep
from crmsync.sandbox.world.scene import Scene
from crmsync.sandbox.world.worktime import after_working


@dataclass(frozen=True, slots=True)
class Work:
    """A rep's piece of work: the task, whom it is about, and the dice for whatever happens with it."""

    scene: Scene
    task_desk: Desk
    task: DeskTask
    person: Person
    rep: Rep
    dice: Dice

    @property
    def desk(self) -> Desk:
        """Where the rep works on the person: Salesforce if they are there, wherever the task is."""
        return self.scene.desk_of(self.person)

    def in_working_hours(self, hours: float) -> datetime:
        """The instant after so much working time, longer for those who let things lie."""
        return after_working(self.scene.now, timedelta(seconds=round(hours * 3600 * (2 if self.rep.is_lazy else 1))))

    def reply_time(self) -> datetime:
        mean = self.scene.config.tempers.reply_hours
        return self.in_working_hours(min(6 * mean, self.dice.wait(mean / 24).total_seconds() / 3600))

    def is_left_lying(self) -> bool:
        """Some tasks are never touched; the truth knows."""
        if not self.dice.chance(self.scene.config.tempers.untouched * (2 if self.rep.is_lazy else 1)):
            return False
        self.desk.note(self.person, "ignored", self.rep.rep_id)
        return True

    def is_still_mine(self) -> bool:
        """The rep looks again before acting: still open, still theirs, and they still work here."""
        return self.scene.is_here(self.rep) and not self.person.opted_out and self.task_desk.is_open(self.task)

    def tick_off(self) -> None:
        """Close the task by hand, if it is still open."""
        if self.task_desk.is_open(self.task):
            self.task_desk.close_task(self.task, self.rep)
            self.task_desk.note(self.person, "closed_task", self.rep.rep_id, self.task.id)
