"""Records are read a page at a time, field by field. What one of them means has nothing to do with the others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmsync.config.mappings import load_mappings
from crmsync.mapping import Reader
from crmsync.mapping.columns import Columns, each
from crmsync.model.entities import Entity, Rejected
from crmsync.model.records import RawRecord, RecordRef

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PEERS = {"salesforce": "sf", "hubspot": "hs"}
SHIPPED = Path(__file__).parents[2] / "mappings"
MAPPINGS = [mapping for crm in PEERS for mapping in load_mappings([SHIPPED], crm).values()]

# What CRMs hold, and what they should not: values that are equal to Python and mean something else are among them.
BLANKS = (None, "", " ", [])
ALIKE = ("1", 1, True, 1.0, 0, False, 0.0, "true")
WORDS = ("x", "Call", "Email", "Inbound", "Completed", "partial", "yes", "Web", "Open - Not Contacted", "山田 太郎", "山田")
TIMES = ("2026-06-01", "2026-05-31T23:00:00Z", "1780272000000", 1780272000000)
IDS = (["7", "8"], ["7"], "003000000000001", "00Q000000000001AAA", {"Type": "Webinar"})
VALUES = st.sampled_from([*BLANKS, *ALIKE, *WORDS, *TIMES, *IDS, "rep@example.jp", "03-1234-5678"])
INSTANTS = st.sampled_from([NOW, NOW, NOW - timedelta(days=1), NOW + timedelta(days=400)])


@st.composite
def pages(draw: st.DrawFn, fields: Sequence[str]) -> tuple[list[RawRecord], list[datetime]]:
    """Versions of records, most of them with most of their fields, some deleted and some merged away."""
    count = draw(st.integers(1, 6))
    records = [
        RawRecord(
            "Thing",
            f"{n}",
            draw(st.dictionaries(st.sampled_from(fields), VALUES, max_size=len(fields))) if fields else {},
            draw(st.sampled_from([NOW, NOW, None])),
            draw(st.integers(0, 5)) == 0,
            draw(st.sampled_from([None, None, None, "0", "99"])),
        )
        for n in range(count)
    ]
    return records, draw(st.lists(INSTANTS, min_size=count, max_size=count))


def by_columns(reader: Reader, records: Sequence[RawRecord], learnt_at: Sequence[datetime]) -> list[tuple[Entity | Rejected, ...]]:
    found: list[list[Entity | Rejected]] = [[] for _ in records]
    for seen in reader.seen(records, learnt_at):
        for place, rejected in seen.rejected.items():
            found[place].extend(rejected)
        for row, place in enumerate(seen.places):
            known_by = {"ref": RecordRef("here", "Thing", records[place].id), "learnt_at": learnt_at[place]}
            found[place].append(seen.kind(**known_by, **{name: column[row] for name, column in seen.columns.items()}))
    return [tuple(one) for one in found]


@pytest.mark.parametrize("mapping", MAPPINGS, ids=lambda mapping: mapping.object)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_page_is_read_as_its_records_would_be_one_by_one(mapping: Any, data: st.DataObject) -> None:
    reader = Reader(mapping, "here", PEERS)
    records, learnt_at = data.draw(pages(mapping.fields_needed()))
    alone = [reader.read(record, at) for record, at in zip(records, learnt_at, strict=True)]
    assert list(map(repr, by_columns(reader, records, learnt_at))) == list(map(repr, alone))


@given(st.lists(VALUES))
def test_equal_values_are_read_once_only_where_they_mean_the_same(values: list[Any]) -> None:
    assert list(map(repr, each(values, repr))) == [repr(repr(value)) for value in values]


def test_a_value_that_many_records_hold_is_read_once() -> None:
    asked: list[Any] = []
    assert each(["a", "b", "a", None, "a"], lambda value: asked.append(value) or value) == ["a", "b", "a", None, "a"]
    assert len(asked) == 3


def test_a_field_of_a_parent_is_found_flat_or_nested() -> None:
    page = Columns([{"Campaign.Type": "Webinar"}, {"Campaign": {"Type": "Email"}}, {"Campaign": None}, {}])
    assert page.held("Campaign.Type") == ["Webinar", "Email", None, None]
