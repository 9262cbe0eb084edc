"""Contracts that are due, wins that nobody took over, customers nobody looks after."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from journeys import END, MAY, approaches, cases, clocks, day, journey, moves, persons

from crmsync.figures.customers import Aftercare, Renewals, aftercare, contracts, renewals
from crmsync.figures.stays import stays

FIRST, LAST, TODAY = date(2026, 5, 1), date(2026, 5, 31), date(2026, 7, 15)


def contract(person: str, ends: date, **values: Any) -> dict[str, Any]:
    return {"person_id": person, "status": "won", "created": -400, "closed": -390, "contract_end": ends, **values}


def renewed(*won: dict[str, Any], today: date = TODAY, companies: dict[str, str | None] | None = None) -> Renewals:
    schema = {"person_id": pl.String, "company_id": pl.String}
    known = pl.DataFrame(list((companies or {}).items()), schema=schema, orient="row")
    return renewals(contracts(cases(*won), known, today, 30), FIRST, LAST)


def test_a_contract_that_is_due_is_renewed_by_one_that_ends_later_or_lost() -> None:
    found = renewed(contract("a", date(2026, 5, 10)), contract("a", date(2027, 5, 10)), contract("b", date(2026, 5, 20)))
    assert (found.due, found.renewed, found.lost, found.rate) == (2, 1, 1, 0.5)


def test_contracts_that_are_not_due_yet_are_in_no_rate() -> None:
    """The guide's 23rd item. Both end in the period: one has ended, the other will."""
    found = renewed(contract("a", date(2026, 5, 10)), contract("b", date(2026, 5, 30)), today=date(2026, 5, 12))
    assert (found.due, found.not_due, found.pending, found.rate) == (0, 1, 1, None)


def test_a_contract_that_ended_lately_may_still_be_renewed() -> None:
    ended = contract("a", date(2026, 5, 20))
    assert renewed(ended, today=date(2026, 6, 10)).pending == 1
    assert renewed(ended, today=date(2026, 6, 19)).lost == 1
    assert renewed(ended, contract("a", date(2027, 5, 20)), today=date(2026, 5, 21)).renewed == 1


def test_a_renewal_without_an_end_counts_as_one_and_an_upsell_does_not() -> None:
    old = contract("a", date(2026, 5, 10))
    more = {"person_id": "a", "status": "won", "created": 0, "closed": 5}
    assert renewed(old, {**more, "kind": "renewal"}).renewed == 1
    assert renewed(old, {**more, "kind": "upsell"}).renewed == 0


def test_it_is_the_company_that_renews_whoever_signs() -> None:
    both = (contract("a", date(2026, 5, 10)), contract("b", date(2027, 5, 10)))
    assert renewed(*both, companies={"a": "acme", "b": "acme"}).renewed == 1
    assert renewed(*both, companies={"a": "acme", "b": "other"}).renewed == 0


def test_a_contract_with_two_people_on_it_is_one() -> None:
    one = contract("a", date(2026, 5, 10), opportunity_id="o")
    assert renewed(one, {**one, "person_id": "b"}, companies={"a": "acme", "b": "acme"}).due == 1


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=12), st.integers(-40, 90))
def test_every_contract_that_ends_in_the_period_is_in_one_place(ends: list[tuple[int, bool]], today: int) -> None:
    contracts = []
    for number, (offset, again) in enumerate(ends):
        end = FIRST + timedelta(days=offset)
        contracts.append(contract(f"p{number}", end))
        contracts.extend([contract(f"p{number}", end.replace(year=2027))] if again else [])
    found = renewed(*contracts, today=FIRST + timedelta(days=today))
    assert found.renewed + found.lost + found.pending + found.not_due == len(ends)
    assert found.due == found.renewed + found.lost


# ------------------------------------------------------------------------------------------------------------ after the win


def care(who: pl.DataFrame, *journeys: list[dict[str, Any]], acts: Any = (), ran: Any = ()) -> Aftercare:
    return aftercare(who, stays(moves(*journeys), END), clocks(*ran, kind="kick_off"), approaches(*acts), MAY, END, 90)


def won(person: str, at: float) -> list[dict[str, Any]]:
    return journey(person, ("inquiry", -300), ("mql", -290), ("sql", -280), ("closed_won", at))


def test_a_win_that_customer_success_did_not_take_over_is_counted() -> None:
    who = pl.concat([persons("taken", acknowledged_at=day(6)), persons("dropped"), persons("early", acknowledged_at=day(-100))])
    found = care(who, won("taken", 5), won("dropped", 5), won("early", 5), ran=[("dropped", "cs", 5, 12)])
    assert (found.wins, found.unacknowledged, found.overdue) == (3, 2, 1)


def test_who_held_the_kick_off_has_taken_over() -> None:
    ran = clocks(("p", "cs", 5, 12), kind="kick_off").with_columns(pl.lit(day(7)).alias("met_at"))
    found = aftercare(persons("p"), stays(moves(won("p", 5)), END), ran, approaches(), MAY, END, 90)
    assert found.unacknowledged == 0


def test_a_customer_whom_nobody_called_for_too_long_is_un_followed() -> None:
    found = care(
        persons("called", "forgotten"),
        won("called", -200),
        won("forgotten", -200),
        acts=[("called", 1, True), ("forgotten", -150, True)],
    )
    assert (found.customers, found.unfollowed) == (2, 1)


def test_a_new_customer_is_not_un_followed_and_who_wants_no_contact_is_left_alone_on_purpose() -> None:
    assert care(persons("new"), won("new", 5)).unfollowed == 0
    assert care(persons("quiet", opted_out=True), won("quiet", -200)).unfollowed == 0


@pytest.mark.parametrize("gone", [True, False])
def test_who_is_gone_is_no_customer(gone: bool) -> None:
    assert care(persons("p", is_deleted=gone), won("p", -200)).customers == (0 if gone else 1)
