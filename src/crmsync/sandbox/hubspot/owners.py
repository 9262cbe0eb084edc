"""The portal's owners: people (active or archived) and queues."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_FIRST_USER_ID = 9_001


@dataclass(slots=True)
class Owner:
    """One owner. `id` is what records carry; `user_id` is the login's number and never goes on a record."""

    id: int
    user_id: int | None
    email: str
    first_name: str
    last_name: str
    type: str
    created_at: str
    updated_at: str
    archived: bool = False
    teams: tuple[tuple[str, str], ...] = ()

    def as_json(self) -> dict[str, Any]:
        body: dict[str, Any] = {"id": str(self.id), "type": self.type, "firstName": self.first_name, "lastName": self.last_name}
        if self.type == "PERSON":
            body |= {
                "email": self.email,
                "userId": None if self.archived else self.user_id,
                "userIdIncludingInactive": self.user_id,
            }
        body |= {"createdAt": self.created_at, "updatedAt": self.updated_at, "archived": self.archived}
        if self.teams:
            body["teams"] = [{"id": number, "name": name, "primary": order == 0} for order, (number, name) in enumerate(self.teams)]
        return body


class Owners:
    """All owners by id."""

    def __init__(self) -> None:
        self._by_id: dict[int, Owner] = {}
        self._next_user = _FIRST_USER_ID

    def __contains__(self, owner_id: str) -> bool:
        return owner_id.isdecimal() and int(owner_id) in self._by_id

    def add(self, number: int, email: str, first: str, last: str, now: str, *, kind: str = "PERSON", active: bool = True) -> Owner:
        owner = Owner(number, self._next_user, email.lower(), first, last, kind, now, now, not active)
        self._next_user += 1
        self._by_id[number] = owner
        return owner

    def get(self, owner_id: str) -> Owner | None:
        return self._by_id.get(int(owner_id)) if owner_id.isdecimal() else None

    def by_user(self, user_id: str) -> Owner | None:
        return next((owner for owner in self._by_id.values() if str(owner.user_id) == user_id), None)

    def listed(self, *, archived: bool, email: str = "") -> Iterator[Owner]:
        """Owners by rising id: the active ones, or the archived ones; with `email` only that person."""
        for number in sorted(self._by_id):
            owner = self._by_id[number]
            if owner.archived == archived and (not email or owner.email == email.lower()):
                yield owner
