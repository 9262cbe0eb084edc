"""The only door to the database: SQLModel tables, transactions, frames in and out.

Everything else asks in the words of the house and never sees SQL. No rule lives here. Instants are stored as whole
microseconds since 1970 in UTC (exact, sortable, the same on SQLite and PostgreSQL); refs as "connection/object/id".
"""

from crmsync.store.store import Store

__all__ = ["Store"]
