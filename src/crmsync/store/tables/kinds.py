"""Kinds of columns: instants as whole microseconds, scores as whole hundredths, long texts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, Text, TypeDecorator
from sqlmodel import Field

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Instant(TypeDecorator[datetime]):
    """An aware datetime as whole microseconds since 1970, UTC. SQLite would drop the zone of a DateTime column."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> int | None:
        return None if value is None else to_micros(value)

    def process_result_value(self, value: int | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else from_micros(value)


class Hundredths(TypeDecorator[float]):
    """A score, of which two decimals are all: whole hundredths. JSON carries them to the last bit, so that SQLite can pack them."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: float | None, _dialect: Dialect) -> int | None:
        return None if value is None else to_hundredths(value)

    def process_result_value(self, value: int | None, _dialect: Dialect) -> float | None:
        return None if value is None else value / IN_ONE


IN_ONE = 100
"""Hundredths in one."""


def to_hundredths(value: float) -> int:
    """The whole hundredths of a score."""
    return round(value * IN_ONE)


def to_micros(value: datetime) -> int:
    """Microseconds since 1970 of an aware datetime. Raises ValueError for a naive one: its zone would be a guess."""
    if value.tzinfo is None:
        raise ValueError("a naive datetime reached the store")
    since = value - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_micros(value: int) -> datetime:
    """The instant, in UTC, that so many microseconds since 1970 are."""
    return _EPOCH + timedelta(microseconds=value)


def instant(**kwargs: Any) -> Any:
    return Field(default=None, sa_type=Instant, **kwargs)


def required_instant(**kwargs: Any) -> Any:
    return Field(sa_type=Instant, **kwargs)


def hundredths() -> Any:
    return Field(default=None, sa_type=Hundredths)


def required_hundredths() -> Any:
    return Field(sa_type=Hundredths)


def text(**kwargs: Any) -> Any:
    return Field(default=None, sa_type=Text, **kwargs)
