"""What is known around some records: every record that resolving them can lead to, and no more than a little else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from crmsync.identity.companies import CompanyKeys
from crmsync.identity.known import Known
from crmsync.identity.records import Link, RecordKeys, person_id_from, suffix
from crmsync.identity.terms import naming, terms_of_evidence, terms_of_record
from crmsync.model.entities import PersonSeen
from crmsync.sync.workspace import Workspace

KEY_COLUMNS = (
    *("ref", "created_at", "email", "family_name", "given_name", "links"),
    *("company", "corporate_number", "phone", "postal_code"),
)
# Ids that the person of a record may get where the first is another's: a third attempt was never seen.
_ATTEMPTS = 3


def known_around(workspace: Workspace, seeds: Iterable[str], companies: CompanyKeys) -> Known:
    """As `Known.of` of everybody, for whoever starts from these records: followed by what they are filed under, by the persons they
    belong to or belonged to, and by the records that they name, until nothing is added."""
    store = workspace.store
    records: dict[str, RecordKeys] = {}
    links: dict[str, Link] = {}
    looked_up: set[str] = set()
    followed: set[str] = set()
    waiting = set(seeds)
    while waiting:
        rows = store.entities.frame_of(PersonSeen, "ref", waiting, KEY_COLUMNS).to_dicts()
        fresh = [RecordKeys.of(row, companies.of_person(row)) for row in rows]
        tied = [Link.of(row) for row in store.identity.all_links_of("record", waiting).to_dicts()]
        looked_up |= waiting
        records.update((record.key, record) for record in fresh)
        links.update((link.record, link) for link in tied)
        terms = {naming(record.key) for record in fresh}
        terms.update(*map(terms_of_record, fresh), *(terms_of_evidence(link.evidence) for link in tied))
        persons = {person for link in tied for person in (link.person_id, *link.evidence.parted)}
        persons |= {person_id_from(record.key, attempt) for record in fresh for attempt in range(_ATTEMPTS)}
        found = store.identity.filed_under(terms - followed) | set(store.identity.records_of(sorted(persons - followed)))
        followed |= terms | persons
        waiting = (found | _named(workspace, fresh, tied)) - looked_up
    return Known.of(records.values(), links.values(), store.identity.aliases(), companies.disputed)


def _named(workspace: Workspace, records: Sequence[RecordKeys], links: Sequence[Link]) -> set[str]:
    """The records that these name, in whichever connection."""
    names = {name for record in records for name in record.same_as} | {n for link in links for n in link.evidence.same_as}
    return {f"{connection.name}/{suffix(name)}" for name in names for connection in workspace.connections}
