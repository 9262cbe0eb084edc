"""What leads from one record to others, as texts under which records are filed: to those that may be the same person, and to those
at the same company. What a record once was known by stays: it leads to more than is needed, never to less."""

from __future__ import annotations

from collections.abc import Iterable

from crmsync.identity.records import Evidence, RecordKeys, suffix

_COMPANY = "company:"


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


def at_company(company: str) -> str:
    """Under what those are filed who work at a company, by the ref of its record or by what it is known by."""
    return f"staff:{company}"


def terms_of_staff(record: RecordKeys) -> set[str]:
    """The companies at which a record shows somebody. They lead to nobody who may be the same person, only to whom it concerns
    that a company has changed."""
    companies = {*record.companies, *([record.company] if record.company else [])}
    return {at_company(company) for company in companies}


def known_by(key: str) -> str:
    """Under what the records of companies are filed that are known by this."""
    return f"{_COMPANY}{key}"


def company_keys(terms: Iterable[str]) -> set[str]:
    """What companies are known by that are filed under these."""
    return {term.removeprefix(_COMPANY) for term in terms if term.startswith(_COMPANY)}
