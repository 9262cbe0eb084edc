"""What one vendor value means."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.mapping.codecs import ANY_CONNECTION, CODECS, Reading, Unfit, decode, salesforce_id
from crmsync.mapping.conditions import glob
from crmsync.mapping.phones import e164
from crmsync.mapping.values import ReadField, RefTarget
from crmsync.model.records import RecordRef

NOON = datetime(2026, 5, 7, 3, 0, tzinfo=UTC)


def read(codec: str, value: Any, *, crm: str = "hubspot", peers: dict[str, str] | None = None, **spec: Any) -> Any:
    fields = value if isinstance(value, dict) else {"x": value}
    sources = spec.pop("sources", ("x",))
    return decode(ReadField("t", codec, sources, **spec), fields, Reading("here", crm, peers or {}))


def unfit(codec: str, value: Any, **spec: Any) -> str:
    with pytest.raises(Unfit) as error:
        read(codec, value, **spec)
    return error.value.code


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Taro@Example.co.jp", "taro@example.co.jp"),
        ("ｔａｒｏ＠ｅｘａｍｐｌｅ．ｃｏ．ｊｐ", "taro@example.co.jp"),
        (" taro@example.co.jp\u3000", "taro@example.co.jp"),
        ("a.b+c@sub.example.com", "a.b+c@sub.example.com"),
    ],
)
def test_an_email_is_one_address_however_it_is_typed(written: str, meant: str) -> None:
    assert read("email", written) == meant


@pytest.mark.parametrize("codec", ["email", "text"])
def test_a_nul_is_no_part_of_a_text(codec: str) -> None:
    """Forms let it through, and PostgreSQL stores none: one such name stopped every cycle there."""
    assert read(codec, "\0taro@\0example.co.jp \0") == "taro@example.co.jp"
    assert read("text", "\0") is None


@pytest.mark.parametrize("written", ["taro", "taro@", "@example.com", "a@b@c.com", "taro@example", "a b@example.com"])
def test_what_is_no_email_quarantines_the_record(written: str) -> None:
    assert unfit("email", written) == "mapping.not_an_email"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("03-1234-5678", "+81312345678"),
        ("０３－１２３４－５６７８", "+81312345678"),
        ("+81(0)3-1234-5678", "+81312345678"),
        ("代表 03-1234-5678", "+81312345678"),
        ("代表：03-1234-5678", "+81312345678"),
        ("03-1234-5678 内線123", "+81312345678;ext=123"),
        ("03-1234-5678（内線 123）", "+81312345678;ext=123"),
        ("03-1234-5678 ext. 123", "+81312345678;ext=123"),
        ("03-1234-5678 / 090-1234-5678", "+81312345678"),
        ("内線123 / 090-1234-5678", "+819012345678"),
        ("0120-444-444", "+81120444444"),
        ("0570-012-345", "+81570012345"),
        ("050-1234-5678", "+815012345678"),
        ("TEL: 03-1234-5678", "+81312345678"),
        ("+1 650 253 0000", "+16502530000"),
    ],
)
def test_a_phone_number_is_one_number_however_it_is_typed(written: str, meant: str) -> None:
    assert read("phone", written) == meant


def test_a_phone_field_without_a_number_counts_as_empty_where_the_mapping_says_so() -> None:
    assert read("phone", "内線123", unfit="empty") is None
    assert unfit("phone", "折返し希望") == "mapping.not_a_phone"


def test_a_number_without_country_belongs_to_the_country_of_the_connection() -> None:
    assert read("phone", "650 253 0000", options={"region": "US"}) == "+16502530000"


@pytest.mark.parametrize(
    "written",
    [
        "2026-05-07T03:00:00.000+0000",
        "2026-05-07T03:00:00.000Z",
        "2026-05-07T03:00:00Z",
        "2026-05-07T12:00:00+09:00",
        1778122800000,
        "1778122800000",
        1778122800000.0,
    ],
)
def test_every_form_of_an_instant_is_the_same_instant(written: Any) -> None:
    assert read("instant", written) == NOON


@pytest.mark.parametrize("written", ["2026-05-07", "2026-05-07T03:00:00", "yesterday", True, "12345"])
def test_a_day_or_a_time_without_zone_is_no_instant(written: Any) -> None:
    assert unfit("instant", written) == "mapping.not_an_instant"


@pytest.mark.parametrize("written", ["2026-05-07", "2026-05-07T00:00:00.000Z", 1778112000000, "1778112000000"])
def test_a_date_may_come_as_midnight_utc(written: Any) -> None:
    assert read("date", written) == date(2026, 5, 7)


def test_another_time_of_day_is_no_date() -> None:
    assert unfit("date", "2026-05-07T03:00:00Z") == "mapping.not_a_date"


def test_the_day_of_an_instant_is_the_day_in_its_zone() -> None:
    assert read("day", "2026-05-06T20:00:00Z", options={"zone": "Asia/Tokyo"}) == date(2026, 5, 7)
    assert read("day", "2026-05-07") == date(2026, 5, 7)


def test_what_happened_on_a_day_happened_when_the_record_shows_it_that_day() -> None:
    near = {"near": ("made",), "zone": "Asia/Tokyo"}
    assert read("day_instant", {"x": "2026-05-07", "made": "2026-05-07T03:00:00.000+0000"}, options=near) == NOON


def test_what_happened_on_an_unseen_day_happened_when_it_began() -> None:
    begins = datetime(2026, 5, 6, 15, 0, tzinfo=UTC)
    assert read("day_instant", {"x": "2026-05-07", "made": "2026-05-08T03:00:00Z"}, options={"near": ("made",)}) == begins


@pytest.mark.parametrize(("written", "meant"), [("1,000", 1000), ("１２", 12), (12.0, 12), ("12.0", 12), (0, 0)])
def test_an_integer_may_be_written_as_people_do(written: Any, meant: int) -> None:
    assert read("integer", written) == meant


@pytest.mark.parametrize("written", ["約100名", "1.5", True, "1e400", "nan", "-"])
def test_what_is_no_integer_is_named(written: Any) -> None:
    assert unfit("integer", written) == "mapping.not_a_number"


@pytest.mark.parametrize(("written", "meant"), [(True, True), ("true", True), ("False", False), (False, False)])
def test_a_boolean_may_come_as_text(written: Any, meant: bool) -> None:
    assert read("boolean", written) is meant


def test_an_unknown_choice_quarantines_unless_the_mapping_lets_it_pass() -> None:
    table = {"New": "new"}
    assert read("choice", "New", values=table) == "new"
    assert unfit("choice", "Odd", values=table) == "mapping.unknown_choice"
    assert read("choice", "Odd", values=table, unfit="empty") is None


def test_a_choice_may_be_a_truth() -> None:
    assert read("choice", True, values={"true": False, "false": True}) is False


def test_the_first_pattern_that_fits_decides() -> None:
    patterns = ((glob("*/pricing*"), "pricing_page"), (glob("*"), "page_view"))
    assert read("pattern", "https://www.example.com/Pricing/", patterns=patterns) == "pricing_page"
    assert read("pattern", "https://www.example.com/", patterns=patterns) == "page_view"


def test_blank_is_nothing() -> None:
    for codec in CODECS:
        assert read(codec, "\u3000 ", sources=("x", "y"), options={"part": "family"}) is None


def test_the_first_field_that_holds_something_is_read() -> None:
    assert read("text", {"x": " ", "y": "seen"}, sources=("x", "y")) == "seen"


def test_a_relationship_is_read_nested_or_flat() -> None:
    nested, flat = {"Campaign": {"Type": "Webinar"}}, {"Campaign.Type": "Webinar"}
    assert read("text", nested, sources=("Campaign.Type",)) == read("text", flat, sources=("Campaign.Type",)) == "Webinar"
    assert read("text", {"Campaign": None}, sources=("Campaign.Type",)) is None


@pytest.mark.parametrize(
    ("fields", "family", "given"),
    [
        ({"l": "山田", "f": "太郎"}, "山田", "太郎"),
        ({"l": "山田\u3000太郎", "f": None}, "山田", "太郎"),
        ({"l": "", "f": "山田 太郎"}, "山田", "太郎"),
        ({"l": "Smith", "f": "Ann"}, "Smith", "Ann"),
        ({"l": "Ann Smith", "f": ""}, "Ann Smith", None),
        ({"l": "山田", "f": ""}, "山田", None),
        ({"l": "", "f": "太郎"}, None, "太郎"),
    ],
)
def test_a_japanese_name_in_one_field_is_taken_apart_family_first(fields: dict[str, Any], family: str, given: str) -> None:
    parts = [read("name", fields, sources=("l", "f"), options={"part": part}) for part in ("family", "given")]
    assert parts == [family, given]


def test_a_ref_names_its_object() -> None:
    assert read("ref", "501", ref=RefTarget("companies")) == RecordRef("here", "companies", "501")
    assert read("ref", ["501", "502"], ref=RefTarget("companies")) == RecordRef("here", "companies", "501")


def test_a_salesforce_id_says_by_its_prefix_what_it_is_and_is_made_long() -> None:
    target = RefTarget(by_prefix={"00Q": "Lead", "003": "Contact"})
    assert read("ref", "00Q5g00000ABCde", crm="salesforce", ref=target) == RecordRef(
        "here", "Lead", salesforce_id("00Q5g00000ABCde")
    )
    assert read("ref", "02i5g00000ABCdeEAG", crm="salesforce", ref=target) is None


@pytest.mark.parametrize(("short", "full"), [("001A000001AbCDe", "001A000001AbCDeIAN"), ("001000000000001", "001000000000001AAA")])
def test_a_short_salesforce_id_gets_its_checksum(short: str, full: str) -> None:
    assert salesforce_id(short) == full
    assert salesforce_id(full) == full


def test_a_ref_into_another_crm_names_no_connection_unless_it_is_known() -> None:
    target = RefTarget("Lead", crm="salesforce")
    assert read("ref", "00Q5g00000ABCdeEAH", ref=target) == RecordRef(ANY_CONNECTION, "Lead", "00Q5g00000ABCdeEAH")
    assert read("ref", "00Q5g00000ABCdeEAH", ref=target, peers={"salesforce": "sf"}) == RecordRef(
        "sf", "Lead", "00Q5g00000ABCdeEAH"
    )


def test_several_refs_come_as_a_list_or_as_text_each_once() -> None:
    meant = (RecordRef("here", "contacts", "1"), RecordRef("here", "contacts", "2"))
    target = RefTarget("contacts")
    assert read("refs", ["1", "2", 1], ref=target) == read("refs", "1;2;", ref=target) == meant
    assert read("refs", [], ref=target) is None


@given(st.from_regex(r"\A0[1-9][0-9]{0,3}-?[0-9]{1,4}-?[0-9]{3,4}\Z"))
def test_the_short_way_to_a_phone_number_says_what_the_long_way_says(written: str) -> None:
    full_width = written.translate({ord(digit): ord(digit) - ord("0") + ord("０") for digit in "0123456789"})
    assert e164(written, "JP") == e164(full_width, "JP")
