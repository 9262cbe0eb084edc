"""What a CRM hints at is read before polling would come to it, and whatever hints come or do not, the end is that of polling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from fake_house import House
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from crmsync.connect.calls import CallRejected
from crmsync.errors import RetryLater
from crmsync.model.records import RawRecord
from crmsync.store.hints import Hints
from crmsync.sync.forget import forget
from crmsync.sync.pipeline import learn, run_cycle
from crmsync.sync.workspace import Moment
from crmsync.testing.fake_connector import FakeConnector

OBJECTS = ("users", "contacts", "visits", "tasks")
_TROUBLE = {"connection": "ma", "method": "POST", "path": "/x", "vendor_code": "X", "message": ""}


def hint(house: House, *ids: str, crm: str = "ma", object_: str = "contacts") -> None:
    house.store.hints.take(crm, [(object_, id_) for id_ in ids], house.clock.now())


def waiting(house: House, crm: str = "ma") -> set[str]:
    return {id_ for marks in house.store.hints.waiting(crm, 100).values() for id_ in marks}


def quick(house: House) -> None:
    """What a wake-up does: nothing is read but what was hinted at."""
    run_cycle(house.workspace, Moment(house.clock.now()), only="ma", hinted_only=True)


def stored(house: House, id_: str, crm: str = "ma", object_: str = "contacts") -> RawRecord | None:
    return house.store.staging.latest(crm, object_, [id_]).get(id_)


def test_a_record_that_was_hinted_at_is_read_without_any_pull(house: House) -> None:
    house.cycle()
    id_ = house.contact("ma", "tanaka@acme.example")
    house.ma.pulls.clear()
    hint(house, id_)
    quick(house)
    record = stored(house, id_)
    assert record is not None
    assert record.fields["email"] == "tanaka@acme.example"
    assert house.person_of("ma", id_), "it is somebody by now"
    assert house.ma.pulls == []
    assert waiting(house) == set()


def test_nothing_is_known_of_a_record_but_what_was_read(house: House) -> None:
    house.cycle()
    hint(house, "nobody")
    hint(house, "x", object_="no_such_object")
    before = house.shown()
    quick(house)
    assert stored(house, "nobody") is None
    assert waiting(house) == set()
    assert house.shown() == before


def test_a_full_cycle_brings_no_second_version_of_what_a_hint_brought(house: House) -> None:
    house.cycle()
    hint(house, house.contact("ma", "tanaka@acme.example"))
    quick(house)
    _, newest = house.store.staging.learnt_since("ma", 0)
    pulled = learn(house.workspace, Moment(house.clock.now()))
    assert sum(stream.new + stream.changed for stream in pulled.streams if stream.object == "contacts") == 0
    assert house.store.staging.learnt_since("ma", newest)[0] == []


def test_a_mark_stays_until_what_was_read_is_stored(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.cycle()
    id_ = house.contact("ma", "tanaka@acme.example")
    hint(house, id_)
    for place in ("stage_read_in", "forget"):
        holder: Any = house.store.staging if place == "stage_read_in" else house.store.hints
        with monkeypatch.context() as patch:
            patch.setattr(holder, place, lambda *_args: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                quick(house)
        house.reopen()
        assert (stored(house, id_), waiting(house)) == (None, {id_}), f"killed at {place}, neither half was done"
    quick(house)
    assert stored(house, id_) is not None
    assert waiting(house) == set()


def test_a_record_that_is_hinted_at_again_while_it_is_read_is_read_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.cycle()
    id_ = house.contact("ma", "tanaka@acme.example")
    hint(house, id_)
    read = FakeConnector.read

    def slow(connector: FakeConnector, object: str, ids: Sequence[str], fields: Sequence[str]) -> Any:
        found = read(connector, object, ids, fields)
        house.ma.edit("contacts", id_, title="President")
        hint(house, id_)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(FakeConnector, "read", slow)
        learn(house.workspace, Moment(house.clock.now()), only="ma", hinted_only=True)
    assert waiting(house) == {id_}
    quick(house)
    record = stored(house, id_)
    assert record is not None
    assert record.fields["title"] == "President"


def test_marks_outlive_a_crm_that_is_away(house: House) -> None:
    house.cycle()
    id_ = house.contact("ma", "tanaka@acme.example")
    hint(house, id_)
    house.ma.trouble.is_down = True
    assert [failure.connection for failure in house.cycle().pulled.failures] == ["ma"]
    assert waiting(house) == {id_}
    house.ma.trouble.is_down = False
    quick(house)
    assert waiting(house) == set()


@pytest.mark.parametrize(
    ("error", "left"),
    [(RetryLater("connect.retry", after_seconds=1, **_TROUBLE), True), (CallRejected("connect.rejected", **_TROUBLE), False)],
)
def test_marks_that_cannot_be_read_never_keep_a_connection_from_being_pulled(
    house: House, monkeypatch: pytest.MonkeyPatch, error: Exception, left: bool
) -> None:
    house.cycle()
    id_ = house.contact("ma", "tanaka@acme.example")
    hint(house, id_)

    def refused(*_args: object) -> Any:
        raise error

    monkeypatch.setattr(FakeConnector, "read", refused)
    cycle = house.cycle()
    assert cycle.pulled.failures == ()
    assert stored(house, id_) is not None, "polling brought it"
    assert waiting(house) == ({id_} if left else set()), "what a CRM will not read is not asked for for ever"


class _Looking(FakeConnector):
    """One that can tell what became of records."""

    def look(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> tuple[RawRecord, ...]:
        live = self.read(object, ids, fields)
        return (*live.values(), *(RawRecord(object, id_, {}, None, is_deleted=True) for id_ in ids if id_ not in live))


def test_what_is_gone_goes_and_what_never_was_leaves_no_trace(house: House) -> None:
    workspace = house.workspace
    connections = tuple(replace(c, connector=_Looking(house.crms[c.name])) for c in workspace.connections)
    house.workspace = replace(workspace, connections=connections)
    id_ = house.contact("ma", "tanaka@acme.example")
    house.cycle()
    house.ma.delete("contacts", id_)
    hint(house, id_, "never")
    quick(house)
    record = stored(house, id_)
    assert record is not None
    assert record.is_deleted
    assert stored(house, "never") is None


def test_a_hint_brings_nobody_back_who_was_forgotten(house: House) -> None:
    id_ = house.contact("ma", "tanaka@acme.example")
    house.cycle()
    hint(house, id_)
    house.clock.advance(timedelta(minutes=1))
    forget(house.workspace, "tanaka@acme.example", house.clock.now())
    assert waiting(house) == set(), "the mark was theirs too"
    hint(house, id_)
    quick(house)
    assert stored(house, id_) is None
    assert waiting(house) == set()


def test_no_more_is_read_at_once_than_a_quick_round_bears(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.cycle()
    ids = [house.contact("ma", f"p{number}@acme.example") for number in range(5)]
    for id_ in ids:
        hint(house, id_)
    monkeypatch.setattr("crmsync.sync.hinted.MOST_AT_ONCE", 2)
    quick(house)
    assert waiting(house) == set(ids[:3]), "those hinted at last come first"


# ------------------------------------------------------------------------------------- whatever is delivered, the same end

_HINTED = st.lists(st.integers(0, 5), max_size=4)
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("edit"), st.integers(0, 2), st.sampled_from(("President", "Staff", "Manager"))),
        st.tuples(st.just("new"), st.integers(0, 5), st.just("")),
        st.tuples(st.just("delete"), st.integers(0, 2), st.just("")),
        st.tuples(st.just("visit"), st.integers(0, 2), st.just("")),
        st.tuples(st.just("hint"), st.tuples(_HINTED, st.sampled_from(("contacts", "visits", "users"))), st.just("")),
        st.tuples(st.just("cycle"), st.integers(0, 0), st.just("")),
    ),
    min_size=3,
    max_size=10,
)


def play(directory: Path, steps: list[Any], *, is_heard: bool) -> dict[str, Any]:
    """Play it with every hint, or with none; then let polling come to its end."""
    house = House(directory, objects=OBJECTS)
    people = [house.contact("ma", f"p{number}@acme.example") for number in range(3)]
    house.cycle()
    for what, who, value in steps:
        match what:
            case "edit" if people[who] in house.ma.live("contacts"):
                house.ma.edit("contacts", people[who], title=value)
            case "new":
                house.contact("ma", f"q{who}@acme.example")
            case "delete":
                house.ma.delete("contacts", people[who])
            case "visit":
                house.visit("ma", people[who])
            case "hint" if is_heard:
                numbers, object_ = who
                hint(house, *(f"{object_[0]}{number + 1:04d}" for number in [*numbers, *reversed(numbers)]), object_=object_)
            case "cycle":
                house.cycle()
    for _ in range(3):
        house.cycle()
    refs = {o: sorted(house.store.staging.known_ids("ma", o)) for o in OBJECTS}
    end = {
        "shown": house.shown(),
        "stored": {o: house.store.staging.latest("ma", o, ids) for o, ids in refs.items()},
        "states": house.store.decided.states().to_dicts(),
        "clocks": house.store.decided.clocks().to_dicts(),
        "gaps": house.gaps(),
    }
    assert waiting(house) == set()
    house.workspace.close()
    return end


@settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(_STEPS)
def test_whatever_is_delivered_lost_doubled_or_out_of_order_the_end_is_that_of_polling_alone(steps: list[Any]) -> None:
    with TemporaryDirectory() as heard, TemporaryDirectory() as deaf:
        assert play(Path(heard), steps, is_heard=True) == play(Path(deaf), steps, is_heard=False)


def test_positions_are_kept_as_long_as_the_crm_keeps_its_events(house: House) -> None:
    hints: Hints = house.store.hints
    now = house.clock.now()
    hints.take("sfa", [("contacts", "1")], now, positions={"/data/LeadChangeEvent": "17", "/data/TaskChangeEvent": "9"})
    hints.take("sfa", (), now + timedelta(hours=2), positions={"/data/LeadChangeEvent": "18"})
    span = timedelta(hours=71)
    assert hints.positions("sfa", now + timedelta(hours=70), span) == {"/data/LeadChangeEvent": "18", "/data/TaskChangeEvent": "9"}
    assert hints.positions("sfa", now + timedelta(hours=72), span) == {"/data/LeadChangeEvent": "18"}
    assert hints.positions("ma", now, span) == {}
