"""What connectors tell beside the records, and a run that could not read its people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from fake_house import House

from crmsync.connect.contract import Notice, Page, PullRequest, unread
from crmsync.connect.reserve import ReserveReached, Work
from crmsync.errors import StopConnector
from crmsync.sync.pipeline import learn
from crmsync.sync.workspace import Moment


def tells(house: House, crm: str, notices: dict[str, Notice], *, stops: str = "") -> None:
    """From now on each pull of these objects tells this; that of `stops` breaks off after what it told."""
    connector = house.workspace.connection(crm).connector
    pull = type(connector).pull

    def told(request: PullRequest) -> Iterator[Page]:
        notice = notices.get(request.object)
        for page in pull(connector, request):  # type: ignore[arg-type]  # the fake's own pull
            yield replace(page, notices=(notice,)) if notice else page
        if request.object == stops:
            raise StopConnector("connect.stop", connection=crm)

    connector.pull = told  # type: ignore[method-assign]


def news(cycle: Any) -> list[tuple[str, str, str]]:
    return [(told.connection, told.object, told.code) for told in cycle.pulled.notices if told.is_news]


def test_what_stands_is_news_once_and_again_after_it_was_mended(house: House) -> None:
    missing = unread("deals", "MISSING_SCOPES: deals.read")
    tells(house, "ma", {"deals": missing})
    assert news(house.cycle()) == [("ma", "deals", "connect.unread")]
    second = house.cycle()
    assert news(second) == []
    assert [told.params["why"] for told in second.pulled.notices] == ["MISSING_SCOPES: deals.read"]
    tells(house, "ma", {})
    assert house.cycle().pulled.notices == ()
    tells(house, "ma", {"deals": missing})
    assert news(house.cycle()) == [("ma", "deals", "connect.unread")]


def test_it_is_no_news_to_a_process_that_was_started_anew(house: House) -> None:
    tells(house, "ma", {"deals": unread("deals", "no")})
    house.cycle()
    house.reopen()
    tells(house, "ma", {"deals": unread("deals", "no")})
    assert news(house.cycle()) == []


def test_a_pull_that_breaks_off_forgets_nothing_that_was_told(house: House) -> None:
    notice = Notice("connect.fields_vanished", {"object": "contacts", "fields": "title"})
    tells(house, "ma", {"contacts": notice}, stops="contacts")
    assert news(house.cycle()) == [("ma", "contacts", "connect.fields_vanished")]


def test_a_feature_that_cannot_be_read_costs_no_run_its_success(house: House) -> None:
    tells(house, "ma", {"deals": unread("deals", "no")})
    assert house.cycle().is_complete


def test_a_run_whose_people_cannot_be_read_is_no_whole_one_each_time(house: House) -> None:
    tells(house, "sfa", {"contacts": unread("contacts", "no")})
    for _ in range(2):
        cycle = house.cycle()
        assert not cycle.is_complete
        assert [told.object for told in cycle.pulled.notices if told.is_grave] == ["contacts"]
        assert house.store.runs.frame()["state"].to_list()[-1] == "incomplete"


# ------------------------------------------------------------------------------------------------------------- the reserve


class _Account:
    """A client whose account lets only this work go on."""

    def __init__(self, *allowed: Work) -> None:
        self._allowed = allowed

    def check_reserve(self, work: Work) -> None:
        if work not in self._allowed:
            raise ReserveReached("connect.reserve_reached", connection="sfa", left=1, limit=10)

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("allowed", "written"),
    [
        (("reading", "writing", "promised"), {"tasks", "contacts"}),
        (("writing", "promised"), {"tasks", "contacts"}),
        (("promised",), {"tasks"}),
    ],
)
def test_what_is_promised_is_written_to_the_last_call(house: House, allowed: tuple[Work, ...], written: set[str]) -> None:
    house.cycle()  # everything that is needed for a decision has been read
    house.mql()
    sfa = house.workspace.connection("sfa")
    object.__setattr__(sfa, "client", _Account("reading", "writing", "promised"))
    learn(house.workspace, Moment(house.clock.now()))  # what changed is known, and nothing is decided of it
    object.__setattr__(sfa, "client", _Account(*allowed))
    house.forget_writes()
    cycle = house.cycle()
    assert {change.object for change in house.sfa.writes} == written
    assert cycle.is_complete == ("reading" in allowed)


def test_reading_stops_after_the_page_that_touched_the_reserve(house: House) -> None:
    object.__setattr__(house.workspace.connection("sfa"), "client", _Account("writing", "promised"))
    cycle = house.cycle()
    assert len(house.sfa.pulls) == 1
    assert [(failure.connection, failure.rests) for failure in cycle.pulled.failures] == [("sfa", True)]
    assert len(house.ma.pulls) > 1
