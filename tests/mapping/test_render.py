"""Wishes as a CRM will take them."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.mapping import ObjectMapping, ReadField, WriteField, render, same
from crmsync.mapping.codecs import Reading, decode
from crmsync.mapping.render import options_lacking, shortened
from crmsync.mapping.values import Case, Condition, Question
from crmsync.model.records import FieldInfo, ObjectSchema, RecordRef

DUE = datetime(2026, 5, 7, 8, 0, 30, 250_000, tzinfo=UTC)


def rendered(write: WriteField, wish: Any, *, text: bool = False, **info: Any) -> Any:
    """What becomes of one wish: the value, or the reason as ("refused", why)."""
    schema = ObjectSchema("Lead", {write.field: FieldInfo(write.field, info.pop("type", "string"), **info)})
    mapping = ObjectMapping("salesforce", "Lead", writes=(write,), text_values=text)
    desired = wish if isinstance(wish, dict) else {write.source: wish}
    values, refused = render(
        mapping, desired, user_ids={"rep@example.com": "0055g00000ABCdeAAG", "q": "00G5g00000ABCdeEAG"}, schema=schema
    )
    return ("refused", refused[0][1]) if refused else values.get(write.field, "left alone")


def test_text_is_written_as_it_is() -> None:
    assert rendered(WriteField("f", "phase"), "mql") == "mql"


def test_a_wish_that_was_not_made_is_left_alone() -> None:
    assert rendered(WriteField("f", "phase"), {}) == "left alone"


def test_nothing_clears_a_field_that_is_ours() -> None:
    assert rendered(WriteField("f", "nurture_list"), None) is None
    assert rendered(WriteField("f", "nurture_list"), None, text=True) == ""


def test_nothing_leaves_a_shared_field_alone() -> None:
    assert rendered(WriteField("f", "owner", when_none="leave"), None) == "left alone"


def test_a_wish_without_translation_is_left_alone() -> None:
    write = WriteField("Status", "sales_status", values={"new": "Open - Not Contacted"})
    assert rendered(write, "new") == "Open - Not Contacted"
    assert rendered(write, "accepted") == "left alone"


def test_a_case_goes_before_the_translation() -> None:
    asked = Condition((Question("phase", "in", frozenset({"sql"})), Question("has_opportunity", "in", frozenset({"true"}))))
    write = WriteField("stage", "phase", values={"sql": "salesqualifiedlead"}, cases=(Case(asked, "opportunity"),))
    assert rendered(write, {"phase": "sql", "has_opportunity": True}) == "opportunity"
    assert rendered(write, {"phase": "sql", "has_opportunity": False}) == "salesqualifiedlead"


def test_a_missing_field_is_named() -> None:
    mapping = ObjectMapping("salesforce", "Lead", writes=(WriteField("a", "phase"), WriteField("b", "phase")))
    schema = ObjectSchema("Lead", {"a": FieldInfo("a", "string")})
    assert render(mapping, {"phase": "mql"}, user_ids={}, schema=schema) == ({"a": "mql"}, (("b", "field_missing"),))


def test_a_read_only_field_is_named() -> None:
    assert rendered(WriteField("f", "phase"), "mql", writable=False) == ("refused", "not_writable")


def test_an_option_that_is_not_there_is_named() -> None:
    assert rendered(WriteField("f", "phase"), "mql", options=("inquiry",)) == ("refused", "not_an_option")


def test_an_owner_is_written_as_the_crm_knows_the_user() -> None:
    write = WriteField("OwnerId", "owner", codec="user")
    assert rendered(write, "rep@example.com") == "0055g00000ABCdeAAG"
    assert rendered(write, "gone@example.com") == ("refused", "unknown_user")


def test_a_contact_is_not_given_to_a_queue() -> None:
    assert rendered(WriteField("OwnerId", "owner", codec="user", prefixes=("005",)), "q") == ("refused", "owner_not_allowed")


def test_an_instant_is_written_in_whole_seconds_of_utc() -> None:
    assert rendered(WriteField("f", "sla_due_at", codec="instant"), DUE) == "2026-05-07T08:00:30.000Z"


def test_a_date_is_written_as_a_day() -> None:
    assert rendered(WriteField("f", "due_date", codec="date"), date(2026, 5, 7)) == "2026-05-07"


def test_a_number_is_rounded_as_the_mapping_says_and_text_where_the_crm_wants_text() -> None:
    write = WriteField("f", "score", codec="number", decimals=1)
    assert rendered(write, 14.9499) == 14.9
    assert rendered(write, 15.0, text=True) == "15"
    assert rendered(write, -0.01) == 0.0
    assert rendered(write, float("nan")) == ("refused", "not_a_value")


def test_a_ref_is_written_as_its_id() -> None:
    write = WriteField("WhoId", "person", codec="ref")
    ref = RecordRef("sf", "Lead", "00Q5g00000ABCdeEAH")
    assert rendered(write, ref) == rendered(write, str(ref)) == ref.id


def test_a_constant_is_written_with_the_wish_it_hangs_on() -> None:
    write = WriteField("type", "kind", constant="TODO")
    assert rendered(write, "first_approach") == "TODO"
    assert rendered(write, {}) == "left alone"


@pytest.mark.parametrize(
    ("text", "length", "kept"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("料金ページを閲覧", 5, "料金ペー…"),
        ("a😀b", 3, "a…"),
        ("ab   cd", 5, "ab…"),
    ],
)
def test_a_long_text_is_cut_with_an_ellipsis_as_the_crm_counts(text: str, length: int, kept: str) -> None:
    assert rendered(WriteField("f", "reason_ja"), text, max_length=length) == kept


@given(st.text(max_size=40), st.integers(1, 30))
def test_no_text_is_ever_too_long_nor_cut_within_a_character(text: str, length: int) -> None:
    cut = shortened(text, length)
    assert len(cut.encode("utf-16-le", "surrogatepass")) // 2 <= length
    assert text == cut or text.startswith(cut.removesuffix("…"))


SECONDS = st.integers(1_100_000_000, 2_500_000_000)  # 2004 to 2049
ROUND_TRIPS = [
    ("instant", "datetime", SECONDS.map(lambda seconds: datetime.fromtimestamp(seconds, UTC))),
    ("date", "date", st.dates(date(2005, 1, 1), date(2050, 1, 1))),
    ("number", "double", st.integers(-(10**6), 10**6).map(lambda n: n / 10)),
    ("boolean", "boolean", st.booleans()),
    ("text", "string", st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1)),
]  # fmt: skip


@pytest.mark.parametrize(("codec", "field_type", "values"), ROUND_TRIPS, ids=[trip[0] for trip in ROUND_TRIPS])
@pytest.mark.parametrize("text", [False, True], ids=["typed", "as text"])
def test_what_is_written_is_read_back_as_it_was(codec: str, field_type: str, values: st.SearchStrategy[Any], text: bool) -> None:
    @given(values)
    def check(value: Any) -> None:
        written = rendered(WriteField("f", "wish", codec=codec), value, text=text)
        back = decode(ReadField("t", codec, ("f",)), {"f": written}, Reading("c", "", {}))
        assert back == value
        assert same(field_type, written, rendered(WriteField("f", "wish", codec=codec), back, text=text))

    check()


@given(st.text(max_size=20))
def test_a_text_that_came_back_normalised_is_the_same_to_the_diff(text: str) -> None:
    assert same("string", text, text + " ")
    assert same("string", unicodedata.normalize("NFC", text), unicodedata.normalize("NFC", text) + "\r\n")


def test_options_that_the_crm_s_list_does_not_have_are_named_before_anything_is_wanted() -> None:
    stage = WriteField("stage", "phase", values={"mql": "MQL", "sql": "SQL", "closed_won": 3}, cases=(Case({}, "Own"),))
    free, gone = WriteField("free", "phase", values={"mql": "x"}), WriteField("gone", "phase", values={"mql": "x"})
    fields = {
        "stage": FieldInfo("stage", "enumeration", options=("SQL", "Lead")),
        "free": FieldInfo("free", "string"),
    }
    assert options_lacking((stage, free, gone), ObjectSchema("contacts", fields)) == {"stage": ("MQL", "Own")}
    assert options_lacking((WriteField("stage", "", constant="Lead"),), ObjectSchema("contacts", fields)) == {}
