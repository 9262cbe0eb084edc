"""What leads from one record to others that may be the same person, as texts under which records are filed. What a record once was
known by stays: it leads to more than is needed, never to less."""

from __future__ import annotations

from crmsync.identity.records import Evidence, RecordKeys, suffix


def terms_of_record(record: RecordKeys) -> set[str]:
    """What a record shows now: its address, its name at its company, with phone and postal code, and the records that it names."""
    found = {f"email:{record.email}"} if record.email else set()
    found.update(f"at:{named}" for named in record.named)
    found.update(f"alike:{alike}" for alike in record.alike)
    return found | {naming(name) for name in record.same_as}


def terms_of_evidence(evidence: Evidence) -> set[str]:
    """What a link rests on: addresses and names at companies under which the record was known, and the records that it named."""
    found = {f"email:{email}" for email in evidence.emails} | {f"at:{named}" for named in evidence.named}
    return found | {naming(name) for name in evidence.same_as}


def naming(record: str) -> str:
    """Under what those are filed that name this record."""
    return f"names:{suffix(record)}"
