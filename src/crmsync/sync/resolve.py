"""resolve: say which person each changed record belongs to, and follow what the CRMs merged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from crmsync.identity.companies import CompanyKeys
from crmsync.identity.known import Known
from crmsync.identity.records import Link, RecordKeys
from crmsync.identity.resolve import Resolution
from crmsync.identity.resolve import resolve as resolve_purely
from crmsync.identity.terms import known_by, terms_of_evidence, terms_of_record, terms_of_staff
from crmsync.mapping.mentions import kinds_of
from crmsync.model.entities import CompanySeen, PersonSeen
from crmsync.sync.around import KEY_COLUMNS, known_around
from crmsync.sync.behind import staff_of
from crmsync.sync.uniting import unite
from crmsync.sync.workspace import Connection, Workspace

# With more changed records than that, to read everybody costs less than to look for each.
_FEW = 5_000
_COMPANY_COLUMNS = ("ref", "name", "domain", "corporate_number")


def resolve(workspace: Workspace, now: datetime) -> Resolution:
    """Link the records that changed since the last time to persons, and keep the links; also those of people whose company
    changed, because it may be known by a number now. What changed is read from the staged versions, so that a crash between
    normalising and here loses nothing. Nothing changed: nothing is read; where few people's records did, what is known around
    them."""
    changed, merged, through = _news(workspace)
    if not changed and not merged:
        return Resolution()
    store = workspace.store
    companies = CompanyKeys.of(store.entities.frame(CompanySeen, columns=_COMPANY_COLUMNS).to_dicts(), workspace.vocabulary)
    at = {ref: companies.of_record[ref] for ref in changed if ref in companies.of_record}
    touched = changed | staff_of(store, at, (key for keys in at.values() for key in keys))
    if len(touched) <= _FEW:
        known = known_around(workspace, {*touched, *(key for pair in merged for key in pair)}, companies)
    else:
        rows = store.entities.frame(PersonSeen, columns=KEY_COLUMNS).to_dicts()
        known = _known(workspace, rows, companies)
    batch = [known.records[key] for key in sorted(touched) if key in known.records]
    resolution = resolve_purely(batch, known, merged)
    filed = [(known_by(key), ref) for ref, keys in at.items() for key in keys]
    _keep(workspace, batch, filed, resolution, through, now)
    return resolution


def _known(workspace: Workspace, rows: Iterable[Mapping[str, Any]], companies: CompanyKeys) -> Known:
    """Everything that is known of anybody."""
    links = [Link.of(row) for row in workspace.store.identity.links().to_dicts()]
    records = (RecordKeys.of(row, companies.of_person(row)) for row in rows)
    return Known.of(records, links, workspace.store.identity.aliases(), companies.disputed)


def _news(workspace: Workspace) -> tuple[set[str], list[tuple[str, str]], dict[str, int]]:
    """Records with a new version, (loser, winner) of merges, and how far each connection has been looked at. Under
    other mappings every record may say something else of who it is."""
    staging, runs = workspace.store.staging, workspace.store.runs
    changed: set[str] = set()
    merged: list[tuple[str, str]] = []
    through: dict[str, int] = {}
    for connection in workspace.connections:
        is_same = runs.meta(f"resolved_with:{connection.name}") == connection.mapping_digest
        after = int(runs.meta(f"resolved_through:{connection.name}") or 0) if is_same else 0
        refs, through[connection.name] = staging.learnt_since(connection.name, after)
        people = connection.connector.capabilities.person_objects
        changed.update(str(ref) for ref in refs if ref.object in people or _shows_companies(connection, ref.object))
        merged += [pair for pair in staging.merges_since(connection.name, after) if pair[0].split("/")[1] in people]
    return changed, merged, through


def _shows_companies(connection: Connection, object_: str) -> bool:
    mapping = connection.mappings.get(object_)
    return mapping is not None and "company" in kinds_of(mapping)


def _keep(
    workspace: Workspace,
    batch: Iterable[RecordKeys],
    companies: Iterable[tuple[str, str]],
    resolution: Resolution,
    through: dict[str, int],
    now: datetime,
) -> None:
    """Keep what was found in one transaction; also under what the records of the batch and of `companies` (term, ref) are filed."""
    store = workspace.store
    shown = [(term, record.key) for record in batch for term in (*terms_of_record(record), *terms_of_staff(record))]
    rests_on = [(term, link.record) for link in resolution.links for term in terms_of_evidence(link.evidence)]
    different = store.answers.different()
    reviews = [row for found in resolution.ambiguous if (row := _unanswered(found.row(), different))]
    with store.transaction() as db:
        were = store.identity.links_of("record", (link.record for link in resolution.links), ("person_id",))["person_id"]
        store.concern.stir(db, [*were, *(link.person_id for link in resolution.links)])
        store.identity.file(db, [*shown, *rests_on, *companies])
        store.identity.put_links(db, [link.row() for link in resolution.links], now)
        store.identity.save_reviews(db, reviews, now)
        store.identity.settle_reviews(db, resolution.examined - {record for record, _, _ in reviews})
        unite(store, db, resolution.aliases, now)
        store.decided.replan(db, sorted({link.person_id for link in resolution.links}))
        for connection in workspace.connections:
            store.runs.set_meta_in(db, f"resolved_through:{connection.name}", str(through[connection.name]))
            store.runs.set_meta_in(db, f"resolved_with:{connection.name}", connection.mapping_digest)


def _unanswered(
    review: tuple[str, tuple[str, ...], str], different: set[tuple[str, str]]
) -> tuple[str, tuple[str, ...], str] | None:
    """A review without the candidates that somebody said it is not; None where nobody is left to ask about."""
    record, candidates, why = review
    left = tuple(person for person in candidates if (record, person) not in different)
    return (record, left, why) if left else None
