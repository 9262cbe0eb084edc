"""Into the tables, past every rule: audit fields, stamps, and the moment from which integrations see a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmsync.sandbox.salesforce.acting import Acting
from crmsync.sandbox.salesforce.config import Row
from crmsync.sandbox.salesforce.schema import SObject

if TYPE_CHECKING:
    from crmsync.sandbox.salesforce.org import Org


def store(org: Org, sobject: SObject, row: Row, acting: Acting) -> None:
    """Put a new row into its table with its audit fields, past every rule."""
    now = org.now_stamp()
    audit = {
        "CreatedDate": now,
        "CreatedById": acting.user_id,
        "LastModifiedDate": now,
        "LastModifiedById": acting.user_id,
        "SystemModstamp": now,
    }
    table = org.tables[sobject.name]
    table.add(_sparse(row | {name: value for name, value in audit.items() if name in sobject.fields}))
    org.commit_late(table, row["Id"], None, acting)
    org.capture.note(sobject.name, "CREATE", (row["Id"],), acting.user_id, org.clock.now())


def change(org: Org, sobject: SObject, row: Row, acting: Acting) -> None:
    """Put a newer version of a row into its table, stamped now, past every rule."""
    now = org.now_stamp()
    audit = {"LastModifiedDate": now, "LastModifiedById": acting.user_id, "SystemModstamp": now}
    table = org.tables[sobject.name]
    before = table.rows[row["Id"]]
    table.replace(_sparse(row | {name: value for name, value in audit.items() if name in sobject.fields}))
    org.commit_late(table, row["Id"], before, acting)
    org.capture.note(sobject.name, _kind(before, row), (row["Id"],), acting.user_id, org.clock.now())


def change_silently(org: Org, sobject: SObject, row: Row) -> None:
    """Put a newer version of a row into its table without moving a stamp: as roll-ups and some re-parenting do."""
    org.tables[sobject.name].replace(_sparse(row))


def _kind(before: Row, after: Row) -> str:
    """How an event calls it. A save that is rolled back later has been told all the same."""
    was, is_now = bool(before.get("IsDeleted")), bool(after.get("IsDeleted"))
    return "UPDATE" if was == is_now else "DELETE" if is_now else "UNDELETE"


def _sparse(row: Row) -> Row:
    """Null and false take no room."""
    return {name: value for name, value in row.items() if value is not None and value is not False}
