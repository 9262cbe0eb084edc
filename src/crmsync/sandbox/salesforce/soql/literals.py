"""A literal's value for a field: brought to the stored form, or refused when the kinds do not fit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from crmsync.sandbox.salesforce.errors import OrgError
from crmsync.sandbox.salesforce.ids import normal_id
from crmsync.sandbox.salesforce.schema import Field
from crmsync.sandbox.salesforce.soql.parse import unescape
from crmsync.sandbox.salesforce.soql.syntax import Literal
from crmsync.sandbox.salesforce.times import DATETIME, instant, is_day, stamp

if TYPE_CHECKING:
    from crmsync.sandbox.salesforce.org import Org

_NUMBERS = ("int", "double", "currency", "percent")
_NOT_TEXT = frozenset((*_NUMBERS, "boolean", "date", "datetime", "id", "reference"))
_SHOWN = {"datetime": "dateTime", "currency": "double", "percent": "double"}


@dataclass(frozen=True, slots=True)
class Period:
    """A date literal's span in the form of its field: from `start` up to, not including, `end`."""

    start: str
    end: str


def is_text(field: Field) -> bool:
    """Whether the field is compared as text: without case, by quoted literals."""
    return field.type not in _NOT_TEXT


def value_of(org: Org, field: Field, literal: Literal) -> Any:
    """The stored form of a literal. Raises OrgError `INVALID_FIELD` when the field is of another kind."""
    if literal.kind == "null":
        return False if field.type == "boolean" else None
    if field.type in ("id", "reference"):
        return _id(field, literal)
    if field.type == "datetime":
        return _datetime(org, field, literal)
    if field.type == "date":
        return _date(org, field, literal)
    if field.type == "boolean":
        _demand(field, literal, "boolean", quoted=False)
        return literal.text == "true"
    if field.type in _NUMBERS:
        _demand(field, literal, "number", quoted=False)
        return float(literal.text)
    _demand(field, literal, "text", quoted=True)
    text = unescape(literal.text)
    return (text if field.case_sensitive else text.lower()) or None


def _demand(field: Field, literal: Literal, kind: str, *, quoted: bool) -> None:
    if literal.kind != kind:
        raise _wrong_kind(field, quoted=quoted)


def _wrong_kind(field: Field, *, quoted: bool) -> OrgError:
    word = _SHOWN.get(field.type, "string" if quoted else field.type)
    ending = "should be enclosed in quotes" if quoted else "should not be enclosed in quotes"
    return OrgError("INVALID_FIELD", f"value of filter criterion for field '{field.name}' must be of type {word} and {ending}")


def _id(field: Field, literal: Literal) -> str | None:
    _demand(field, literal, "text", quoted=True)
    text = unescape(literal.text)
    if not text:
        return None
    whole = normal_id(text)
    if whole is None:
        raise OrgError("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {text}")
    return whole


def _datetime(org: Org, field: Field, literal: Literal) -> str | Period:
    if literal.kind == "period":
        start, end = _days(org, literal.text)
        zone = ZoneInfo(org.config.time_zone)
        return Period(*(stamp(datetime(day.year, day.month, day.day, tzinfo=zone)) for day in (start, end)))
    _demand(field, literal, "datetime", quoted=False)
    if not DATETIME.fullmatch(literal.text):
        raise OrgError("MALFORMED_QUERY", f"line 1:1 no viable alternative at character '{literal.text}'")
    try:
        at = instant(literal.text).astimezone(UTC)
    except ValueError as refusal:
        raise OrgError("MALFORMED_QUERY", f"invalid date time: {literal.text}") from refusal
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}+0000"


def _date(org: Org, field: Field, literal: Literal) -> str | Period:
    if literal.kind == "period":
        start, end = _days(org, literal.text)
        return Period(start.isoformat(), end.isoformat())
    _demand(field, literal, "date", quoted=False)
    if not is_day(literal.text):
        raise OrgError("MALFORMED_QUERY", f"Invalid date: {literal.text}")
    return literal.text


def _days(org: Org, text: str) -> tuple[date, date]:
    """The days of a date literal in the org's time zone: the first, and the first after it."""
    today = org.clock.now().astimezone(ZoneInfo(org.config.time_zone)).date()
    word, _, number = text.upper().partition(":")
    if number:
        return _counted(today, word, int(number))
    return _named(today, word)


def _counted(today: date, word: str, number: int) -> tuple[date, date]:
    """`LAST_N_DAYS:1` is yesterday and today; `NEXT_N_DAYS` starts tomorrow; `N_DAYS_AGO` is one day."""
    match word:
        case "LAST_N_DAYS":
            return today - timedelta(days=number), today + timedelta(days=1)
        case "NEXT_N_DAYS":
            return today + timedelta(days=1), today + timedelta(days=number + 1)
        case "N_DAYS_AGO":
            return today - timedelta(days=number), today - timedelta(days=number - 1)
        case _:
            raise OrgError("MALFORMED_QUERY", f"unexpected token: '{word}'")


def _named(today: date, word: str) -> tuple[date, date]:
    monday, first = today - timedelta(days=(today.weekday() + 1) % 7), today.replace(day=1)
    last_first = (first - timedelta(days=1)).replace(day=1)
    spans = {
        "TODAY": (today, today + timedelta(days=1)),
        "YESTERDAY": (today - timedelta(days=1), today),
        "TOMORROW": (today + timedelta(days=1), today + timedelta(days=2)),
        "THIS_WEEK": (monday, monday + timedelta(days=7)),
        "LAST_WEEK": (monday - timedelta(days=7), monday),
        "THIS_MONTH": (first, (first + timedelta(days=32)).replace(day=1)),
        "LAST_MONTH": (last_first, first),
        "THIS_YEAR": (date(today.year, 1, 1), date(today.year + 1, 1, 1)),
        "LAST_YEAR": (date(today.year - 1, 1, 1), date(today.year, 1, 1)),
    }
    return spans[word]
