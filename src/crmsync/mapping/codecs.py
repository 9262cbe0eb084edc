"""Reading one value: the table of codecs. A codec takes the vendor's value and gives ours, or raises `Unfit`.

Adding a codec is adding a function and its row in `CODECS`. None never reaches a codec: emptiness is decided before.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from crmsync.mapping import times
from crmsync.mapping.columns import Column, Columns, each, each_together, is_empty
from crmsync.mapping.conditions import is_blank, word
from crmsync.mapping.phones import e164
from crmsync.mapping.values import ReadField, RefTarget
from crmsync.model.records import RecordRef

# The connection of a ref into another CRM: a mapping knows the CRM, not the name an admin gave its connection. Identity
# looks for the record in every other connection, and takes it when exactly one has it.
ANY_CONNECTION = "*"
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
_CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_MARK = re.compile(r"\[crmsync ([^\]\s]+)\]")
_JAPANESE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0002ffff々]")


class Unfit(Exception):
    """A value that its codec cannot read. Never leaves this package: it becomes `Rejected`, or the value counts as empty."""

    def __init__(self, code: str, value: Any) -> None:
        super().__init__(code)
        self.code = code
        self.value = value


@dataclass(frozen=True, slots=True)
class Reading:
    """What codecs may know beside the value: the connection of the records, its CRM, and the other CRMs' connection names where
    the caller knows them."""

    connection: str
    crm: str
    peers: Mapping[str, str]


Codec = Callable[[Any, ReadField, Reading], Any]


def _text(value: Any, _read: ReadField, _reading: Reading) -> str | None:
    """Trimmed, full-width blanks included; the display form is otherwise never rewritten."""
    return word(value) or None


def _folded(text: str) -> str:
    """Width folded. What is ASCII has no width."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def _email(value: Any, _read: ReadField, _reading: Reading) -> str:
    """Width folded and lower case: HubSpot stores addresses so anyway, and Salesforce compares them so."""
    text = _folded(word(value)).strip().strip("\u200b\ufeff").lower()
    if not _EMAIL.fullmatch(text):
        raise Unfit("mapping.not_an_email", value)
    return text


def _phone(value: Any, read: ReadField, _reading: Reading) -> str:
    number = e164(str(value), read.options.get("region", "JP"))
    if number is None:
        raise Unfit("mapping.not_a_phone", value)
    return number


def _number(value: Any, _read: ReadField, _reading: Reading) -> float:
    text = "" if isinstance(value, bool) else _folded(str(value)).strip().replace(",", "")
    if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise Unfit("mapping.not_a_number", value)
    return float(text)


def _integer(value: Any, read: ReadField, reading: Reading) -> int:
    if value.__class__ is int:
        return int(value)
    number = _number(value, read, reading)
    if not number.is_integer():
        raise Unfit("mapping.not_a_number", value)
    return int(number)


def _boolean(value: Any, _read: ReadField, _reading: Reading) -> bool:
    if value is True or value is False:
        return bool(value)
    found = {"true": True, "false": False}.get(word(value).lower())
    if found is None:
        raise Unfit("mapping.not_a_boolean", value)
    return found


def _present(_value: Any, _read: ReadField, _reading: Reading) -> bool:
    """True because there is something at all (a bounce date, a bounce reason)."""
    return True


def _instant(value: Any, _read: ReadField, _reading: Reading) -> datetime:
    moment = times.instant(value)
    if moment is None:
        raise Unfit("mapping.not_an_instant", value)
    return moment


def _date(value: Any, _read: ReadField, _reading: Reading) -> date:
    day = times.day(value)
    if day is None:
        raise Unfit("mapping.not_a_date", value)
    return day


def _day(value: Any, read: ReadField, _reading: Reading) -> date:
    """The day on which an instant falls in `zone`; a day stays that day."""
    day, moment = times.day(value), times.instant(value)
    if day is not None and moment is None:
        return day
    if moment is None:
        raise Unfit("mapping.not_a_date", value)
    return moment.astimezone(_zone(read)).date()


def _zone(read: ReadField) -> ZoneInfo:
    return ZoneInfo(read.options.get("zone", "Asia/Tokyo"))


def _day_instant(values: Sequence[Any], read: ReadField, reading: Reading) -> datetime | None:
    """Something known by its day: at the first of the fields `near` that falls on that day in `zone`, else when it begins."""
    held, near = values[: len(read.sources)], values[len(read.sources) :]
    value = next((each for each in held if not is_blank(each)), None)
    if value is None:
        return None
    moments = tuple(moment for each in near if (moment := times.instant(each)) is not None)
    return times.instant_on(_date(value, read, reading), _zone(read), moments)


def _choice(value: Any, read: ReadField, _reading: Reading) -> Any:
    found = read.values.get(word(value))
    if found is None:
        raise Unfit("mapping.unknown_choice", value)
    return found


def _pattern(value: Any, read: ReadField, _reading: Reading) -> Any:
    text = _folded(word(value))
    for pattern, result in read.patterns:
        if pattern.fullmatch(text):
            return result
    raise Unfit("mapping.unknown_choice", value)


def marked(text: str, key: str) -> str:
    """A task's text with our key at its end: what tells our tasks from others' where a CRM has no field for it."""
    return f"{text}\n[crmsync {key}]"


def _mark(value: Any, _read: ReadField, _reading: Reading) -> str:
    found = _MARK.search(word(value))
    if found is None:
        raise Unfit("mapping.no_mark", value)
    return found.group(1)


def _name(values: Sequence[Any], read: ReadField, _reading: Reading) -> str | None:
    """One part of a person's name. `from` names the family field, then the given one. Where only one of the two is filled with
    a Japanese name in two words, it is the whole name, family first."""
    family, given = values
    part = read.options["part"]
    if not is_blank(family) and not is_blank(given):
        return word(family if part == "family" else given)
    words = word(family if is_blank(given) else given).split()
    if len(words) == 2 and _JAPANESE.search("".join(words)):
        return words[0 if part == "family" else 1]
    own = family if part == "family" else given
    return None if is_blank(own) else word(own)


def _joined(values: Sequence[Any], read: ReadField, _reading: Reading) -> str | None:
    """All that the sources hold, as one text."""
    return str(read.options.get("separator", " ")).join(filter(None, map(word, values))) or None


def _ref(value: Any, read: ReadField, reading: Reading) -> RecordRef | None:
    """One id; of a list of associations the first, which is the primary one."""
    first = value[0] if isinstance(value, list | tuple) else value
    return _as_ref(word(first), read.ref or RefTarget(), reading)


def _refs(value: Any, read: ReadField, reading: Reading) -> tuple[RecordRef, ...]:
    """A list of ids (associations), or a text of several with `separator`."""
    ids = value if isinstance(value, list | tuple) else str(value).split(read.options.get("separator", ";"))
    found = (_as_ref(word(each), read.ref or RefTarget(), reading) for each in ids if not is_blank(each))
    return tuple(dict.fromkeys(ref for ref in found if ref is not None))


def _as_ref(id_: str, target: RefTarget, reading: Reading) -> RecordRef | None:
    """None where the id is of an object that the mapping does not name (a task about an asset)."""
    full = salesforce_id(id_) if (target.crm or reading.crm) == "salesforce" else id_
    object_ = target.object or target.by_prefix.get(full[:3], "")
    if not object_ or not full:
        return None
    return RecordRef(reading.peers.get(target.crm, ANY_CONNECTION) if target.crm else reading.connection, object_, full)


def salesforce_id(id_: str) -> str:
    """The 18-character form: three letters more say which of the first fifteen are capitals. Other lengths stay as they are."""
    if len(id_) != 15:
        return id_
    fives = (id_[start : start + 5] for start in (0, 5, 10))
    return id_ + "".join(
        _CHECKSUM[sum(1 << place for place, c in enumerate(five) if c.isascii() and c.isupper())] for five in fives
    )


CODECS: Mapping[str, Codec] = {
    "text": _text,
    "email": _email,
    "phone": _phone,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "present": _present,
    "instant": _instant,
    "date": _date,
    "day": _day,
    "day_instant": _day_instant,
    "choice": _choice,
    "pattern": _pattern,
    "mark": _mark,
    "name": _name,
    "ref": _ref,
    "refs": _refs,
}

# What a value that does not fit does unless the mapping says otherwise: people write anything into telephone fields.
LENIENT = frozenset({"phone"})
# Codecs that look at all their sources together instead of the first that holds something.
WHOLE = frozenset({"name"})
# Codecs that are given what all their fields hold, those of `near` included.
_TOGETHER: Mapping[str, Codec] = {"name": _name, "joined": _joined, "day_instant": _day_instant}

Decode = Callable[[Columns, Reading], Column]
"""How a field of an entity is read in all records of a page: its values, None where there is none. Raises Unfit where one of them
must quarantine its record: who wants to know which reads them one by one."""


def decoder(read: ReadField) -> Decode:
    """A field's decoder, looked up once for the many pages that follow."""
    if read.codec == "constant":
        return lambda columns, _reading: [read.constant] * len(columns)
    codec = _TOGETHER.get(read.codec) or CODECS[read.codec]
    codec = _leniently(codec) if read.unfit == "empty" else codec
    return _of_all(read, codec) if read.codec in _TOGETHER else _of_first(read, codec)


def decode(read: ReadField, fields: Mapping[str, Any], reading: Reading) -> Any:
    """The value of one field of an entity in one record: see `decoder`."""
    return decoder(read)(Columns([fields]), reading)[0]


def _of_all(read: ReadField, codec: Codec) -> Decode:
    """What the fields mean together."""
    names = (*read.sources, *read.options.get("near", ()))
    return lambda columns, reading: each_together(
        [columns.held(name) for name in names], lambda values: codec(values, read, reading)
    )


def _of_first(read: ReadField, codec: Codec) -> Decode:
    """What the first source that holds something means."""

    def decode_first(columns: Columns, reading: Reading) -> Column:
        held, *others = map(columns.held, read.sources)
        for other in others:
            if not is_empty(other):
                held = [second if is_blank(first) else first for first, second in zip(held, other, strict=True)]
        if is_empty(held):
            return held
        return each(held, lambda value: None if is_blank(value) else codec(value, read, reading))

    return decode_first


def _leniently(strictly: Codec) -> Codec:
    """None where the value does not fit."""

    def read_leniently(value: Any, read: ReadField, reading: Reading) -> Any:
        try:
            return strictly(value, read, reading)
        except Unfit:
            return None

    return read_leniently
