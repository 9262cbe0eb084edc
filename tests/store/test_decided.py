"""What was decided: kept where it differs, and only there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product
from typing import Any

import polars as pl
from fake_house import definitions

from crmsync.decisions.decide import decide
from crmsync.decisions.frames import (
    CLOCKS,
    DESIRED,
    DRAWS,
    GAPS,
    MOVES,
    SCORES,
    STATE,
    WAITING,
    Before,
    Decisions,
    Facts,
    ValvePosition,
    conform,
    empty,
)
from crmsync.decisions.qualification import BEST_FIRST
from crmsync.store import Store, tables
from crmsync.store.sql import insert_all, insert_frame

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
VALVE = ValvePosition(0.5, "standard@1.5", "2026-06-01", "initial", 0.2, None)


def _frame(schema: dict[str, Any], *rows: dict[str, Any]) -> pl.DataFrame:
    return conform(pl.DataFrame(list(rows)), schema) if rows else empty(schema)


@cache
def _nothing_decided() -> Decisions:
    return decide(Facts.none(), Before.nothing(), definitions(), NOW)


def _decisions(persons: dict[str, float], valve: ValvePosition = VALVE, moves: bool = False) -> tuple[Decisions, pl.DataFrame]:
    """Everyone's phase is mql and everyone's score is given."""
    state = _frame(STATE, *({"person_id": p, "phase": "mql", "phase_at": NOW, "cycle": 0} for p in persons))
    clock = {"kind": "first", "attempt": 1, "started_at": NOW}
    clocks = _frame(CLOCKS, *({"clock_id": f"{p}:first:0:1", "person_id": p, **clock} for p in sorted(persons)))
    desired = _frame(DESIRED, *({"person_id": p, "phase": "mql", "score": score} for p, score in persons.items()))
    move = {
        "at": NOW,
        "sequence": 1,
        "source": "inquiry",
        "target": "mql",
        "because": "released",
        "actor": "crmsync",
        "is_jump": False,
    }
    decisions = replace(
        _nothing_decided(),
        state=state,
        clocks=clocks,
        moves=_frame(MOVES, *({"person_id": p, **move} for p in persons)) if moves else empty(MOVES),
        scores=_frame(SCORES, *({"person_id": p, "score": score} for p, score in persons.items())),
        desired=desired,
        draws=_frame(DRAWS, {"pool": "is", "rep_id": "a", "count": 1}),
        valve=valve,
    )
    words = desired.with_columns(pl.lit("理由").alias("reason_ja"), pl.lit("why").alias("reason_en"))
    return decisions, words


def _save(store: Store, run_id: str, persons: dict[str, float], at: datetime = NOW, **how: Any) -> list[str]:
    decisions, desired = _decisions(persons, **how)
    before = store.decided.before()
    with store.transaction() as db:
        return store.decided.save(db, run_id, at, before, decisions, desired).desired["person_id"].to_list()


def _log(store: Store) -> int:
    return store.decided.frame(tables.DecisionRow).height


def test_what_was_decided_is_what_was_there_before_the_next_decision(store: Store) -> None:
    assert store.decided.before().state.is_empty()
    assert store.decided.before().valve is None
    _save(store, "run-1", {"p1": 15.0})
    before = store.decided.before()
    decisions, _ = _decisions({"p1": 15.0})
    assert isinstance(before, Before)
    assert before.state.equals(decisions.state)
    assert before.clocks.equals(decisions.clocks)
    assert before.draws.equals(decisions.draws)
    assert before.valve == VALVE


def test_the_decision_log_grows_only_where_something_changed(store: Store) -> None:
    assert _save(store, "run-1", {"p1": 15.0, "p2": 5.0}) == ["p1", "p2"]
    assert _save(store, "run-2", {"p1": 15.0, "p2": 5.0}, LATER) == []
    assert _log(store) == 2
    assert _save(store, "run-3", {"p1": 15.0, "p2": 23.0}, LATER) == ["p2"]
    assert _log(store) == 3


def test_the_last_decision_is_told_with_its_run_and_instant(store: Store) -> None:
    _save(store, "run-1", {"p1": 15.0})
    _save(store, "run-2", {"p1": 23.0}, LATER)
    last = store.decided.last_decision("p1")
    assert last is not None
    assert (last["at"], last["run_id"], last["desired"]["score"], last["score"]["score"]) == (LATER, "run-2", 23.0, 23.0)
    assert store.decided.last_decision("nobody") is None


def test_whoever_s_wishes_changed_is_unplanned_until_planned(store: Store) -> None:
    _save(store, "run-1", {"p1": 15.0, "p2": 5.0})
    assert store.decided.unplanned() == ["p1", "p2"]
    with store.transaction() as db:
        store.decided.mark_planned(db, ["p1", "p2"])
    assert store.decided.unplanned() == []
    _save(store, "run-2", {"p1": 15.0, "p2": 6.0})
    assert store.decided.unplanned() == ["p2"]
    with store.transaction() as db:
        store.decided.mark_planned(db, ["p2"])
        store.decided.replan(db, ["p1"])
    assert store.decided.unplanned() == ["p1"]


def test_what_is_in_a_plan_already_is_planned_as_it_is_stored(store: Store) -> None:
    decisions, desired = _decisions({"p1": 15.0, "p2": 5.0})
    with store.transaction() as db:
        store.decided.save(db, "run-1", NOW, store.decided.before(), decisions, desired, planned={"p2", "p3"})
    assert store.decided.unplanned() == ["p1"]


def test_who_would_change_is_told_without_keeping_anything(store: Store) -> None:
    _save(store, "run-1", {"p1": 15.0, "p2": 5.0})
    _, desired = _decisions({"p1": 16.0, "p2": 5.0, "p3": 1.0})
    assert store.decided.changed(desired) == ["p1", "p3"]
    assert _log(store) == 2


def test_the_valve_s_log_grows_only_when_it_moves(store: Store) -> None:
    _save(store, "run-1", {})
    _save(store, "run-2", {}, LATER)
    moved = ValvePosition(0.75, "standard@1.75", "2026-06-02", "busy", 1.2, None)
    _save(store, "run-3", {}, LATER + timedelta(hours=1), valve=moved)
    assert store.decided.valve_log()["cause"].to_list() == ["initial", "busy"]
    assert store.decided.before().valve == moved


# ----------------------------------------------------------------------------------------------------------------- gaps


def _gaps(*rows: tuple[str, str]) -> pl.DataFrame:
    return _frame(GAPS, *({"gap": gap, "person_id": person, "department": "inside_sales"} for gap, person in rows))


def _save_gaps(store: Store, at: datetime, *rows: tuple[str, str]) -> None:
    with store.transaction() as db:
        store.decided.save_gaps(db, at, _gaps(*rows))


def test_a_gap_keeps_the_instant_at_which_it_was_first_found(store: Store) -> None:
    _save_gaps(store, NOW, ("no_owner", "p1"))
    _save_gaps(store, LATER, ("no_owner", "p1"), ("no_owner", "p2"))
    assert store.decided.gaps().select("person_id", "opened_at").rows() == [("p1", NOW), ("p2", LATER)]


def test_a_gap_that_is_gone_is_closed_and_remembered(store: Store) -> None:
    _save_gaps(store, NOW, ("no_owner", "p1"))
    _save_gaps(store, LATER)
    assert store.decided.gaps().is_empty()
    assert store.decided.gap_history().select("opened_at", "closed_at").rows() == [(NOW, LATER)]


def test_a_gap_that_opens_again_is_another_one(store: Store) -> None:
    again = LATER + timedelta(hours=1)
    _save_gaps(store, NOW, ("no_owner", "p1"))
    _save_gaps(store, LATER)
    _save_gaps(store, again, ("no_owner", "p1"))
    assert store.decided.gap_history().select("opened_at", "closed_at").rows() == [(NOW, LATER), (again, None)]


# ------------------------------------------------------------------------------------------------- two who become one


def _merge(store: Store, old: str, new: str, *, old_stands: bool) -> None:
    with store.transaction() as db:
        store.identity.save_aliases(db, [(old, new)], LATER)
        store.decided.merge_person(db, old, new, LATER, old_stands=old_stands)


def _running(store: Store) -> list[tuple[str, str]]:
    return store.decided.clocks().filter(pl.col("cancelled_at").is_null()).select("clock_id", "person_id").rows()


def test_one_of_two_clocks_runs_on_for_the_one_who_stays(store: Store) -> None:
    _save(store, "run-1", {"old": 15.0, "new": 15.0}, moves=True)
    _merge(store, "old", "new", old_stands=False)
    assert _running(store) == [("new:first:0:1", "new")]
    ended = store.decided.clocks().filter(pl.col("clock_id") == "old:first:0:1").to_dicts()[0]
    assert (ended["person_id"], ended["cancelled_at"], ended["cancelled_because"]) == ("new", LATER, "merged")
    assert store.decided.states()["person_id"].to_list() == ["new"]


def test_the_state_of_the_former_one_stands_where_it_is_further_on(store: Store) -> None:
    _save(store, "run-1", {"old": 15.0, "new": 15.0})
    _merge(store, "old", "new", old_stands=True)
    assert _running(store) == [("old:first:0:1", "new")]
    assert store.decided.states()["person_id"].to_list() == ["new"]


def test_who_was_never_decided_of_inherits(store: Store) -> None:
    _save(store, "run-1", {"old": 15.0})
    _merge(store, "old", "new", old_stands=True)
    assert _running(store) == [("old:first:0:1", "new")]
    assert store.decided.states()["person_id"].to_list() == ["new"]


def test_moves_of_both_in_one_run_are_the_moves_of_one(store: Store) -> None:
    _save(store, "run-1", {"old": 15.0, "new": 15.0}, moves=True)
    _merge(store, "old", "new", old_stands=False)
    assert store.decided.moves("new").height == 2
    assert store.decided.moves("old").is_empty()


def test_the_head_of_the_queue_is_who_is_handed_over_next(store: Store) -> None:
    queue = [(f"p{n}", float(score), at) for n, (score, at) in enumerate(product((15, 23.5, 8), (None, NOW, LATER, NOW)))]
    waiting = pl.DataFrame(queue[::-1], schema=WAITING, orient="row")
    with store.transaction() as db:
        insert_frame(db, tables.WaitingRow, waiting)
    for places in (0, 5, 20):
        assert store.concern.first_waiting(places) == waiting.sort(**BEST_FIRST).head(places)["person_id"].to_list()


def test_a_score_comes_back_to_the_last_bit_however_it_is_read(store: Store) -> None:
    scores = [number / 100 for number in (0, 1, -35, 1234, 807, 99_999, 123_456_789)]
    people = [f"p{number}" for number in range(len(scores))]
    queue = pl.DataFrame({"person_id": people, "score": scores, "last_touch_at": NOW}, schema=WAITING)
    wanted = {"p1": 12.34, "p2": 8.07}
    with store.transaction() as db:
        insert_frame(db, tables.WaitingRow, queue)
        insert_all(db, tables.DesiredRow, [{"person_id": p, "score": score, "fit": None} for p, score in wanted.items()])
    assert store.concern.waiting().sort("person_id").equals(queue)
    rows = store.decided.frame(tables.DesiredRow)
    assert dict(rows.select("person_id", "score").iter_rows()) == wanted
    assert rows["fit"].null_count() == len(wanted)
    assert store.decided.frame(tables.DesiredRow, "p2")["score"].to_list() == [8.07]
