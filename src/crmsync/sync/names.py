"""What people are called, for answers that name them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from crmsync.sync.facts import gather
from crmsync.sync.workspace import Workspace

Names = Mapping[str, Mapping[str, str | None]]
"""person_id → name, company_name."""
NOBODY: Mapping[str, str | None] = {"name": None, "company_name": None}
"""Of somebody of whom no record is there any more."""


def names_of(workspace: Workspace, now: datetime, persons: Collection[str]) -> Names:
    """The names of these persons, as far as they are known."""
    if not persons:
        return {}
    people = gather(workspace, now, sorted(persons)).persons.select("person_id", "name", "company_name")
    return {row.pop("person_id"): row for row in people.to_dicts()}


def called(who: Mapping[str, str | None], person_id: str) -> str:
    """How a line of a table calls somebody: name and company, and the id by which to ask for more."""
    known = " ".join(part for part in (who.get("name"), who.get("company_name")) if part)
    return f"{known}\n{person_id}" if known else person_id
