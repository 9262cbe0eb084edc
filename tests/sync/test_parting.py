"""A link is taken back, whichever rule made it: both have what they would have if it had never been."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from fake_house import House
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from crmsync.errors import StopConnector
from crmsync.identity.records import Evidence, person_id_from
from crmsync.sync.explain import explain
from crmsync.sync.forget import forget
from crmsync.sync.parting import take_back, unlink
from crmsync.sync.replay import replay
from crmsync.sync.reviews import open_reviews, same

OFFICE = "office@acme.example"
DAY = timedelta(days=1)

# Whose turn it was is taken as it was. The reason goes along with other changes, and tells what was so when it last did.
_WRITTEN_ALONG = ("owner", "because")


class Mailbox:
    """Two people behind one address, of whom one record says half a name: the rules take them for one."""

    def __init__(self, directory: Path, *, are_apart: bool = False) -> None:
        self.house = House(directory)
        self.statuses_left: set[tuple[str, str]] = set()
        contact = self.house.contact
        self.first = contact("sfa", OFFICE, family="Office", given="Ichiro", title="Clerk")
        self.house.clock.advance(timedelta(minutes=1))
        self.second = contact("sfa", OFFICE, given=None)
        if are_apart:
            self._never_linked()
        self.house.cycle()

    def statuses_written(self) -> set[tuple[str, str]]:
        """Records to whose status we have written."""
        return {(change.connection, str(change.record_id)) for change in self.house.writes if "status" in change.values()}

    @property
    def leaving(self) -> str:
        return f"sfa/contacts/{self.second}"

    def _never_linked(self) -> None:
        staying = f"sfa/contacts/{self.first}"
        person, parted = person_id_from(staying), Evidence(parted=(person_id_from(staying),))
        links = [(staying, person, "new", ""), (self.leaving, person_id_from(self.leaving), "new", parted.text())]
        with self.house.store.transaction() as db:
            self.house.store.identity.save_links(db, links, self.house.clock.now())

    def decided(self) -> dict[str, Any]:
        """What stands, but for the attempt of a clock whose task had to be made anew, and for whose turn it was: others were given
        owners meanwhile."""
        store = self.house.store
        clocks = [row for row in store.decided.clocks().to_dicts() if row["cancelled_because"] != "unlinked"]
        blank = {"clock_id": None, "attempt": None, "owner": None}
        return {
            "states": store.decided.states().drop("owner").to_dicts(),
            "clocks": sorted(
                ({**row, **blank} for row in clocks), key=lambda row: (row["person_id"], row["kind"], row["started_at"])
            ),
            "moves": store.decided.moves().drop("id", "run_id").sort("person_id", "at", "sequence").to_dicts(),
            "links": store.identity.links().select("record", "person_id", "rule").to_dicts(),
            "people": {
                (name, id_): {field: value for field, value in fields.items() if value is not None and field not in _WRITTEN_ALONG}
                for name, crm in self.house.crms.items()
                for id_, fields in crm.live("contacts").items()
            },
            "open tasks": sorted(task["person"] for task in self.house.tasks().values()),
        }


def but_for_statuses_left(told: dict[str, Any], linked: Mailbox) -> dict[str, Any]:
    """The status belongs to people as well: what was written there while the two were one is left where nothing else is wanted.
    What was written since they were parted is compared."""
    for record in linked.statuses_left:
        told["people"].get(record, {}).pop("status", None)
    return told


ACTS: dict[str, Callable[[Mailbox], Any]] = {
    "the first looks at prices": lambda box: box.house.visit("sfa", box.first),
    "the second looks at prices": lambda box: box.house.visit("sfa", box.second),
    "the second asks for documents": lambda box: box.house.visit("sfa", box.second, "document_request"),
    "the second is called": lambda box: box.house.call("sfa", "is1@home.example", contact=box.second),
    "the second becomes a manager": lambda box: box.house.sfa.edit("contacts", box.second, title="Manager"),
    "the first becomes a manager": lambda box: box.house.sfa.edit("contacts", box.first, title="Manager"),
    "the second is worked": lambda box: box.house.sfa.edit("contacts", box.second, status="working"),
}
STORY = ("the second looks at prices", "the second is called", "the first looks at prices", "the second is worked")


def told(directory: Path, acts: tuple[str, ...], *, is_parted: bool) -> Mailbox:
    """The story day by day; either the two were never linked, or the link is taken back at its end."""
    box = Mailbox(directory, are_apart=not is_parted)
    for act in acts:
        ACTS[act](box)
        box.house.cycle(later=DAY)
    written = box.statuses_written()
    box.house.forget_writes()
    if is_parted:
        unlink(box.house.workspace, box.leaving, "admin", box.house.clock.now())
    box.house.cycle()
    box.house.cycle()
    box.statuses_left = written - box.statuses_written()
    return box


@pytest.fixture
def box(tmp_path: Path):
    made = Mailbox(tmp_path)
    yield made
    made.house.workspace.close()


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.explicit, Phase.generate])
@given(st.lists(st.sampled_from(sorted(ACTS)), max_size=3).map(tuple))
def test_after_any_story_a_link_taken_back_is_as_if_it_had_never_been(acts: tuple[str, ...]) -> None:
    with TemporaryDirectory() as here, TemporaryDirectory() as there:
        boxes = [told(Path(here), acts, is_parted=True), told(Path(there), acts, is_parted=False)]
        try:
            linked, never = (but_for_statuses_left(one.decided(), boxes[0]) for one in boxes)
            assert linked == never
            boxes[0].house.forget_writes()
            boxes[0].house.cycle()
            assert boxes[0].house.writes == []
        finally:
            for one in boxes:
                one.house.workspace.close()


def test_whoever_was_hot_for_the_other_ones_sake_is_not_any_more(box: Mailbox) -> None:
    ACTS["the second looks at prices"](box)
    box.house.cycle()
    together = box.house.person_of("sfa", box.first)
    assert box.house.state(together)["phase"] == "mql"
    unlink(box.house.workspace, box.leaving, "admin", box.house.clock.now())
    assert box.house.state(together)["phase"] == "inquiry"
    assert box.house.state(box.house.person_of("sfa", box.second))["phase"] == "mql"
    box.house.cycle()
    (task,) = box.house.tasks().values()
    assert task["person"] == box.second


def test_they_never_come_together_by_themselves_again(box: Mailbox) -> None:
    unlink(box.house.workspace, box.leaving, "admin", box.house.clock.now())
    for record in (box.first, box.second):
        box.house.sfa.edit("contacts", record, phone="03-1234-5678")
        box.house.cycle()
    assert box.house.person_of("sfa", box.first) != box.house.person_of("sfa", box.second)
    assert open_reviews(box.house.workspace) == []


def test_the_record_after_which_the_person_is_named_keeps_the_name_and_the_others_leave(box: Mailbox) -> None:
    together = box.house.person_of("sfa", box.first)
    unlink(box.house.workspace, f"sfa/contacts/{box.first}", "admin", box.house.clock.now())
    assert box.house.person_of("sfa", box.first) == together
    assert box.house.person_of("sfa", box.second) == person_id_from(box.leaving)


def test_an_unlink_taken_back_is_asked_and_can_be_answered(box: Mailbox) -> None:
    unlink(box.house.workspace, box.leaving, "admin", box.house.clock.now())
    take_back(box.house.workspace, box.leaving, "admin", box.house.clock.now())
    (asked,) = open_reviews(box.house.workspace)
    assert (asked["record"], asked["why"]) == (box.leaving, "parted")
    same(box.house.workspace, box.leaving, None, "admin", box.house.clock.now())
    assert box.house.person_of("sfa", box.first) == box.house.person_of("sfa", box.second)


def test_two_links_of_one_person_can_be_taken_back_one_after_the_other(box: Mailbox) -> None:
    box.house.clock.advance(timedelta(minutes=1))
    third = box.house.contact("sfa", OFFICE, given=None)
    ACTS["the second looks at prices"](box)
    box.house.visit("sfa", third)
    box.house.cycle()
    together = box.house.person_of("sfa", box.first)
    unlink(box.house.workspace, f"sfa/contacts/{third}", "admin", box.house.clock.now())
    box.house.cycle()
    unlink(box.house.workspace, box.leaving, "admin", box.house.clock.now())
    box.house.cycle()
    phases = {box.house.person_of("sfa", record): None for record in (box.first, box.second, third)}
    phases = {person: box.house.state(person)["phase"] for person in phases}
    assert phases == {together: "inquiry", box.house.person_of("sfa", box.second): "mql", box.house.person_of("sfa", third): "mql"}


def test_both_can_be_explained_and_the_past_replayed(box: Mailbox) -> None:
    for act in STORY:
        ACTS[act](box)
        box.house.cycle(later=DAY)
    unlink(box.house.workspace, box.leaving, "admin", box.house.clock.now())
    box.house.cycle()
    for record in (box.first, box.second):
        assert explain(box.house.workspace, f"sfa/contacts/{record}", box.house.clock.now())
    outcomes = [run.outcome for run in replay(box.house.workspace)]
    assert set(outcomes[-1:]) == {"identical"}


def test_who_is_forgotten_is_forgotten_there_too(box: Mailbox) -> None:
    ACTS["the second looks at prices"](box)
    box.house.cycle()
    unlink(box.house.workspace, box.leaving, "admin", box.house.clock.now())
    person = box.house.person_of("sfa", box.first)
    forget(box.house.workspace, person, box.house.clock.now())
    assert person not in repr([entry.body for entry in box.house.store.journal.entries()])


def test_a_record_that_is_linked_to_nothing_cannot_be_unlinked(house: House) -> None:
    alone = house.contact("sfa", "alone@acme.example")
    house.cycle()
    for record in (f"sfa/contacts/{alone}", "sfa/contacts/none"):
        with pytest.raises(StopConnector) as stopped:
            unlink(house.workspace, record, "admin", house.clock.now())
        assert stopped.value.code == "review.not_asked"
