"""Who writes, and by which door: what a person does in the pages and what an integration does by API differ a little."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Acting:
    """The user behind a write and what came with the request.

    `auto_assign` runs the assignment rule (an API write's default, `Sforce-Auto-Assign`); `allow_duplicates` is the duplicate
    header's `allowSave`; `through_api` means committed before the answer, and under field-level security.
    """

    user_id: str
    auto_assign: bool = False
    allow_duplicates: bool = False
    through_api: bool = False
