"""What connectors told beside the records: what is new of it, and what still stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import structlog

from crmsync.connect.contract import UNREAD, Notice
from crmsync.store import Store
from crmsync.sync.workspace import Connection

_log = structlog.get_logger("crmsync.sync.notices")


@dataclass(frozen=True, slots=True)
class Told:
    """One notice of one object. `is_news` is False for one that stood before already; `is_grave` where people cannot be read:
    a run without them is no whole one."""

    connection: str
    object: str
    code: str
    params: Mapping[str, Any]
    is_news: bool = True
    is_grave: bool = False


OURS = "crmsync"
"""What a notice names in place of a connection where it is about ourselves: our rules, what we hold."""


def keep_ours(store: Store, object_: str, notices: Iterable[Notice]) -> tuple[Told, ...]:
    """What is to be told that no pull told; all that stands of it is given. The same said of the same version or record is no
    news, though its figures move."""
    given = {_subject(notice): notice for notice in notices}
    name = f"notices:{OURS}/{object_}"
    known = store.runs.meta(name) or "[]"
    standing = orjson.dumps(sorted(given)).decode()
    if standing != known:
        store.runs.set_meta(name, standing)
    before = set(orjson.loads(known))
    told = tuple(Told(OURS, object_, one.code, one.params, is_news=mark not in before) for mark, one in given.items())
    for news in (one for one in told if one.is_news):
        _log.warning("notice", connection=OURS, object=object_, code=news.code)
    return told


def _subject(notice: Notice) -> str:
    about = notice.params.get("version") or notice.params.get("record") or ""
    return f"{notice.code} {about}".strip()


def keep(store: Store, connection: Connection, object_: str, notices: Iterable[Notice], *, is_whole: bool) -> tuple[Told, ...]:
    """What a pull of an object told, each once. What stands is remembered until a whole pull no longer tells it."""
    unique = list({_line(notice): notice for notice in notices}.values())
    name = f"notices:{connection.name}/{object_}"
    before = store.runs.meta(name)
    known = set(orjson.loads(before or "[]"))
    stands = {_line(notice) for notice in unique if notice.stands} | (set() if is_whole else known)
    standing = orjson.dumps(sorted(stands)).decode()
    if standing != (before or "[]"):
        store.runs.set_meta(name, standing)
    return tuple(_told(connection, object_, notice, known) for notice in unique)


def _told(connection: Connection, object_: str, notice: Notice, known: set[str]) -> Told:
    is_news = not notice.stands or _line(notice) not in known
    is_grave = notice.code == UNREAD and object_ in connection.connector.capabilities.person_objects
    return Told(connection.name, object_, notice.code, {**notice.params, "connection": connection.name}, is_news, is_grave)


def _line(notice: Notice) -> str:
    return orjson.dumps([notice.code, dict(notice.params)], option=orjson.OPT_SORT_KEYS, default=str).decode()
