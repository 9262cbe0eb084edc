"""The forecast of a connection's calls, from what is stored of it and what its connector says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson

from crmsync.connect.contract import Costed, Finding, Use
from crmsync.connect.forecast import Forecast, allowed_calls, forecast
from crmsync.store import Store
from crmsync.sync.workspace import Connection


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a connection needs a day, and what it may have (None: not known)."""

    needed: Forecast
    allowed: int | None

    @property
    def is_over(self) -> bool:
        return self.allowed is not None and self.needed.a_day > self.allowed


def uses_of(connection: Connection) -> tuple[Use, ...]:
    """What the mappings in force do with each object that is pulled."""
    mapped = ((name, connection.mappings[name]) for name in connection.objects)
    return tuple(
        Use(name, mapping.fields_needed(), tuple(dict.fromkeys(write.field for write in mapping.writes)))
        for name, mapping in mapped
    )


def outlook(connection: Connection, records: Callable[[], Mapping[str, int]]) -> Outlook | None:
    """The outlook of a connection; None where its connector says nothing of its costs. `records` counts those that are stored."""
    if not isinstance(connection.connector, Costed):
        return None
    needed = forecast(connection.connector.costs(uses_of(connection)), records(), connection.every_minutes)
    client = connection.client
    return Outlook(needed, allowed_calls(client.usage.day, client.reserve_share, client.budget_rules))


def records_of(store: Store, connection: str, *, counted_anew: bool) -> Mapping[str, int]:
    """Stored records by object. Counting a million takes longer than a quiet cycle may: unless it is to be done anew, what was
    counted last is taken."""
    name = f"records_of:{connection}"
    known = None if counted_anew else store.runs.meta(name)
    if known is not None:
        counts: dict[str, int] = orjson.loads(known)
        return counts
    found = store.staging.counts(connection)
    store.runs.set_meta(name, orjson.dumps(found).decode())
    return found


def outlook_finding(view: Outlook) -> Finding:
    """The outlook in words; one that goes beyond what we may have names the schedule that would not."""
    needed, allowed = view.needed, view.allowed
    params = {"calls": needed.a_day, "every": needed.every_minutes, "first_load": needed.first_load}
    if allowed is None:
        return Finding("limits", "ok", "doctor.forecast_unbounded", params)
    if not view.is_over:
        return Finding("limits", "ok", "doctor.forecast", {**params, "allowed": allowed})
    fewest = needed.fewest_minutes(allowed)
    if fewest is None:
        return Finding("limits", "warning", "doctor.forecast_beyond", {**params, "allowed": allowed})
    return Finding("limits", "warning", "doctor.forecast_over", {**params, "allowed": allowed, "minutes": fewest})
