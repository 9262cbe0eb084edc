"""The log's entries are made by columns, leave out what is null, and give back all that was said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import orjson
import polars as pl
import pytest
from fake_house import definitions
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.decisions.decide import decide
from crmsync.decisions.frames import DESIRED, QUALIFICATION, REASONS, SCORES, Before, Decisions, Facts, conform
from crmsync.store import decision_log
from crmsync.store.decision_log import Entries, unpack

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
TEXTS = st.none() | st.text('a"\\\n\x00\x1f\x7fé理\u2028😀/', max_size=8)
FLOATS = st.none() | st.floats(allow_nan=False, allow_infinity=False)
INSTANTS = st.none() | st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).flatmap(  # noqa: DTZ001
    lambda at: st.sampled_from([at, at.replace(microsecond=0), at.replace(microsecond=450_000)])
)
PEOPLE = ("p1", "p2", "p3", "p4")


class _Told:
    """Reasons that are given."""

    def __init__(self, reasons: pl.DataFrame) -> None:
        self.reasons = reasons

    def of(self, _persons: pl.Series | None = None) -> pl.DataFrame:
        return self.reasons


@cache
def _nothing_decided() -> Decisions:
    return decide(Facts.none(), Before.nothing(), definitions(), NOW)


def _entries(desired: list[Any], scores: list[Any], reasons: list[Any], verdicts: list[Any]) -> Entries:
    frames = [
        conform(pl.DataFrame(rows, schema=schema), schema)
        for rows, schema in ((desired, DESIRED), (scores, SCORES), (reasons, REASONS), (verdicts, QUALIFICATION))
    ]
    decisions = replace(_nothing_decided(), scores=frames[1], because=_Told(frames[2]), qualification=frames[3])
    return Entries(frames[0].with_columns(reason_ja=pl.lit(None, pl.String), reason_en=pl.lit("why")), decisions)


def _by_rows(entries: Entries) -> dict[str, Any]:
    """What they say, row by row."""
    scores = {row["person_id"]: row for row in entries.decisions.scores.select(SCORES.keys()).to_dicts()}
    verdicts = {row["person_id"]: row for row in entries.decisions.qualification.to_dicts()}
    log = {}
    for desired in entries.changed.to_dicts():
        person = desired["person_id"]
        told = [row for row in entries.decisions.reasons.to_dicts() if row.pop("person_id") == person]
        parts = {"desired": desired, "score": scores.get(person, {}), "reasons": told, "qualification": verdicts.get(person, {})}
        log[person] = orjson.loads(orjson.dumps(parts))
    return log


def _told(entries: Entries) -> dict[str, Any]:
    return {person: unpack(body) for person, body in entries.by_person().items()}


def _rows(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Of some of the people one row each, in order."""
    one = st.fixed_dictionaries(columns)
    each = st.fixed_dictionaries({}, optional=dict.fromkeys(PEOPLE, one))
    return each.map(lambda found: [{"person_id": person, **found[person]} for person in PEOPLE if person in found])


@settings(deadline=None)
@given(
    _rows(score=FLOATS, owner=TEXTS, sla_due_at=INSTANTS, cycle=st.none() | st.integers(0, 9), has_opportunity=st.booleans()),
    _rows(fit=FLOATS, last_touch_at=INSTANTS, hot_evidence_at=INSTANTS),
    _rows(evidence=TEXTS, points=FLOATS, evidence_at=INSTANTS),
    _rows(qualifies=st.none() | st.booleans(), failed=st.none() | st.lists(TEXTS, max_size=2)),
)
def test_what_is_kept_of_a_decision_gives_back_all_that_was_decided(desired: Any, scores: Any, reasons: Any, verdicts: Any) -> None:
    twice = [row for row in reasons for _ in range(2)]
    entries = _entries(desired, scores, twice, verdicts)
    assert _told(entries) == _by_rows(entries)


def test_neither_what_is_null_nor_what_the_reasons_say_is_kept() -> None:
    entries = _entries([{"person_id": "p1", "score": 0.0}], [{"person_id": "p1", "rule:seminar": 4.0}], [], [])
    assert entries.by_person() == {"p1": b'{"desired":{"person_id":"p1","score":0.0,"reason_en":"why"},"score":{"person_id":"p1"}}'}


def test_a_text_that_looks_like_a_column_without_a_value_stays() -> None:
    odd = ',"score":null'
    entries = _entries([{"person_id": person, "owner": odd, "score": n} for n, person in enumerate(PEOPLE)], [], [], [])
    more = _entries([{"person_id": "p1", "owner": odd}, {"person_id": "p2", "owner": f"{odd},", "score": 1.0}], [], [], [])
    assert _told(entries) == _by_rows(entries)
    assert _told(more) == _by_rows(more)


def test_every_piece_has_its_own_people_s_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision_log, "_AT_ONCE", 2)
    people = [f"p{n}" for n in range(9)]
    desired = [{"person_id": p, "score": float(n), "sla_due_at": NOW + timedelta(milliseconds=n)} for n, p in enumerate(people)]
    scores = [{"person_id": p, "score": float(n)} for n, p in enumerate(people) if n % 4]
    reasons = [{"person_id": p, "rule": f"rule{k}"} for n, p in enumerate(people) for k in range(n % 3)]
    entries = _entries(desired[1:], scores, reasons, [{"person_id": p} for p in people[:7]])
    assert [piece["person_id"].to_list() for piece in entries.pieces()] == [people[n : n + 2] for n in (1, 3, 5, 7)]
    assert _told(entries) == _by_rows(entries)
    assert len(set(entries.by_person().values())) == 8
