"""Links between records and persons, aliases, and the queue of identities that people must settle."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import orjson
import polars as pl
from sqlalchemy import ColumnElement, Connection, Engine, Table, literal, or_, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import SQLModel

from crmsync.identity.records import Evidence
from crmsync.identity.terms import terms_of_evidence
from crmsync.store import tables
from crmsync.store.sql import among, chunks, read_among, read_frame, table_of, upsert, upsert_columns

_LINKS = table_of(tables.LinkRow)
_IS_LIVE = _LINKS.c.revoked_at.is_(None)
_LINKS_BEFORE = table_of(tables.LinkBeforeRow)
_ALIASES_BEFORE = table_of(tables.AliasBeforeRow)
_META = table_of(tables.Meta)
_TRACKED = "links_tracked"
_REVIEWS = table_of(tables.ReviewRow)
_ALIASES = table_of(tables.AliasRow)
# What happened to a person: when two turn out to be one, it happened to that one.
_HISTORY = tuple(
    table_of(row) for row in (tables.MoveRow, tables.DecisionRow, tables.OutboxRow, tables.OverrideRow, tables.SettlementRow)
)


class KeptLink(NamedTuple):
    """A link as it was made once, whether or not it stands."""

    record: str
    person_id: str
    rule: str
    evidence: str
    linked_at: datetime

    def row(self) -> tuple[str, str, str, str]:
        return (self.record, self.person_id, self.rule, self.evidence)


class Merge(NamedTuple):
    """Somebody turned out to be somebody else, who went by the id `current` then."""

    since: datetime
    former: str
    current: str


class Identity:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def links(self) -> pl.DataFrame:
        """record, person_id, rule, evidence, linked_at, revoked_at."""
        with self._engine.connect() as db:
            return read_frame(db, tables.LinkRow)

    def persons_of(self, records: Iterable[str]) -> dict[str, str]:
        """record → person_id, of those of these records that are linked."""
        found: dict[str, str] = {}
        with self._engine.connect() as db:
            for chunk in chunks(records):
                query = select(_LINKS.c.record, _LINKS.c.person_id).where(_LINKS.c.record.in_(chunk), _IS_LIVE)
                found.update((row.record, row.person_id) for row in db.execute(query))
        return found

    def records_of(self, persons: Iterable[str]) -> dict[str, str]:
        """record → person_id, of all records of these persons, sorted by record."""
        found: dict[str, str] = {}
        with self._engine.connect() as db:
            for chunk in chunks(persons):
                query = select(_LINKS.c.record, _LINKS.c.person_id).where(_LINKS.c.person_id.in_(chunk), _IS_LIVE)
                found.update((row.record, row.person_id) for row in db.execute(query))
        return dict(sorted(found.items()))

    def persons_in(self, connection: str) -> set[str]:
        """Everyone with a record in this CRM."""
        mine = _LINKS.c.record.startswith(f"{connection}/", autoescape=True)
        with self._engine.connect() as db:
            return set(db.execute(select(_LINKS.c.person_id).where(mine, _IS_LIVE).distinct()).scalars())

    def aliases(self) -> dict[str, str]:
        """Former person id → the id it goes by now."""
        with self._engine.connect() as db:
            return {row.person_id: row.current_id for row in db.execute(select(_ALIASES))}

    def aliases_since(self) -> dict[str, tuple[str, datetime]]:
        """Former person id → the id it goes by now, and since when."""
        with self._engine.connect() as db:
            return {row.person_id: (row.current_id, row.since) for row in db.execute(select(_ALIASES))}

    def all_links_of(self, column: Literal["record", "person_id"], values: Iterable[str]) -> pl.DataFrame:
        """The links of these records or persons, revoked ones too, with the columns of `links`."""
        with self._engine.connect() as db:
            return read_among(db, tables.LinkRow, column, values)

    def filed_under(self, terms: Iterable[str]) -> set[str]:
        """The records that are filed under one of these."""
        with self._engine.connect() as db:
            return set(read_among(db, tables.FiledRow, "term", terms, columns=["ref"])["ref"])

    def terms_of(self, refs: Iterable[str]) -> set[str]:
        """Under what these records are filed."""
        with self._engine.connect() as db:
            return set(read_among(db, tables.FiledRow, "ref", refs, columns=["term"])["term"])

    def file(self, db: Connection, pairs: Iterable[tuple[str, str]]) -> None:
        """File records: (term, record) each, beside what they are filed under already."""
        filed = sorted(set(pairs))
        upsert_columns(db, tables.FiledRow, {"term": [term for term, _ in filed], "ref": [ref for _, ref in filed]})

    def links_of(
        self, column: Literal["record", "person_id"], values: Iterable[str], columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """The live links of these records or persons, with the columns of `links`, or with these of them."""
        with self._engine.connect() as db:
            return read_among(db, tables.LinkRow, column, values, _IS_LIVE, columns=columns)

    def save_links(self, db: Connection, rows: Sequence[tuple[str, str, str, str]], at: datetime) -> None:
        """(record, person_id, rule, evidence) each; the records are filed under what their links rest on."""
        evidence = ((record, Evidence.parse(text)) for record, _, _, text in rows)
        self.file(db, [(term, record) for record, one in evidence for term in terms_of_evidence(one)])
        self.put_links(db, rows, at)

    def put_links(self, db: Connection, rows: Sequence[tuple[str, str, str, str]], at: datetime) -> None:
        """The same of records that are filed already. What they replace is kept."""
        mine = among(db, _LINKS.c.record, [record for record, *_ in rows])
        _keep_former(db, tables.LinkBeforeRow, _LINKS, mine, at)
        names = ("record", "person_id", "rule", "evidence")
        columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
        upsert_columns(db, tables.LinkRow, {**columns, "linked_at": [at] * len(rows), "revoked_at": [None] * len(rows)})

    def save_aliases(self, db: Connection, aliases: Sequence[tuple[str, str]], at: datetime) -> None:
        """(former id, current id) each; the history of the former one moves to the current one. Links are saved apart."""
        former = [old for old, _ in aliases]
        told = or_(among(db, _ALIASES.c.person_id, former), among(db, _ALIASES.c.current_id, former))
        _keep_former(db, tables.AliasBeforeRow, _ALIASES, told, at)
        upsert(db, tables.AliasRow, [{"person_id": old, "current_id": new, "since": at} for old, new in aliases])
        for old, new in aliases:
            db.execute(_ALIASES.update().where(_ALIASES.c.current_id == old).values(current_id=new))
            for table in _HISTORY:
                db.execute(table.update().where(table.c.person_id == old).values(person_id=new))

    def links_since(self, at: datetime | None) -> list[KeptLink]:
        """Every link that was made after this instant (None: ever), in the order in which they were."""
        found = []
        with self._engine.connect() as db:
            for table in (_LINKS_BEFORE, _LINKS):
                query = select(*(table.c[name] for name in KeptLink._fields))
                found += [KeptLink(*row) for row in db.execute(query if at is None else query.where(table.c.linked_at > at))]
        return sorted(found, key=lambda link: link.linked_at)

    def merges(self) -> list[Merge]:
        """Everybody who turned out to be somebody else, in the order in which it was seen, then by former id."""
        columns = ("since", "person_id", "current_id")
        found: dict[tuple[datetime, str], Merge] = {}
        with self._engine.connect() as db:
            for query in (
                select(*(_ALIASES_BEFORE.c[name] for name in columns)).order_by(_ALIASES_BEFORE.c.until),
                select(*(_ALIASES.c[name] for name in columns)),
            ):
                for row in db.execute(query):
                    found.setdefault((row.since, row.person_id), Merge(*row))
        return sorted(found.values())

    def is_tracked(self) -> bool:
        """Whether every link that ever stood here is known, with when it did, and all of them come from versions that were read by
        one and the same mappings, none of which is missing."""
        with self._engine.connect() as db:
            return db.execute(select(_META.c.value).where(_META.c.name == _TRACKED)).scalar_one_or_none() is not None

    def track(self, db: Connection) -> None:
        """Nothing has been linked yet."""
        upsert(db, tables.Meta, [{"name": _TRACKED, "value": "from the beginning"}])

    def save_reviews(self, db: Connection, reviews: Sequence[tuple[str, Sequence[str], str]], at: datetime) -> None:
        """(record, candidate person ids, why) each."""
        upsert(
            db,
            tables.ReviewRow,
            [
                {"record": record, "candidates": orjson.dumps(list(candidates)).decode(), "why": why, "since": at}
                for record, candidates, why in reviews
            ],
        )

    def settle_reviews(self, db: Connection, records: Iterable[str]) -> None:
        """These records are clear now."""
        for chunk in chunks(sorted(records)):
            db.execute(_REVIEWS.delete().where(_REVIEWS.c.record.in_(chunk)))

    def reviews(self) -> pl.DataFrame:
        with self._engine.connect() as db:
            return read_frame(db, tables.ReviewRow)


def lose_track(db: Connection) -> None:
    """What was linked before is not what would be linked now: somebody was erased, two were parted, all is read by other mappings.
    The past has to be read anew."""
    db.execute(_META.delete().where(_META.c.name == _TRACKED))
    for table in (_LINKS_BEFORE, _ALIASES_BEFORE):
        db.execute(table.delete())


def _keep_former(db: Connection, model: type[SQLModel], present: Table, which: ColumnElement[bool], until: datetime) -> None:
    """Keep these rows of `present`, which are about to be replaced. One that stood for no time at all is not kept twice."""
    kept = table_of(model)
    names = [column.name for column in kept.c if column.name != "until"]
    insert = sqlite_insert if db.dialect.name == "sqlite" else postgresql_insert
    query = select(*(present.c[name] for name in names), literal(until, kept.c.until.type)).where(which)
    db.execute(insert(kept).from_select([*names, "until"], query).on_conflict_do_nothing())
