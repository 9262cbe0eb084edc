"""Overrides that have stood for as long as their mapping lets them."""

from __future__ import annotations

from datetime import datetime, timedelta

import orjson
import polars as pl

from crmsync.mapping import ObjectMapping
from crmsync.sync.workspace import Workspace


def lapsed_overrides(workspace: Workspace, connection: str, mapping: ObjectMapping, now: datetime) -> dict[str, frozenset[str]]:
    """record id → fields of this object whose override has lapsed: what stands there may be written over again. What somebody sets
    anew stands anew."""
    days = {write.field: write.override_days for write in mapping.writes if write.override_days is not None}
    if not days:
        return {}
    here = (pl.col("connection") == connection) & (pl.col("object") == mapping.object) & pl.col("field").is_in(sorted(days))
    last = workspace.store.overrides.frame().filter(here).sort("id").unique(["record_id", "field"], keep="last")
    found: dict[str, set[str]] = {}
    for row in last.iter_rows(named=True):
        if row["seen_at"] + timedelta(days=days[row["field"]]) <= now and orjson.loads(row["theirs"]) is not None:
            found.setdefault(row["record_id"], set()).add(row["field"])
    return {record: frozenset(fields) for record, fields in found.items()}
