"""The portal's refusals, with the bodies the vendor sends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class RowError:
    """One line of an error's `errors` list."""

    message: str
    code: str | None = None
    context: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        body: dict[str, Any] = {"message": self.message}
        if self.code is not None:
            body["code"] = self.code
        if self.context:
            body["context"] = {key: list(values) for key, values in self.context.items()}
        return body


class PortalError(Exception):
    """The portal refuses. `status` is the HTTP status, the rest the vendor's error body."""

    def __init__(
        self,
        status: int,
        category: str,
        message: str,
        *,
        errors: Iterable[RowError] = (),
        context: Mapping[str, Sequence[str]] | None = None,
        sub_category: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{status} {category}")
        self.status = status
        self.category = category
        self.message = message
        self.errors = tuple(errors)
        self.context = dict(context or {})
        self.sub_category = sub_category
        self.extra = dict(extra or {})

    def as_json(self, correlation_id: str) -> dict[str, Any]:
        """The whole body of a refused request."""
        body: dict[str, Any] = {"status": "error", "message": self.message, "correlationId": correlation_id}
        if self.context:
            body["context"] = {key: list(values) for key, values in self.context.items()}
        if self.errors:
            body["errors"] = [error.as_json() for error in self.errors]
        if self.sub_category is not None:
            body["subCategory"] = self.sub_category
        return {**body, "category": self.category, **self.extra}

    def as_row(self, context: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """One line of a 207's `errors`: the same refusal, told of one input."""
        merged = {**self.context, **{key: list(values) for key, values in context.items()}}
        return {"status": "error", "category": self.category, "message": self.message, "context": merged}


def invalid(message: str, *, errors: Iterable[RowError] = (), context: Mapping[str, Sequence[str]] | None = None) -> PortalError:
    return PortalError(400, "VALIDATION_ERROR", message, errors=errors, context=context)


def not_found(message: str = "resource not found") -> PortalError:
    return PortalError(404, "OBJECT_NOT_FOUND", message)


@dataclass(frozen=True, slots=True)
class BadValue:
    """One property value that the portal does not take."""

    name: str
    code: str
    message: str


def bad_values(found: Sequence[BadValue], portal_id: int) -> PortalError:
    """All bad values of one record, in the vendor's doubled form: as JSON in the message and as `errors`."""
    rows = [
        {
            "isValid": False,
            "message": bad.message,
            "error": bad.code,
            "name": bad.name,
            "localizedErrorMessage": bad.message,
            "portalId": portal_id,
        }
        for bad in found
    ]
    return invalid(
        "Property values were not valid: " + orjson.dumps(rows).decode(),
        errors=[RowError(bad.message, bad.code, {"propertyName": [bad.name]}) for bad in found],
    )


def missing_required(singular: str, names: Sequence[str]) -> PortalError:
    return invalid(
        f"Error creating {singular.upper()}. Some required properties were not set.",
        errors=[
            RowError(f"Required property '{name}' was not set", "MISSING_REQUIRED_PROPERTY", {"propertyName": [name]})
            for name in names
        ],
        context={"properties": list(names)},
    )


def conflict(singular: str, existing_id: int | str) -> PortalError:
    return PortalError(409, "CONFLICT", f"{singular.capitalize()} already exists. Existing ID: {existing_id}")
