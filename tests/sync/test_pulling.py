"""pull → stage → normalise → resolve, over two CRMs in memory."""

from __future__ import annotations

from datetime import timedelta

from fake_house import House, mappings, without

from crmsync.mapping import ReadField
from crmsync.model.entities import Approach, PersonSeen, TaskSeen, Touch
from crmsync.sync.pipeline import learn
from crmsync.sync.pull import pull
from crmsync.sync.workspace import Moment, Silent


def _learn(house: House, **how: str):
    house.clock.advance(timedelta(minutes=1))
    return learn(house.workspace, Moment(house.clock.now()), **how)


def test_each_stream_is_pulled_after_those_it_needs(house: House) -> None:
    _learn(house)
    order = house.sfa.pulls
    for stream in house.sfa.capabilities.streams:
        assert all(order.index(needed) < order.index(stream.object) for needed in stream.after), stream


def test_an_object_that_is_not_configured_is_not_pulled(house: House) -> None:
    slim = {name: mapping for name, mapping in mappings().items() if name != "deals"}
    sfa = house.workspace.connection("sfa")
    object.__setattr__(sfa, "objects", tuple(slim))
    _learn(house)
    assert "deals" not in house.sfa.pulls
    assert "deals" in house.ma.pulls


def test_one_connection_that_fails_does_not_stop_the_others_and_is_sent_nothing(house: House) -> None:
    house.mql()
    house.cycle()
    house.visit("ma", "c0001", "document_request")
    house.sfa.trouble.is_down = True
    house.forget_writes()
    cycle = house.cycle()
    assert [failure.connection for failure in cycle.pulled.failures] == ["sfa"]
    assert not cycle.is_complete
    assert house.sfa.writes == []
    assert house.ma.get("contacts", "c0001")["score"] == 23
    assert house.store.runs.frame()["state"].to_list()[-1] == "incomplete"


def test_what_was_pulled_before_a_connection_failed_is_kept(house: House) -> None:
    house.contact("sfa", "a@acme.example")
    house.workspace.connection("sfa").connector.pull = _failing_at(house, "contacts")  # type: ignore[method-assign]
    result = _learn(house)
    assert result.failed == {"sfa"}
    assert {stream.object for stream in result.streams if stream.connection == "sfa"} >= {"users"}
    assert house.store.staging.cursor("sfa", "users") is not None
    assert house.store.staging.cursor("sfa", "contacts") is None


def _failing_at(house: House, object_: str):
    connector = house.workspace.connection("sfa").connector
    pull = connector.pull

    def pull_or_fail(request):
        house.sfa.trouble.is_down = request.object == object_
        yield from pull(request)

    return pull_or_fail


def test_only_the_connection_named_is_pulled(house: House) -> None:
    _learn(house, only="ma")
    assert house.ma.pulls
    assert not house.sfa.pulls


def test_a_record_that_does_not_fit_is_quarantined_and_released_when_it_is_mended(house: House) -> None:
    contact = house.contact("sfa", "a@acme.example", employees="many")
    _learn(house)
    assert house.store.entities.quarantined()["ref"].to_list() == [f"sfa/contacts/{contact}"]
    assert house.store.entities.frame(PersonSeen).is_empty()
    house.sfa.edit("contacts", contact, employees="12")
    _learn(house)
    assert house.store.entities.quarantined().is_empty()
    assert house.store.entities.frame(PersonSeen)["employees"].to_list() == [12]


def test_a_record_mended_before_it_was_ever_read_is_not_quarantined(house: House) -> None:
    """Both versions are staged by one pull after another, and normalised together."""
    contact = house.contact("sfa", "a@acme.example", employees="many")
    pull(house.workspace, house.clock.now(), Silent())
    house.sfa.edit("contacts", contact, employees="12")
    _learn(house)
    assert house.store.entities.quarantined().is_empty()


def test_a_quarantined_record_that_is_deleted_leaves_the_quarantine(house: House) -> None:
    contact = house.contact("sfa", "a@acme.example", employees="many")
    _learn(house)
    house.sfa.delete("contacts", contact)
    _learn(house)
    assert house.store.entities.quarantined().is_empty()


def test_a_record_still_unfit_for_the_same_reason_keeps_the_instant_since_when_it_is(house: House) -> None:
    contact = house.contact("sfa", "a@acme.example", employees="many")
    _learn(house)
    since = house.store.entities.quarantined()["since"].to_list()
    house.sfa.edit("contacts", contact, employees="a lot")
    _learn(house)
    row = house.store.entities.quarantined().to_dicts()[0]
    assert ([row["since"]], row["value"]) == (since, "a lot")


def test_what_a_record_showed_earlier_and_shows_no_more_is_forgotten(house: House) -> None:
    contact = house.contact("ma", "a@acme.example")
    visit = house.visit("ma", contact)
    call = house.call("ma", "is1@home.example", contact=contact)
    _learn(house)
    house.ma.edit("visits", visit, gone="yes")
    house.ma.edit("calls", call, done="no")
    _learn(house)
    assert house.store.entities.frame(Touch).is_empty()
    assert house.store.entities.frame(Approach).is_empty()


def test_a_mapping_that_asks_for_another_field_pulls_and_reads_everything_anew(house: House) -> None:
    house.contact("sfa", "a@acme.example", note="logistics")
    _learn(house)
    assert house.store.entities.frame(PersonSeen)["industry"].to_list() == [None]
    person = mappings()["contacts"].entities[0]
    wider = type(person)(person.kind, (*person.fields, ReadField("industry", sources=("note",))), person.when)
    house.reopen(without(mappings(), "contacts", entities=(wider,)))
    _learn(house)
    assert house.store.entities.frame(PersonSeen)["industry"].to_list() == ["logistics"]


def test_a_mapping_that_reads_the_same_fields_otherwise_pulls_nothing_again(house: House) -> None:
    house.contact("sfa", "a@acme.example", reason="logistics")
    _learn(house)
    person = mappings()["contacts"].entities[0]
    other = type(person)(person.kind, (*person.fields, ReadField("industry", sources=("reason",))), person.when)
    house.reopen(without(mappings(), "contacts", entities=(other,)))
    again = _learn(house)
    assert [stream.records for stream in again.streams if (stream.connection, stream.object) == ("sfa", "contacts")] == [0]
    assert house.store.entities.frame(PersonSeen)["industry"].to_list() == ["logistics"]


def test_a_changed_mapping_of_addresses_is_heard_by_identity(house: House) -> None:
    house.contact("sfa", "a@acme.example", reason="one@acme.example")
    house.contact("ma", "b@acme.example", reason="one@acme.example")
    _learn(house)
    assert house.person_of("sfa", "c0001") != house.person_of("ma", "c0001")
    person = mappings()["contacts"].entities[0]
    fields = [f for f in person.fields if f.target != "email"]
    other = type(person)(person.kind, (*fields, ReadField("email", codec="email", sources=("reason",))), person.when)
    house.reopen(without(mappings(), "contacts", entities=(other,)))
    _learn(house)
    reviews = house.store.identity.reviews().to_dicts()
    assert [row["why"] for row in reviews] == ["address_of_another"]  # two persons who now claim one address: people decide


def test_tasks_of_ours_are_seen_when_they_come_back(house: House) -> None:
    house.mql()
    house.cycle()
    _learn(house)
    assert house.store.entities.frame(TaskSeen).height == 1
