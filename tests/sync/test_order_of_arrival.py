"""The same facts give the same database, byte for byte, however the CRMs deliver them: in any order, in pages split anywhere,
either connection first."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from fake_house import House
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from crmsync.connect.contract import Page, PullRequest
from crmsync.testing.fake_connector import FakeConnector

# Numbers in the order of arrival, and names drawn for a run: they say when a row came, and of nobody anything.
SURROGATES = frozenset({"id", "seq", "run_id", "differs_from"})
# How far each connection has been read, in such numbers; who holds it; what only leads to rows, and may lead to too many.
BOOKKEEPING = frozenset({"meta", "lease", "watermark", "filed", "mention", "stirred"})
NUMBERS = ("7010705000725", "4011001098993")
NAMES = (("田中", "太郎"), ("田中", "太郎"), ("鈴木", "花子"), ("佐藤", None))

Record = tuple[str, str, Mapping[str, Any]]
"""CRM, object, fields."""


@dataclass(frozen=True)
class Delivery:
    """How the CRMs deliver: `seed` shuffles and splits; None is as they stand, one page for each object."""

    seed: int | None = None
    is_sfa_first: bool = False


class Shuffling(FakeConnector):
    """Delivers the records of a stream in any order and in pages of any size. The cursor moves with the last page: one that passed
    what has not been shown would lose it."""

    def __init__(self, connector: FakeConnector, chance: random.Random) -> None:
        super().__init__(connector.crm, page_size=1_000)
        self._chance = chance

    def pull(self, request: PullRequest) -> Iterator[Page]:
        (page,) = super().pull(request)
        records = list(page.records)
        self._chance.shuffle(records)
        while records:
            size = self._chance.randint(1, len(records))
            shown, records = tuple(records[:size]), records[size:]
            yield replace(page, records=shown, cursor=page.cursor if not records else dict(request.cursor or {}))
        if not page.records:
            yield page


def database_after(records: list[Record], delivery: Delivery) -> bytes:
    """Every table after three cycles over these records, as text. The second shows what of our own comes back."""
    with TemporaryDirectory() as directory:
        house = House(Path(directory))
        usual = {"made_at": house.clock.now().isoformat(), "title": "Manager", "company": "Acme"}
        for crm, object_, fields in records:
            house.crms[crm].insert(object_, **{**usual, **fields})
        if delivery.is_sfa_first:
            house.roles = dict(reversed(list(house.roles.items())))
            house.reopen()
        if delivery.seed is not None:
            chance = random.Random(delivery.seed)
            shuffling = (
                replace(c, connector=Shuffling(FakeConnector(house.crms[c.name]), chance)) for c in house.workspace.connections
            )
            house.workspace = replace(house.workspace, connections=tuple(shuffling))
        for _ in range(3):
            house.cycle()
        house.workspace.close()
        return tables_of(Path(directory) / "house.db")


def tables_of(path: Path) -> bytes:
    """The rows of every table, sorted, without surrogate numbers."""
    shown: dict[str, list[str]] = {}
    with sqlite3.connect(path) as db:
        db.row_factory = sqlite3.Row
        for (table,) in db.execute("select name from sqlite_master where type = 'table'").fetchall():
            if table not in BOOKKEEPING:
                rows = db.execute(f'select * from "{table}"').fetchall()
                shown[table] = sorted(
                    json.dumps({k: row[k] for k in row.keys() if k not in SURROGATES}, default=bytes.hex)  # noqa: SIM118 - a Row
                    for row in rows
                )
    db.close()
    return json.dumps(shown, indent=1, sort_keys=True).encode()


def person(crm: str, object_: str, **fields: Any) -> Record:
    return (crm, object_, fields)


def visit(what: str) -> Record:
    return ("ma", "visits", {"contact": "c0001", "what": what, "at": "2026-06-01T00:30:00+00:00"})


@st.composite
def facts(draw: st.DrawFn) -> list[Record]:
    """A company or two in each CRM, people of a few names and addresses at them, what they looked at, and a converted lead."""
    found: list[Record] = []
    for crm in ("ma", "sfa"):
        for domain in ("acme.example", "other.example")[: draw(st.integers(0, 2))]:
            number = draw(st.sampled_from((None, *NUMBERS)))
            found.append((crm, "companies", {"name": draw(st.sampled_from(("Acme", "Other"))), "domain": domain, "number": number}))
    for crm, object_ in draw(st.lists(st.sampled_from((("ma", "contacts"), ("sfa", "contacts"), ("sfa", "leads"))), max_size=7)):
        family, given_ = draw(st.sampled_from(NAMES))
        found.append(
            person(
                *(crm, object_),
                family=family,
                given=given_,
                email=draw(st.sampled_from((None, "t@acme.example", "taro@acme.example", "t@other.example", "t@gmail.com"))),
                account=draw(st.sampled_from((None, "c0001", "c0002"))),
                number=draw(st.sampled_from((None, None, NUMBERS[0]))),
                phone=draw(st.sampled_from((None, "03-1234-5678"))),
                contact=draw(st.sampled_from((None, None, "c0001"))) if object_ == "leads" else None,
                status=draw(st.sampled_from((None, "open", "working"))),
                opted_out=draw(st.sampled_from((None, None, None, "true"))),
            )
        )
    looked_at = draw(st.lists(st.sampled_from(("pricing_page", "document_request")), max_size=3))
    return [*found, *(visit(what) for what in looked_at)]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.explicit, Phase.generate])
@given(facts(), st.integers(0, 2**32), st.booleans())
def test_the_same_facts_in_any_order_of_arrival_give_the_same_database_byte_for_byte(
    records: list[Record], seed: int, is_sfa_first: bool
) -> None:
    assert database_after(records, Delivery(seed, is_sfa_first)) == database_after(records, Delivery())


@pytest.mark.parametrize("seed", [1, 2])
def test_a_house_full_of_namesakes_is_one_of_them(seed: int) -> None:
    """One story in which every rule of identity has something to say."""
    tanaka = {"family": "田中", "given": "太郎"}
    records: list[Record] = [
        ("ma", "companies", {"name": "Acme", "domain": "acme.example", "number": NUMBERS[0]}),
        ("sfa", "companies", {"name": "Acme", "domain": "acme.example", "number": NUMBERS[0]}),
        person("ma", "contacts", **tanaka, email="t@acme.example", account="c0001"),
        person("sfa", "leads", **tanaka, email="t@acme.example", phone="03-1234-5678"),
        person("sfa", "contacts", **tanaka, account="c0001"),
        person("sfa", "leads", **tanaka, email="t@gmail.com", phone="03-1234-5678"),
        person("sfa", "leads", family="鈴木", given="花子", email="t@acme.example", contact="c0001"),
        visit("pricing_page"),
    ]
    assert database_after(records, Delivery(seed, is_sfa_first=True)) == database_after(records, Delivery())
