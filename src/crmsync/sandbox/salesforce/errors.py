"""How the org refuses: a code, its sentence, the fields it is about."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class OrgError(Exception):
    """A refusal in the vendor's own words.

    `status` is the HTTP status of a single-record call; collections answer 200 and carry the refusal per item.
    `extra` are further members of the error's JSON, such as `duplicateResult`.
    """

    code: str
    message: str
    fields: tuple[str, ...] = ()
    status: int = 400
    extra: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.code} {list(self.fields)}"  # the sentence may quote personal data


def no_such_column(name: str, object: str) -> OrgError:
    return OrgError("INVALID_FIELD", f"No such column '{name}' on sobject of type {object}")


def not_found(message: str = "The requested resource does not exist") -> OrgError:
    return OrgError("NOT_FOUND", message, status=404)


def is_deleted() -> OrgError:
    return OrgError("ENTITY_IS_DELETED", "entity is deleted", status=404)


def not_supported(object: str) -> OrgError:
    return OrgError("INVALID_TYPE", f"sObject type '{object}' is not supported.")
