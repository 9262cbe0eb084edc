"""Records that share nothing with any other, and of which nothing was known: each is a person of its own, and nothing is left to
work out. In a first resolution they are nearly everybody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from crmsync.identity.known import Known
from crmsync.identity.records import Evidence, Link, RecordKeys, person_id_from, suffix


def lone(batch: Mapping[str, RecordKeys], known: Known) -> dict[str, Link]:
    """The links of those records of the batch, by record, that nothing leads from or to. Whoever might not be alone is left out."""
    named = {key: record.named for key, record in batch.items()}
    alike = {key: record.alike for key, record in batch.items()}
    holders = Counter(record.email for record in batch.values() if record.email)
    holders.update(term for terms in (*named.values(), *alike.values()) for term in terms)
    bearers = Counter(suffix(key) for key in batch)
    bearers.update(suffix(name) for record in batch.values() for name in record.same_as)

    def is_alone(key: str, record: RecordKeys) -> bool:
        tail, email = suffix(key), record.email
        if record.same_as or key in known.links or bearers[tail] > 1 or tail in known.naming:
            return False
        if email and (holders[email] > 1 or email in known.by_email):
            return False
        if any(holders[term] > 1 or term in known.by_named for term in named[key]):
            return False
        return not any(holders[term] > 1 or known.by_alike.get(term, set()) - {key} for term in alike[key])

    links = (_link(record, named[key]) for key, record in batch.items() if is_alone(key, record))
    return {link.record: link for link in links if link.person_id not in known.records_of and link.person_id not in known.former}


def _link(record: RecordKeys, named: tuple[str, ...]) -> Link:
    emails = (record.email,) if record.email else ()
    return Link(record.key, person_id_from(record.key), "new", Evidence(emails=emails, named=tuple(sorted(set(named)))))
