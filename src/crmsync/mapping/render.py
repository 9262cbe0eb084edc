"""Wishes → vendor values, as this CRM with this schema will take them. What cannot be written is named with why."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from crmsync.mapping import times
from crmsync.mapping.codecs import salesforce_id
from crmsync.mapping.conditions import holds, is_blank, lookup_in, word
from crmsync.mapping.values import ObjectMapping, WriteField
from crmsync.model.records import FieldInfo, ObjectSchema, RecordRef

Unrendered = tuple[str, str]
LEFT_ALONE = object()
ELLIPSIS = "…"


class Unwritable(Exception):
    """A wish that this field cannot hold. Never leaves this module: it becomes an `Unrendered`."""


def render(
    mapping: ObjectMapping, desired: Mapping[str, Any], *, user_ids: Mapping[str, str], schema: ObjectSchema
) -> tuple[dict[str, Any], tuple[Unrendered, ...]]:
    """The values to write, by vendor field, and (field, why) for each wish that cannot be.

    A name that is not in `desired` is no wish. `user_ids` maps rep_id → the vendor's user id in this connection. Why is one
    of `field_missing`, `not_writable`, `not_an_option`, `unknown_user`, `owner_not_allowed`, `not_a_value`.
    """
    values: dict[str, Any] = {}
    refused: list[Unrendered] = []
    for write in mapping.writes:
        wish = _wish(write, desired)
        if wish is LEFT_ALONE:
            continue
        try:
            value = _fitted(write, wish, user_ids, _writable(write, schema))
        except Unwritable as why:
            refused.append((write.field, str(why)))
            continue
        values[write.field] = _as_text(value) if mapping.text_values else value
    return values, tuple(refused)


def options_lacking(writes: Iterable[WriteField], schema: ObjectSchema) -> dict[str, tuple[str, ...]]:
    """Field → the options that the mapping writes into it and that its list in the CRM does not have: what they stand for is not
    written. Fields that are not there, or have no list, are left out."""
    found: dict[str, tuple[str, ...]] = {}
    for write in writes:
        info = schema.fields.get(write.field)
        if info is not None and info.options is not None:
            held = info.options
            written = (write.constant, *write.values.values(), *(case.value for case in write.cases))
            if lacking := tuple(dict.fromkeys(value for value in written if isinstance(value, str) and value not in held)):
                found[write.field] = lacking
    return found


def _wish(write: WriteField, desired: Mapping[str, Any]) -> Any:
    """What is wanted of this field, translated, before it is fitted to the schema."""
    if write.source and write.source not in desired:
        return LEFT_ALONE
    if write.constant is not None:
        return write.constant
    find = lookup_in(desired)
    for case in write.cases:
        if holds(case.when, find, None):
            return case.value
    value = desired[write.source]
    if is_blank(value):
        return None if write.when_none == "clear" else LEFT_ALONE
    return write.values.get(word(value), LEFT_ALONE) if write.values else value


def _writable(write: WriteField, schema: ObjectSchema) -> FieldInfo:
    info = schema.fields.get(write.field)
    if info is None:
        raise Unwritable("field_missing")
    if not info.writable:
        raise Unwritable("not_writable")
    return info


def _fitted(write: WriteField, wish: Any, user_ids: Mapping[str, str], info: FieldInfo) -> Any:
    if wish is None:
        return None
    value = _encoded(write, wish, user_ids)
    if info.options is not None and isinstance(value, str) and value not in info.options:
        raise Unwritable("not_an_option")
    if info.max_length is not None and isinstance(value, str) and write.codec == "text" and info.options is None:
        return shortened(value, info.max_length)
    return value


def _encoded(write: WriteField, wish: Any, user_ids: Mapping[str, str]) -> Any:
    match write.codec:
        case "user":
            return _user(write, wish, user_ids)
        case "ref":
            return wish.id if isinstance(wish, RecordRef) else _last_part(str(wish))
        case "instant":
            return _moment(wish)
        case "date":
            return _day(wish)
        case "number" | "integer":
            return _amount(write, wish)
        case "boolean":
            return bool(wish)
        case _:
            return wish if write.values else word(wish)


def _user(write: WriteField, wish: Any, user_ids: Mapping[str, str]) -> str:
    user = user_ids.get(str(wish))
    if user is None:
        raise Unwritable("unknown_user")
    if write.prefixes and not salesforce_id(user).startswith(write.prefixes):
        raise Unwritable("owner_not_allowed")
    return user


def _last_part(text: str) -> str:
    return text.rsplit("/", 1)[-1]


def _moment(wish: Any) -> str:
    moment = times.instant(wish)
    if moment is None:
        raise Unwritable("not_a_value")
    return times.iso(moment)


def _day(wish: Any) -> str:
    day = wish.date() if isinstance(wish, datetime) else wish if isinstance(wish, date) else times.day(wish)
    if day is None:
        raise Unwritable("not_a_value")
    return str(day.isoformat())


def _amount(write: WriteField, wish: Any) -> float | int:
    if isinstance(wish, bool) or not isinstance(wish, int | float) or not math.isfinite(wish):
        raise Unwritable("not_a_value")
    if write.codec == "integer":
        return round(wish)
    return round(float(wish), write.decimals) + 0.0 if write.decimals is not None else float(wish)


def shortened(text: str, units: int) -> str:
    """At most `units` long as CRMs count: in UTF-16 units, so that a full-width character is one and an emoji two. What is cut
    ends in an ellipsis, and no character is cut in half."""
    if _units(text) <= units:
        return text
    kept, room = [], units - 1
    for char in text:
        room -= _units(char)
        if room < 0:
            break
        kept.append(char)
    return "".join(kept).rstrip() + ELLIPSIS if units > 0 else ""


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _as_text(value: Any) -> str:
    """For CRMs that take every value as text: "" clears, 5.0 is "5"."""
    return "" if value is None else word(value)
