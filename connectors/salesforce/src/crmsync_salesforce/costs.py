"""What calls an org costs us: the rows of the README's cost table, as the kit's `Cost`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from crmsync.connect.contract import Cost, Use
from crmsync_salesforce.facts import COLLECTION_SIZE, NEVER_TRACED, REST_PAGE

_DAY = timedelta(days=1)


def costs(uses: Sequence[Use], calculated: frozenset[str], formula_refresh: timedelta | None) -> tuple[Cost, ...]:
    """At most: what a bulk job reads for less is counted as REST pages. `calculated` are the objects of whose formulas we know
    that a mapping reads some."""
    return tuple(_cost(use, calculated, formula_refresh) for use in uses)


def _cost(use: Use, calculated: frozenset[str], formula_refresh: timedelta | None) -> Cost:
    refresh = formula_refresh / _DAY if formula_refresh and use.object in calculated else None
    return Cost(
        use.object,
        each_cycle=2 if use.writes else 1,  # one query, and describe where we write
        per_changed=1 / REST_PAGE,
        per_written=1 / COLLECTION_SIZE if use.writes else 0.0,
        per_record=1 / REST_PAGE,
        whole_every_days=1 if use.object in NEVER_TRACED else refresh,
        each_day=1,  # describe, where we only read
    )
