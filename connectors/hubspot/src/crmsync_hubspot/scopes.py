"""The scopes that each feature needs, as a table (HubSpot's own per endpoint; the README shows the same)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from crmsync.connect.contract import Finding, FindingState, Use

_CONTACTS = "crm.objects.contacts"


@dataclass(frozen=True, slots=True)
class Scopes:
    """What reading and what writing an object needs. `optional` says that without it another way is taken; without those of `texts`
    the object is read all the same, and HubSpot leaves out its texts."""

    read: tuple[str, ...]
    write: tuple[str, ...] = ()
    optional: bool = False
    texts: tuple[str, ...] = ()


def _of(name: str) -> Scopes:
    return Scopes((f"crm.objects.{name}.read", f"crm.schemas.{name}.read"), (f"crm.objects.{name}.write",))


SCOPES: Mapping[str, Scopes] = {
    "contacts": _of("contacts"),
    "companies": _of("companies"),
    "deals": _of("deals"),
    "tasks": Scopes((f"{_CONTACTS}.read",), (f"{_CONTACTS}.write",)),
    "calls": Scopes((f"{_CONTACTS}.read",)),
    "meetings": Scopes((f"{_CONTACTS}.read",)),
    "notes": Scopes((f"{_CONTACTS}.read",)),
    "emails": Scopes((f"{_CONTACTS}.read",), texts=("sales-email-read",)),
    "owners": Scopes(("crm.objects.owners.read",)),
    "pipelines": Scopes(("crm.objects.deals.read",)),
    "forms": Scopes(("forms",)),
    "form_submissions": Scopes(("forms",)),
    "lists": Scopes(("crm.lists.read",), ("crm.lists.write",)),
    "page_views": Scopes(("business-intelligence",), optional=True),
    "campaigns": Scopes(("marketing.campaigns.read",)),
    "visits": Scopes(("business-intelligence",)),
}


def missing(use: Use, granted: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The scopes that reading and writing this object lack."""
    scopes = SCOPES.get(use.object, Scopes(()))
    wanted = scopes.write if use.writes else ()
    return tuple(s for s in scopes.read if s not in granted), tuple(s for s in wanted if s not in granted)


def scope_findings(uses: Sequence[Use], granted: Collection[str], people: Collection[str]) -> list[Finding]:
    """One finding for each feature that lacks scopes, or one that none does. Without people there is no work at all."""
    found = []
    for use in uses:
        read, write = missing(use, granted)
        if read:
            optional = SCOPES[use.object].optional
            state: FindingState = "error" if use.object in people else "warning"
            code = "doctor.hubspot.scopes_optional" if optional else "doctor.hubspot.scopes_read"
            found.append(Finding("scopes", state, code, {"object": use.object, "scopes": ", ".join(read)}))
        if write:
            found.append(
                Finding("scopes", "warning", "doctor.hubspot.scopes_write", {"object": use.object, "scopes": ", ".join(write)})
            )
        texts = [scope for scope in SCOPES.get(use.object, Scopes(())).texts if scope not in granted]
        if texts and not read:
            found.append(
                Finding("scopes", "warning", "doctor.hubspot.scopes_texts", {"object": use.object, "scopes": ", ".join(texts)})
            )
    return found or [Finding("scopes", "ok", "doctor.hubspot.scopes", {"count": len(uses)})]
