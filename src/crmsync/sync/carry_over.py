"""What a CRM showed once and shows no more is not cleared: permissions took the field away from us, and nobody emptied it. Its
stored value stays in each record, until the CRM shows the field again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from crmsync.connect.contract import Page, PullRequest
from crmsync.model.records import RawRecord
from crmsync.store import Store


class CarryOver:
    """The pages of one pull, made whole."""

    def __init__(self, store: Store, connection: str, request: PullRequest) -> None:
        self._store = store
        self._connection = connection
        self._object = request.object
        self._wanted = frozenset(request.fields)
        self._name = f"shown_fields_of:{connection}/{request.object}"
        self._shown: frozenset[str] | None = None

    def whole(self, page: Page) -> Sequence[RawRecord]:
        """The page's records, with the stored values of wanted fields that were asked for once and could not be this time."""
        if page.fields is None:
            return page.records
        lost = (self._ever_shown(page.fields) & self._wanted) - set(page.fields)
        if not lost:
            return page.records
        known = self._store.staging.latest(self._connection, self._object, [record.id for record in page.records])
        return [_with_lost(record, known.get(record.id), lost) for record in page.records]

    def _ever_shown(self, fields: Sequence[str]) -> frozenset[str]:
        """Every field that was ever asked for of this object, remembered across runs."""
        if self._shown is None:
            self._shown = frozenset((self._store.runs.meta(self._name) or "").split())
        if not self._shown.issuperset(fields):
            self._shown = self._shown.union(fields)
            self._store.runs.set_meta(self._name, " ".join(sorted(self._shown)))
        return self._shown


def _with_lost(record: RawRecord, known: RawRecord | None, lost: frozenset[str]) -> RawRecord:
    if known is None or record.is_deleted:
        return record
    held = {name: known.fields[name] for name in lost if name in known.fields and name not in record.fields}
    return replace(record, fields={**held, **record.fields}) if held else record
