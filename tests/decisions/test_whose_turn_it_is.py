"""The draw among many reps comes to what looking at all of them each time comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from hypothesis import example, given
from hypothesis import strategies as st

from crmsync.decisions.turns import Drawn, Turns

REPS = ("a", "b", "c", "d", "e")
POOLS = (REPS, ("a", "b", "c"), ("c", "d"))
Asked = tuple[int, str | None]


def plainly(
    asked: list[Asked], weights: Mapping[str, int], counts: dict[str, int], caps: Mapping[str, int | None], busy: Counter[str]
) -> list[str | None]:
    """Everybody of the pool who is free is brought to its level before each draw, and then looked at."""
    made: list[str | None] = []
    for pool, avoid in asked:
        free = [rep for rep in POOLS[pool] if rep != avoid and (caps[rep] is None or busy[rep] < (caps[rep] or 0))]
        if not free:
            made.append(None)
            continue
        ahead = max(free, key=lambda rep: counts.get(rep, 0) / weights[rep])
        count = counts.get(ahead, 0)
        for rep in free:
            least = -((weights[ahead] - count) * weights[rep] // weights[ahead])
            counts[rep] = max(counts.get(rep, 0), least)
        drawn = min(free, key=lambda rep: (counts[rep] / weights[rep], busy[rep], rep))
        counts[drawn] += 1
        busy[drawn] += 1
        made.append(drawn)
    return made


def in_turn(
    asked: list[Asked], weights: Mapping[str, int], counts: dict[str, int], caps: Mapping[str, int | None], busy: Counter[str]
) -> list[str | None]:
    def is_free(rep: str) -> bool:
        cap = caps[rep]
        return cap is None or busy[rep] < cap

    drawn = Drawn(counts)
    pools = [Turns({rep: weights[rep] for rep in pool}, drawn, busy, is_free) for pool in POOLS]
    made = []
    for pool, avoid in asked:
        rep = pools[pool].draw(avoid)
        busy.update([] if rep is None else [rep])
        made.append(rep)
    return made


def each(values: st.SearchStrategy[int | None]) -> st.SearchStrategy[dict[str, int | None]]:
    return st.fixed_dictionaries(dict.fromkeys(REPS, values))


@given(
    asked=st.lists(st.tuples(st.sampled_from((0, 0, 0, 1, 2)), st.sampled_from((None, None, None, *REPS))), max_size=40),
    weights=st.fixed_dictionaries({rep: st.integers(1, 4) for rep in REPS}),
    counts=st.dictionaries(st.sampled_from(REPS), st.integers(0, 30)),
    caps=each(st.none() | st.integers(0, 9)),
    busy=st.fixed_dictionaries({rep: st.integers(0, 3) for rep in REPS}),
)
@example([(0, "a"), (0, None)], dict.fromkeys(REPS, 1), {"a": 9}, dict.fromkeys(REPS), dict.fromkeys(REPS, 0))
@example([(0, "b"), (0, None), (0, None)], dict.fromkeys(REPS, 1), {}, dict.fromkeys(REPS), dict.fromkeys(REPS, 0))
@example([(1, None)] * 9 + [(0, None)] * 9, dict.fromkeys(REPS, 3), {"d": 40}, dict.fromkeys(REPS), dict.fromkeys(REPS, 0))
def test_nobody_is_drawn_out_of_turn_whoever_shares_the_pool(
    asked: list[Asked],
    weights: dict[str, int],
    counts: dict[str, int],
    caps: dict[str, int | None],
    busy: dict[str, int],
) -> None:
    plain, turns = dict(counts), dict(counts)
    assert in_turn(asked, weights, turns, caps, Counter(busy)) == plainly(asked, weights, plain, caps, Counter(busy))
    assert turns == plain


def test_a_third_of_a_turn_is_not_rounded_up() -> None:
    drawn = Drawn({"a": 10, "b": 7})
    assert Turns({"a": 3, "b": 3}, drawn, {}, lambda _: True).draw() == "b"
    assert drawn.counts == {"a": 10, "b": 8}


def test_many_draws_among_as_many_reps_look_at_each_hardly_more_than_once_a_draw() -> None:
    looks = Counter[str]()

    def is_free(rep: str) -> bool:
        looks[rep] += 1
        return True

    reps = [f"rep{n:04}" for n in range(500)]
    turns = Turns(dict.fromkeys(reps, 1), Drawn({}), {}, is_free)
    assert [turns.draw() for _ in range(1_000)] == [*reps, *reps]
    assert looks.total() < 4_000
