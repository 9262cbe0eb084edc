"""What all records of a person say together."""

from __future__ import annotations

import dataclasses
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.config.vocabulary import load_vocabulary
from crmsync.decisions.frames import PERSONS
from crmsync.identity.companies import companies_frame
from crmsync.identity.keys import domain_of
from crmsync.identity.persons import SAID, persons_frame, says_the_same
from crmsync.identity.vocabulary import Vocabulary
from crmsync.model.entities import CompanySeen, PersonSeen
from crmsync.model.records import RecordRef

START = datetime(2026, 4, 1, tzinfo=UTC)
INSTANT = pl.Datetime("us", "UTC")
USERS = pl.DataFrame({"ref": ["sf/User/1"], "rep_id": ["rep@our.example"]})
FILLED_BY_THE_SHELL = {"owner_edit", "owner_edit_at", "account_owner"}


@pytest.fixture(scope="module")
def words() -> Vocabulary:
    return load_vocabulary([Path(__file__).parents[2] / "mappings"])


def frame_of(kind: type, rows: list[dict[str, Any]], more: dict[str, Any] | None = None) -> pl.DataFrame:
    instants = {"learnt_at", "created_at", "modified_at", "sales_status_at", "acknowledged_at", "call_after", "fresh_at"}
    flags = {"opted_out", "bounced", "is_deleted", "is_read_only"}
    names = [f.name for f in dataclasses.fields(kind)] + list(more or {})
    schema = {
        name: INSTANT if name in instants else pl.Boolean if name in flags else pl.Int64 if name == "employees" else pl.String
        for name in names
    }
    return pl.DataFrame([{name: row.get(name) for name in names} for row in rows], schema=schema)


def seen(ref: str, person: str = "p1", *, day: int = 0, role: str = "sfa", **said: Any) -> dict[str, Any]:
    """A record of a person, modified `day` days after the start; BANT unknown and alive unless said otherwise."""
    bant = dict.fromkeys(("budget", "authority", "need", "timeframe"), "unknown")
    at = START + timedelta(days=day)
    times = {"learnt_at": at, "created_at": START, "modified_at": at}
    return {"ref": ref, "person_id": person, "role": role, "is_deleted": False, **times, **bant, **said}


def persons(words: Vocabulary, *rows: dict[str, Any], companies: list[dict[str, Any]] | None = None) -> pl.DataFrame:
    more = {"person_id": 0, "role": 0} | ({"fresh_at": 0} if any("fresh_at" in row for row in rows) else {})
    made = companies_frame(frame_of(CompanySeen, companies or []), USERS, words)
    return persons_frame(frame_of(PersonSeen, list(rows), more), made, words)


def the_one(words: Vocabulary, *rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    frame = persons(words, *rows, **more)
    assert len(frame) == 1
    return frame.row(0, named=True)


def company(ref: str, **said: Any) -> dict[str, Any]:
    return {"ref": ref, "learnt_at": START, "created_at": START, "modified_at": START, "is_deleted": False, **said}


def test_every_column_of_the_core_is_filled_but_those_of_the_shell(words: Vocabulary) -> None:
    frame = persons(words, seen("sf/Lead/1", email="a@x.jp"))
    assert set(frame.columns) == set(PERSONS) - FILLED_BY_THE_SHELL
    assert {name: dtype for name, dtype in frame.schema.items() if dtype != PERSONS[name]} == {}


def test_no_records_are_no_persons(words: Vocabulary) -> None:
    frame = persons(words)
    assert len(frame) == 0
    assert set(frame.columns) == set(PERSONS) - FILLED_BY_THE_SHELL


def test_the_newest_record_that_says_something_wins(words: Vocabulary) -> None:
    one = the_one(
        words, seen("sf/Lead/1", day=1, title="課長"), seen("hs/contacts/1", day=2, role="ma", title=None, phone="+81312345678")
    )
    assert (one["title"], one["title_rank"], one["phone"]) == ("課長", 4, "+81312345678")


def test_of_equally_new_records_the_sfa_speaks(words: Vocabulary) -> None:
    one = the_one(words, seen("hs/contacts/1", role="ma", title="主任"), seen("sf/Lead/1", title="課長"))
    assert one["title"] == "課長"


def test_our_own_writes_make_no_record_fresher(words: Vocabulary) -> None:
    stale = seen("hs/contacts/1", day=9, role="ma", title="主任", fresh_at=START)
    fresh = seen("sf/Lead/1", day=1, title="課長", fresh_at=START + timedelta(days=1))
    assert the_one(words, stale, fresh)["title"] == "課長"


def test_a_version_that_only_our_write_made_says_the_same() -> None:
    def said(**fields: Any) -> list[object]:
        return [seen("sf/Lead/1", **{"title": "課長", "company": "sf/Account/1", **fields}).get(name) for name in SAID]

    before = said(owner="sf/User/1")
    assert says_the_same(before, said(modified_at=START + timedelta(days=1), owner="sf/User/2"))
    assert says_the_same(before, said(company=RecordRef("sf", "Account", "1")))
    assert not says_the_same(before, said(title="部長"))
    assert not says_the_same(before, said(title=None))


def test_family_and_given_name_come_from_one_record(words: Vocabulary) -> None:
    one = the_one(
        words,
        seen("sf/Lead/1", day=1, family_name="田中", given_name="太郎"),
        seen("hs/contacts/1", day=2, role="ma", family_name="Tanaka", given_name=None),
    )
    assert one["name"] == "Tanaka"


def test_a_name_is_shown_as_its_language_does(words: Vocabulary) -> None:
    japanese = the_one(words, seen("sf/Lead/1", family_name="田中", given_name="太郎"))
    english = the_one(words, seen("sf/Lead/1", family_name="Smith", given_name="Ann"))
    assert (japanese["name"], japanese["language"]) == ("田中 太郎", "ja")
    assert (english["name"], english["language"]) == ("Ann Smith", "en")


def test_a_language_that_a_crm_knows_is_no_guess(words: Vocabulary) -> None:
    assert the_one(words, seen("sf/Lead/1", family_name="Smith", language="ja"))["language"] == "ja"


def test_an_opt_out_anywhere_counts_everywhere_also_on_a_deleted_record(words: Vocabulary) -> None:
    one = the_one(words, seen("sf/Lead/1", opted_out=False), seen("hs/contacts/1", role="ma", opted_out=True, is_deleted=True))
    assert one["opted_out"] is True
    assert one["is_deleted"] is False


def test_a_deleted_record_says_nothing_while_a_live_one_is_there(words: Vocabulary) -> None:
    rows = [seen("sf/Lead/1", day=1, title="主任"), seen("sf/Lead/2", day=5, title="部長", is_deleted=True)]
    assert the_one(words, *rows)["title"] == "主任"
    gone = the_one(words, rows[1])
    assert (gone["title"], gone["is_deleted"]) == ("部長", True)


def test_bant_is_the_newest_that_is_not_unknown(words: Vocabulary) -> None:
    one = the_one(words, seen("sf/Lead/1", day=1, need="yes"), seen("hs/contacts/1", day=3, role="ma", budget="no"))
    assert (one["need"], one["budget"], one["authority"]) == ("yes", "no", "unknown")


def test_the_status_is_the_newest_set_not_that_of_the_newest_record(words: Vocabulary) -> None:
    rejected = seen(
        "sf/Lead/1", day=1, sales_status="rejected", sales_status_at=START + timedelta(days=1), rejection_reason="timing"
    )
    untouched = seen("hs/contacts/1", day=9, role="ma", sales_status="new", sales_status_at=START)
    one = the_one(words, rejected, untouched)
    assert (one["sales_status"], one["sales_status_at"], one["rejection_reason"]) == (
        "rejected",
        START + timedelta(days=1),
        "timing",
    )


def test_the_source_is_that_of_the_oldest_record(words: Vocabulary) -> None:
    first = seen("sf/Lead/1", day=1, source_kind="outbound", source_method="trade_show")
    later = seen("hs/contacts/1", day=9, role="ma", source_kind="inbound", source_method="seo") | {
        "created_at": START + timedelta(days=3)
    }
    one = the_one(words, first, later)
    assert (one["source_kind"], one["source_method"], one["created_at"]) == ("outbound", "trade_show", START)


def test_a_lead_needs_company_name_and_contact(words: Vocabulary) -> None:
    whole = the_one(words, seen("sf/Lead/1", company_name="青葉システム", family_name="田中", phone="+81312345678"))
    assert (whole["identified"], whole["missing"]) == (True, [])
    bare = the_one(words, seen("sf/Lead/1"))
    assert (bare["identified"], bare["missing"]) == (False, ["company_name", "name", "contact"])


def test_a_company_record_lends_what_the_person_s_do_not_say(words: Vocabulary) -> None:
    aoba = company(
        "sf/Account/1", name="青葉システム", domain="aoba.example", industry="Technology", employees=120, territory="東京都"
    )
    one = the_one(
        words, seen("sf/Contact/1", company="sf/Account/1", family_name="田中", email="t@other.example"), companies=[aoba]
    )
    assert (one["company_name"], one["industry"], one["employees"], one["territory"]) == (
        "青葉システム",
        "Technology",
        120,
        "東京都",
    )
    assert one["company_id"] == "domain:aoba.example"


def test_colleagues_are_known_by_their_domain_and_free_mail_is_nobody_s(words: Vocabulary) -> None:
    frame = persons(
        words,
        seen("sf/Lead/1", "p1", email="a@aoba.example"),
        seen("sf/Lead/2", "p2", email="b@aoba.example"),
        seen("sf/Lead/3", "p3", email="c@gmail.com"),
        companies=[company("hs/companies/1", domain="https://www.aoba.example/", corporate_number="7010705000725")],
    )
    assert frame["company_id"].to_list() == ["number:7010705000725", "number:7010705000725", None]
    assert frame["free_mail"].to_list() == [False, False, True]


def test_the_order_of_the_rows_does_not_matter(words: Vocabulary) -> None:
    draw = random.Random(7)
    rows = [
        seen(f"sf/Lead/{n}", f"p{n % 4}", day=n % 3, role=draw.choice(["sfa", "ma"]), title=draw.choice(["課長", "主任", None]),
             family_name=draw.choice(["田中", None]), email=f"{n}@x.jp", sales_status=draw.choice(["new", None]),
             source_kind=draw.choice(["inbound", "outbound", None]), need=draw.choice(["unknown", "yes"]))
        for n in range(24)
    ]  # fmt: skip
    expected = persons(words, *rows)
    for _ in range(5):
        draw.shuffle(rows)
        assert persons(words, *rows).equals(expected)


def companies(words: Vocabulary, *rows: dict[str, Any]) -> dict[str, str]:
    frame = companies_frame(frame_of(CompanySeen, list(rows)), USERS, words)
    return dict(frame.select("ref", "company_id").iter_rows())


def test_a_company_is_its_number_then_its_domain_then_its_record(words: Vocabulary) -> None:
    found = companies(
        words,
        company("sf/Account/1", name="青葉システム", corporate_number="7010705000725", domain="aoba.example"),
        company("hs/companies/1", name="株式会社青葉システム", domain="www.aoba.example"),
        company("hs/companies/2", name="北斗物流", domain="hokuto.example"),
        company("hs/companies/3", name="無名商店", domain="gmail.com"),
    )
    assert found == {
        "sf/Account/1": "number:7010705000725",
        "hs/companies/1": "number:7010705000725",
        "hs/companies/2": "domain:hokuto.example",
        "hs/companies/3": "hs/companies/3",
    }


def test_one_name_is_not_one_company(words: Vocabulary) -> None:
    found = companies(words, company("sf/Account/1", name="青葉商事"), company("sf/Account/2", name="青葉商事"))
    assert len(set(found.values())) == 2


def test_a_number_under_two_names_is_a_conflict_and_joins_nothing(words: Vocabulary) -> None:
    found = companies(
        words,
        company("sf/Account/1", name="青葉商事", corporate_number="7010705000725"),
        company("sf/Account/2", name="北斗物流", corporate_number="7010705000725"),
    )
    assert len(set(found.values())) == 2


def test_a_company_s_owner_is_named_as_the_rep(words: Vocabulary) -> None:
    frame = companies_frame(frame_of(CompanySeen, [company("sf/Account/1", owner="sf/User/1")]), USERS, words)
    assert frame["owner"].to_list() == ["rep@our.example"]


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        ({"company_name": "エー", "family_name": "田中", "email": "t@a.example"}, []),
        ({"company_name": "エー", "family_name": "田中", "phone": "+81312345678"}, []),
        ({"family_name": "田中", "email": "t@a.example"}, ["company_name"]),
        ({"company_name": "エー", "email": "t@a.example"}, ["name"]),
        ({"company_name": "エー", "family_name": "田中"}, ["contact"]),
        ({}, ["company_name", "contact", "name"]),
    ],
)
def test_a44_who_lacks_one_of_the_three_is_no_lead_and_what_to_ask_for_is_named(
    words: Vocabulary, said: dict[str, str], missing: list[str]
) -> None:
    one = the_one(words, seen("sf/Lead/1", **said))
    assert (one["identified"], sorted(one["missing"])) == (not missing, missing)


SAYINGS: dict[str, st.SearchStrategy[Any]] = {
    "family_name": st.sampled_from([None, "", "佐藤", "Smith"]),
    "given_name": st.sampled_from([None, "", "太郎", "Ann"]),
    "email": st.sampled_from(
        [None, "a@x.jp", "B@Ｇmail.com", "a@b@c.example", " a@y.example ", "c@gmail.com", "あ@z.example", "none"]
    ),
    "title": st.sampled_from([None, "課長"]),
    "opted_out": st.sampled_from([None, True, False]),
    "budget": st.sampled_from(["unknown", "yes"]),
    "sales_status": st.sampled_from([None, "working"]),
    "sales_status_at": st.sampled_from([None, START]),
    "source_method": st.sampled_from([None, "seminar"]),
    "acknowledged_at": st.sampled_from([None, START]),
    "is_deleted": st.booleans(),
}


@settings(deadline=None)
@given(st.lists(st.fixed_dictionaries(SAYINGS), min_size=1, max_size=5))
def test_a_record_says_alone_what_it_says_beside_one_that_says_nothing(words: Vocabulary, records: list[dict[str, Any]]) -> None:
    alone = [seen(f"sf/Lead/{n}", f"p{n}", **said) for n, said in enumerate(records)]
    silent = [seen(f"sf/Lead/{n}-gone", f"p{n}", is_deleted=True) for n in range(len(records))]
    assert persons(words, *alone).equals(persons(words, *alone, *silent))


@settings(deadline=None)
@given(st.lists(st.none() | st.text("ab.@ BＧ\n-あ", max_size=8), min_size=1, max_size=6))
def test_the_domain_of_an_address_is_read_as_its_key_is(words: Vocabulary, emails: list[str | None]) -> None:
    frame = persons(words, *(seen(f"sf/Lead/{n}", f"p{n}", email=email) for n, email in enumerate(emails)))
    assert frame["email_domain"].to_list() == [domain_of(email) for email in emails]
