"""Two persons turn out to be one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from crmsync.decisions.merging import outranks
from crmsync.store import Store


def unite(store: Store, db: Connection, aliases: Mapping[str, str], now: datetime) -> None:
    """These persons (former id → the id that they go by now) were one all along: their histories are one as well. Links are saved
    apart."""
    store.identity.save_aliases(db, sorted(aliases.items()), now)
    for former, current in sorted(aliases.items()):
        old, new = (store.decided.phase_of(db, person) for person in (former, current))
        store.decided.merge_person(db, former, current, now, old_stands=outranks(old, new))
