"""`rules/routing.yaml`: queues, size bands, and whose work is passed on during an absence."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from crmsync.config.document import Document, FileModel, validate
from crmsync.config.rules.place import Problems
from crmsync.config.rules.sla import Department
from crmsync.decisions.routing import QUEUE, Breaches, Routing, SizeBand


class SizeFile(FileModel):
    """A band of employees, both ends included; without `to` it has no end."""

    name: str = Field(min_length=1)
    least: int = Field(alias="from", ge=0)
    most: int | None = Field(None, alias="to", ge=0)


class BreachesFile(FileModel):
    count: int = Field(ge=1, le=1000)
    days: int = Field(ge=1, le=366)


class RoutingFile(FileModel):
    queues: dict[Department, str | None] = Field(default_factory=dict)
    sizes: list[SizeFile] = Field(default_factory=list)
    reroute_absent: list[Literal["mql", "sql", "closed_won"]] = Field(default_factory=list)
    rest_after_breaches: BreachesFile | None = None


def load_routing(document: Document) -> Routing:
    """The routing document as a value. Raises FixConfig with every problem."""
    file = validate(document, RoutingFile)
    problems = Problems(document)
    problems.unique({("sizes", index, "name"): size.name for index, size in enumerate(file.sizes)})
    for index, size in enumerate(file.sizes):
        if size.most is not None and size.least > size.most:
            problems.add(("sizes", index), "rules.not_above", key="from", other="to")
    problems.check()
    queues = {str(department): queue.strip() for department, queue in file.queues.items() if queue}
    names = [queue[len(QUEUE) :].strip() for queue in queues.values() if queue.lower().startswith(QUEUE)]
    return Routing(
        {department: queue_rep(queue) for department, queue in queues.items()},
        tuple(SizeBand(s.name, s.least, s.most) for s in file.sizes),
        tuple(file.reroute_absent),
        tuple(dict.fromkeys(names)),
        Breaches(file.rest_after_breaches.count, file.rest_after_breaches.days) if file.rest_after_breaches else None,
    )


def queue_rep(text: str) -> str:
    """A queue's rep_id as it is written: an address, or `queue:` and its name in the CRM, in any case."""
    text = text.lower()
    return QUEUE + text[len(QUEUE) :].strip() if text.startswith(QUEUE) else text
