"""All or none: what was written since the beginning can be taken back."""

from __future__ import annotations

from collections.abc import Iterable

from crmsync.sandbox.salesforce.tables import Journal, Table


class Transaction:
    """A span of writes over every table, as a context. Nothing is taken back unless asked.

    One inside another hands its writes to the outer one, which can take them back as well.
    """

    def __init__(self, tables: Iterable[Table]) -> None:
        self._tables = list(tables)
        self._outer = self._tables[0].journal
        self._journal: Journal = []

    def __enter__(self) -> Transaction:
        self._write_to(self._journal)
        return self

    def __exit__(self, *_: object) -> None:
        self._write_to(self._outer)
        if self._outer is not None:
            self._outer.extend(self._journal)

    def roll_back(self) -> None:
        """Put every row back to what it was at the beginning, the latest write first."""
        self._write_to(None)
        while self._journal:
            table, row_id, before = self._journal.pop()
            if before is None:
                table.forget(row_id)
            else:
                table.restore(before)
        self._write_to(self._journal)

    def _write_to(self, journal: Journal | None) -> None:
        for table in self._tables:
            table.journal = journal
