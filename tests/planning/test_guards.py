"""Guards, policies and the roll-out, as pure functions: they can only stop and remove."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.model.changes import Change, FieldDiff, WritingPolicy
from crmsync.model.records import RecordRef
from crmsync.planning.guard import Census, Limit, Limits, Loss, Meaning, Tally, judge, judge_losses, needs_census, tally, wish
from crmsync.planning.plan import change_key, digest, make_plan
from crmsync.planning.writing import Rollout, Sifted, Writing, bucket, sift, under_policy

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MEANING = Meaning(
    owners={("Lead", "OwnerId")}, phases={("Lead", "phase")}, people=frozenset({"Lead"}), queues=frozenset({"the queue"})
)
FIELDS = ("OwnerId", "phase", "score", "nurture")
POLICIES: tuple[WritingPolicy, ...] = ("observe", "create-only", "no-clear", "full")


def update(number: int, *diffs: FieldDiff, person: str | None = None, connection: str = "sf") -> Change:
    values = {diff.field: diff.desired for diff in diffs}
    key = change_key(connection, "Lead", str(number), values)
    return Change(key, connection, "Lead", "update", diffs, person or f"p{number}", record_id=str(number))


def creation(number: int) -> Change:
    return Change(
        f"k{number}", "sf", "Task", "upsert", (FieldDiff("Subject", None, None, "Call"),), f"p{number}", key_value=f"c{number}"
    )


def moved(count: int, field: str, current: str | None, desired: str | None) -> list[Change]:
    return [update(number, FieldDiff(field, None, current, desired)) for number in range(count)]


def census(counted: Tally, size: int, **books: int) -> Census:
    """Everything that is touched was written before."""
    return Census(known=counted.records, written=size, live=size, books=books)


def tripped(changes: Iterable[Change], size: int, limits: Limits | None = None, **books: int) -> list[str]:
    counted = tally(changes, MEANING)
    return [alarm.guard for alarm in judge("sf", counted, census(counted, size, **books), limits or Limits())]


# ------------------------------------------------------------------------------------------------------------------ guards


def test_half_of_what_was_written_before_may_be_written_again_and_no_more() -> None:
    assert tripped(moved(100, "score", "1", "2"), 200) == []
    assert tripped(moved(101, "score", "1", "2"), 200) == ["records"]


def test_three_of_five_trip_nothing() -> None:
    for field in FIELDS:
        assert tripped(moved(3, field, "a", "b"), 5, a=5) == []
        assert tripped(moved(3, field, "a", None), 5, a=5) == []


def test_the_first_fill_writes_everyone() -> None:
    counted = tally(moved(5_000, "phase", None, "inquiry"), MEANING)
    assert judge("sf", counted, Census(written=0, live=5_000), Limits()) == ()


def test_the_first_fill_takes_nobodys_owner() -> None:
    counted = tally(moved(600, "OwnerId", "sato", "suzuki"), MEANING)
    alarms = judge("sf", counted, Census(written=0, live=5_000, books={"sato": 600}), Limits())
    assert [(alarm.guard, alarm.about) for alarm in alarms] == [("owners", ""), ("reassigned", "sato")]


def test_a_record_out_of_a_queue_is_taken_from_nobody() -> None:
    assert tripped(moved(600, "OwnerId", "the queue", "suzuki"), 5_000) == []
    assert tripped(moved(600, "OwnerId", None, "suzuki"), 5_000) == []


def test_the_book_of_one_rep_is_guarded_though_the_share_of_all_is_small() -> None:
    assert tripped(moved(40, "OwnerId", "sato", "suzuki"), 5_000, sato=60) == ["reassigned"]


def test_emptied_fields_are_guarded() -> None:
    assert tripped(moved(30, "nurture", "autumn", None), 200) == ["clears"]
    assert tripped(moved(30, "nurture", "autumn", ""), 200) == ["clears"]
    assert tripped(moved(30, "nurture", "autumn", "winter"), 200) == []


def test_phases_are_guarded() -> None:
    assert tripped(moved(60, "phase", "inquiry", "mql"), 200) == ["phases"]


def test_new_tasks_are_no_records_written_again() -> None:
    assert tally([creation(n) for n in range(500)], MEANING) == Tally()


def test_a_source_that_is_suddenly_empty_is_guarded_and_one_that_lost_a_few_is_not() -> None:
    losses = [Loss("contacts", 300, 300), Loss("companies", 300, 40), Loss("deals", 12, 12)]
    alarms = judge_losses("hs", losses, Limits())
    assert [(alarm.guard, alarm.about, alarm.counted, alarm.population) for alarm in alarms] == [("source", "contacts", 300, 300)]


def test_a_share_of_one_switches_a_guard_off() -> None:
    never = Limits(records=Limit(1, 1))
    assert tripped(moved(200, "score", "1", "2"), 200, never) == []


def test_what_was_released_does_not_count_again_and_all_else_does() -> None:
    old, new = moved(60, "phase", "inquiry", "mql"), moved(120, "phase", "inquiry", "mql")[60:]
    released = {wish(change, MEANING) for change in old}
    assert tally(old, MEANING, released) == Tally()
    assert len(tally([*old, *new], MEANING, released).phases) == 60


def test_a_release_is_not_undone_by_a_score_that_decays_and_is_by_another_owner() -> None:
    def change(score: str, owner: str) -> Change:
        return update(1, FieldDiff("score", None, "1", score), FieldDiff("OwnerId", None, "sato", owner))

    assert wish(change("2", "suzuki"), MEANING) == wish(change("3", "suzuki"), MEANING)
    assert wish(change("2", "suzuki"), MEANING) != wish(change("2", "tanaka"), MEANING)


counts = st.integers(0, 400)


@given(counts, counts, counts, counts, counts, st.floats(0, 1), st.integers(1, 300))
def test_a_guard_never_trips_under_its_minimum_population(
    records: int, phases: int, owners: int, clears: int, population: int, share: float, at_least: int
) -> None:
    def refs(count: int) -> frozenset[RecordRef]:
        return frozenset(RecordRef("sf", "Lead", str(number)) for number in range(count))

    limit = Limit(share, at_least)
    limits = Limits(limit, limit, limit, limit, limit, limit)
    counted = Tally(refs(records), refs(phases), refs(owners), refs(clears), {"sato": owners})
    alarms = [
        *judge("sf", counted, census(counted, population, sato=population), limits),
        *judge_losses("sf", [Loss("contacts", population, records)], limits),
    ]
    assert not alarms or population >= at_least
    assert all(alarm.counted > share * alarm.population for alarm in alarms)


@given(st.lists(st.integers(0, 300), min_size=4, max_size=4), counts, st.integers(1, 200))
def test_nobody_needs_to_be_counted_only_where_no_guard_could_trip(sizes: list[int], population: int, at_least: int) -> None:
    refs = [frozenset(RecordRef("sf", "Lead", str(number)) for number in range(size)) for size in sizes]
    counted = Tally(*refs, {"sato": sizes[2]})
    limits = Limits(*(Limit(share, at_least) for share in (0.5, 0.25, 0.1, 0.5, 0.1, 0.2)))
    if judge("sf", counted, census(counted, population, sato=population), limits):
        assert needs_census(counted, limits)


# ---------------------------------------------------------------------------------------------------------------- policies

diffs = st.lists(
    st.builds(
        FieldDiff,
        st.sampled_from(FIELDS),
        st.none(),
        st.sampled_from([None, "", "a", "b"]),
        st.sampled_from([None, "", "a", "b"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda diff: diff.field,
)
some_changes = st.lists(diffs, max_size=8).flatmap(
    lambda lists: st.just([*(update(n, *fields) for n, fields in enumerate(lists)), *(creation(n) for n in range(len(lists)))])
)


def sifted(changes: Iterable[Change], policy: WritingPolicy, rollout: Rollout | None = None) -> Sifted:
    writing = {"sf": Writing(policy, rollout or Rollout())}
    return sift(changes, writing, lambda person: {f"{person}@acme.example"})


def writes(changes: Iterable[Change]) -> set[tuple[str, str, str, str]]:
    """Every single field that would be written, and every record that would be made."""
    return {(c.object, c.record_id or str(c.key_value), d.field, str(d.desired)) for c in changes for d in c.fields}


@given(some_changes, st.sampled_from(POLICIES), st.floats(0, 100))
def test_a_policy_and_a_rollout_only_remove_and_account_for_all_they_remove(
    changes: list[Change], policy: WritingPolicy, percent: float
) -> None:
    found = sifted(changes, policy, Rollout(percent))
    kept, removed = writes(found.changes), writes(one.change for one in found.withheld)
    assert kept | removed == writes(changes)
    assert not kept & removed
    assert all(one.why in ("rollout", policy) for one in found.withheld)


@given(some_changes)
def test_each_policy_lets_through_what_the_stricter_ones_do(changes: list[Change]) -> None:
    kept = [writes(sifted(changes, policy).changes) for policy in POLICIES]
    assert kept[0] == set()
    assert all(stricter <= looser for stricter, looser in pairwise(kept))
    assert kept[-1] == writes(changes)


def test_create_only_touches_no_record_that_is_there() -> None:
    found = sifted([update(1, FieldDiff("score", None, "1", "2")), creation(1)], "create-only")
    assert [change.operation for change in found.changes] == ["upsert"]


def test_no_clear_writes_the_rest_under_a_key_of_its_own() -> None:
    whole = update(1, FieldDiff("score", None, "1", "2"), FieldDiff("nurture", None, "autumn", None))
    kept, (rest,) = under_policy(whole, "no-clear")
    assert kept is not None
    assert (kept.values(), rest.values()) == ({"score": "2"}, {"nurture": None})
    assert len({whole.key, kept.key, rest.key}) == 3


def test_no_clear_does_not_write_what_only_goes_along() -> None:
    whole = update(1, FieldDiff("score", None, "1", "2", alone=False), FieldDiff("nurture", None, "autumn", None))
    assert under_policy(whole, "no-clear") == (None, (whole,))


def test_what_is_withheld_is_no_part_of_the_digest() -> None:
    found = sifted([update(1, FieldDiff("score", None, "1", "2")), creation(1)], "create-only")
    plan = make_plan(found.changes, (), NOW, found.withheld)
    assert plan.digest == digest([creation(1)])
    assert len(plan.withheld) == 1


# ---------------------------------------------------------------------------------------------------------------- roll-out


@given(st.text(), st.floats(0, 100), st.floats(0, 100))
def test_growing_the_percentage_only_adds(person: str, one: float, other: float) -> None:
    smaller, larger = sorted((one, other))
    assert not Rollout(smaller).includes(person) or Rollout(larger).includes(person)


@given(st.text(min_size=1))
def test_nobody_is_in_at_nothing_and_everybody_at_all(person: str) -> None:
    assert not Rollout(0).includes(person)
    assert Rollout(100).includes(person)


@pytest.mark.parametrize("percent", [1, 10, 50])
def test_a_percentage_is_about_that_many(percent: float) -> None:
    joined = sum(Rollout(percent).includes(f"person-{number}") for number in range(20_000))
    assert joined / 200 == pytest.approx(percent, rel=0.1, abs=0.3)


def test_a_person_stands_where_they_stood_yesterday() -> None:
    assert [bucket(person) for person in ("a", "b", "p-000001")] == [3343, 9333, 1520]


@pytest.mark.parametrize("name", ["p1", "p1@acme.example"])
def test_who_is_named_goes_first(name: str) -> None:
    changes = [update(number, FieldDiff("score", None, "1", "2")) for number in (1, 2)]
    found = sifted(changes, "full", Rollout(0, frozenset({name})))
    assert [change.person_id for change in found.changes] == ["p1"]
    assert [(one.change.person_id, one.why) for one in found.withheld] == [("p2", "rollout")]
