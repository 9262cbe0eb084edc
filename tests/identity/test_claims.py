"""Whose word stands where people set the same thing in several records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from crmsync.identity.claims import Claim, settle

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTES = st.integers(-3, 3).map(lambda minutes: NOON + timedelta(minutes=minutes))


def _claim(record: str, minutes: int, *, certain: bool = False, since: int | None = None, value: str = "") -> Claim:
    known = None if since is None else NOON + timedelta(minutes=since)
    return Claim("p1", "owner", record, value or f"rep of {record}", NOON + timedelta(minutes=minutes), certain, known)


def _winner(*claims: Claim) -> str:
    (settlement,) = settle(claims)
    assert {settlement.claim, *settlement.over} == set(claims)
    return settlement.claim.record


def test_of_two_possible_times_the_later_wins() -> None:
    assert _winner(_claim("a", 0), _claim("b", 1)) == "b"


def test_of_two_certain_times_the_later_wins() -> None:
    assert _winner(_claim("a", 2, certain=True), _claim("b", 1, certain=True)) == "a"


def test_a_certain_time_beats_a_later_possible_one() -> None:
    """The stamp of the other record may come from any edit, long after the owner was set."""
    assert _winner(_claim("a", 0, certain=True), _claim("b", 30)) == "a"
    assert _winner(_claim("a", 0, certain=True), _claim("b", 30, since=-10)) == "a"


def test_a_possible_time_that_is_surely_later_beats_a_certain_one() -> None:
    assert _winner(_claim("a", 0, certain=True), _claim("b", 30, since=10)) == "b"
    assert _winner(_claim("a", 0, certain=True), _claim("b", 30, since=0)) == "b"


def test_at_one_instant_the_greater_ref_wins() -> None:
    assert _winner(_claim("b", 0), _claim("a", 0)) == "b"


def test_every_person_and_thing_has_a_settlement_of_its_own() -> None:
    claims = [Claim(who, what, "r", "v", NOON, True) for who in ("p2", "p1") for what in ("sales_status", "owner")]
    found = [(settlement.claim.person_id, settlement.claim.source, settlement.over) for settlement in settle(claims)]
    assert found == [("p1", "owner", ()), ("p1", "sales_status", ()), ("p2", "owner", ()), ("p2", "sales_status", ())]


@given(
    st.lists(
        st.builds(
            Claim,
            st.just("p1"),
            st.just("owner"),
            st.sampled_from("abcdef"),
            st.sampled_from(("x", "y")),
            MINUTES,
            st.booleans(),
            st.none() | MINUTES,
        ),
        min_size=1,
        max_size=5,
        unique_by=lambda claim: claim.record,
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_in_which_claims_arrive_does_not_matter(claims: list[Claim], chance) -> None:  # type: ignore[no-untyped-def]  # hypothesis names no type
    shuffled = list(claims)
    chance.shuffle(shuffled)
    assert list(settle(shuffled)) == list(settle(claims))
