"""How one object is being read, as a value that changes with what is learnt on the way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from crmsync_salesforce.cells import UNFIT_TYPES
from crmsync_salesforce.facts import BULK_PATIENCE_SECONDS, BULK_QUERY_FROM, BULK_WRITE_FROM, FILTERS, QUERY_BYTES
from crmsync_salesforce.schema import Shape
from crmsync_salesforce.soql import Query, chunked

# WHERE, ORDER BY and the rest of a window's query in a URL, encoded. Measured at some 450 bytes; the rest is margin.
_CLAUSES_BYTES = 1_000


@dataclass(frozen=True, slots=True)
class Walk:
    """How one object is being read: its fields in chunks that fit a URL, and what was learnt on the way. `now` is the run's
    instant by our clock."""

    shape: Shape
    wanted: tuple[str, ...]
    without: frozenset[str] = frozenset()
    most_bytes: int = QUERY_BYTES - _CLAUSES_BYTES
    limit: int | None = None
    mendings: int = 0
    is_bulk: bool = True
    now: datetime | None = None

    @property
    def whole(self) -> Query:
        """All fields in one query, however long."""
        return Query(self.shape.object, self.fields, self.shape.stamp, FILTERS.get(self.shape.object, ""))

    @property
    def fields(self) -> tuple[str, ...]:
        """What is selected."""
        return self.shape.chosen(self.wanted, self.without)

    @property
    def is_bulk_readable(self) -> bool:
        """Whether Bulk may read, and gives these fields as REST does."""
        known = self.shape.fields
        return self.is_bulk and not any(name in known and known[name].type in UNFIT_TYPES for name in self.fields)

    @property
    def queries(self) -> tuple[Query, ...]:
        """The first orders and pages the walk; the others fetch more columns of the same rows."""
        where = FILTERS.get(self.shape.object, "")
        parts = chunked(self.fields, self.shape.always, self.most_bytes)
        return tuple(Query(self.shape.object, part, self.shape.stamp, where, self.limit) for part in parts)


@dataclass(frozen=True, slots=True)
class BulkRule:
    """When Bulk reads and writes: windows of at least `from_rows` rows, batches of at least `write_from_rows` changes (0: never),
    jobs that end within `patience_seconds`."""

    from_rows: int = BULK_QUERY_FROM
    write_from_rows: int = BULK_WRITE_FROM
    patience_seconds: float = BULK_PATIENCE_SECONDS
