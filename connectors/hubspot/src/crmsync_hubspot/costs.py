"""What calls an account costs us: the rows of the README's cost table, as the kit's `Cost`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from crmsync.connect.contract import Cost, Use
from crmsync_hubspot.catalogue import fits_query, fits_search
from crmsync_hubspot.objects import OBJECTS
from crmsync_hubspot.options import Options
from crmsync_hubspot.portal import ASSOCIATION_READ, ASSOCIATION_WRITE, BATCH, CAMPAIGNS_LIMIT, LIST_LIMIT
from crmsync_hubspot.windows import SEARCH_LIMIT

_SCHEMA = 2.0  # where we write: a look whether we still may, and the properties
# Owners are listed twice, the active and those who left.
_REFERENCE: Mapping[str, float] = {"owners": 2.0, "pipelines": 1.0, "forms": 1.0, "lists": 1.0}


def costs(uses: Sequence[Use], options: Options) -> tuple[Cost, ...]:
    """Single page views of an Enterprise hub come on top: one call for each visitor."""
    return tuple(_cost(use, options) for use in uses if use.object in OBJECTS)


def _cost(use: Use, options: Options) -> Cost:
    facts = OBJECTS[use.object]
    if facts.kind == "reference":
        return Cost(use.object, each_cycle=_REFERENCE[use.object])
    if facts.kind == "reports":
        return _report(use.object, options)
    if facts.kind == "submissions":
        return Cost(use.object, each_cycle=1, for_each="forms")
    if facts.kind == "events":
        return Cost(use.object, each_cycle=1, per_changed=1 / SEARCH_LIMIT)
    associations = len(facts.related) / ASSOCIATION_READ
    sweeps = options.sweep_every.total_seconds() / 86_400
    bins = options.bin_every.total_seconds() / 86_400
    return Cost(
        use.object,
        each_cycle=1 + (_SCHEMA if use.writes else 0),
        per_changed=1 / SEARCH_LIMIT + associations + (0 if fits_search(use.reads) else 1 / BATCH),
        per_written=(2 / BATCH + (1 / ASSOCIATION_WRITE if use.object == "tasks" else 0)) if use.writes else 0.0,
        per_record=1 / LIST_LIMIT + associations + (0 if fits_query(use.reads) else 1 / BATCH),
        whole_every_days=sweeps or None,
        each_day=1 / bins if bins else 0.0,
    )


def _report(object: str, options: Options) -> Cost:
    """A report costs nothing between its readings; campaigns fill pages, and of visits the last days are read again."""
    readings = timedelta(days=1) / options.reports_every
    if object == "visits":
        return Cost(object, each_cycle=0, each_day=readings)
    return Cost(object, each_cycle=0, per_record=1 / CAMPAIGNS_LIMIT, whole_every_days=1 / readings, each_day=readings)
