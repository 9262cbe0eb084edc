"""Reps at their desks: every half hour of the working day they look at the tasks that crmsync wrote for them, nothing else."""

from __future__ import annotations

from datetime import datetime, timedelta

from crmsync.sandbox.world.actors import customer_success, field_sales, inside_sales
from crmsync.sandbox.world.actors.work import Work
from crmsync.sandbox.world.desk import Desk, DeskTask
from crmsync.sandbox.world.scene import Scene
from crmsync.sandbox.world.timeline import Process
from crmsync.sandbox.world.worktime import next_working

_LOOKS_EVERY = timedelta(minutes=30)


def start(scene: Scene) -> None:
    """The reps begin to look at their tasks."""
    scene.timeline.spawn(_look(scene), next_working(scene.now))


def _look(scene: Scene) -> Process:
    seen: set[tuple[str, str, str]] = set()
    on = scene.config.actors
    work = {
        department: play
        for department, play, is_on in (
            ("inside_sales", inside_sales.work, on.inside_sales),
            ("field_sales", field_sales.work, on.field_sales),
            ("customer_success", customer_success.work, on.customer_success),
        )
        if is_on
    }
    while True:
        for desk in scene.desks:
            for task in list(desk.open_tasks()):
                key = (task.system, task.id, task.rep_id)
                play = work.get(scene.rep(task.rep_id).department)
                if key not in seen and play:
                    seen.add(key)
                    scene.timeline.spawn(play(_piece(scene, desk, task)))
        yield next_working(_next_look(scene.now))


def _next_look(now: datetime) -> datetime:
    return now + _LOOKS_EVERY


def _piece(scene: Scene, desk: Desk, task: DeskTask) -> Work:
    person = scene.people[task.person]
    person.tasks_seen += 1
    dice = scene.dice("task", person.key, person.tasks_seen)
    return Work(scene, desk, task, person, scene.rep(task.rep_id), dice)
