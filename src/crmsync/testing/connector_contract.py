# ruff: noqa: S101 - asserting is what a test does
"""What every connector must do, as tests that its authors inherit. Only the public contract of `crmsync.connect` is used.

    from crmsync.testing.connector_contract import ConnectorContract, ContractRig

    class MyRig(ContractRig):
        ...                             # a CRM that answers, a connector before it, and a user's hands in front of it

    class TestMyConnector(ConnectorContract):
        @pytest.fixture
        def rig(self):
            yield MyRig(...)

Each test gets a fresh, empty CRM from the fixture `rig`. Times are the rig's: nothing sleeps. The rig's clock must stand far
from that of the machine (the sandbox's virtual clock in 2016), so that a connector which asks its own machine is found out.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from crmsync.connect.contract import UNREAD, Connector, Costed, Diagnosing, Need, Page, PullRequest, PushBatch, Use
from crmsync.errors import StopConnector
from crmsync.messages import LANGUAGES, catalogue, say
from crmsync.model.changes import Change, FieldDiff, Receipt
from crmsync.model.records import RawRecord

MANY = 230
"""More people than two pages of any vendor's batch endpoints hold."""

_CLOCKS_APART = timedelta(days=365)


class ContractRig(ABC):
    """What an author supplies. `people` is an object of people and `text` a free-text field of it that users and crmsync may
    both write; `key_field` is the unique field of the task object by which tasks are upserted."""

    connector: Connector
    connection: str = "crm"
    people: str
    text: str
    key_field: str

    @abstractmethod
    def now(self) -> datetime:
        """The CRM's clock, aware."""

    @abstractmethod
    def pass_time(self, seconds: float) -> None:
        """Move the CRM's clock; indexes catch up, transactions end."""

    @abstractmethod
    def create(self, text: str) -> str:
        """A user makes a person whose text field holds this; gives the id as the connector names it."""

    @abstractmethod
    def edit(self, id: str, text: str) -> None:
        """A user writes this into a person's text field."""

    @abstractmethod
    def delete(self, id: str) -> None:
        """A user deletes a person."""

    @abstractmethod
    def text_of(self, id: str) -> str | None:
        """What stands in a person's text field in the CRM at this moment."""

    @abstractmethod
    def task(self, key: str, person: str) -> Change:
        """An upsert of a task of this person by this key, with all that the CRM wants of a task."""

    @abstractmethod
    def tasks(self, key: str) -> int:
        """How many live tasks carry this key in the CRM."""

    @abstractmethod
    def hide(self, object: str) -> None:
        """From now on the credentials may not read this object."""

    def update(self, id: str, text: str, *, key: str = "", expected: datetime | None = None, field: str = "") -> Change:
        """A change of one field of one person, decided on the version of `expected`."""
        diff = FieldDiff(field or self.text, None, None, text)
        return Change(
            key or f"change {id}",
            self.connection,
            self.people,
            "update",
            (diff,),
            "person",
            record_id=id,
            expected_modified_at=expected,
        )

    def pull(self, cursor: Mapping[str, Any] | None = None, *more: str) -> Iterator[Page]:
        """Pull the people from a cursor, as crmsync does: the cursor has been through the database."""
        stored = None if cursor is None else json.loads(json.dumps(dict(cursor)))
        return self.connector.pull(PullRequest(self.people, (self.text, *more), stored))

    def push(self, *changes: Change) -> dict[str, Receipt]:
        """Push changes of one object; receipts by key. Each change has exactly one."""
        receipts = list(self.connector.push(PushBatch(changes[0].object, changes)))
        assert sorted(r.key for r in receipts) == sorted(c.key for c in changes), "each change has exactly one receipt"
        return {receipt.key: receipt for receipt in receipts}


class ConnectorContract:
    """The contract. Inherit it, and give a fixture `rig`."""

    # ------------------------------------------------------------------------------------------------------------ pull

    def test_a_first_pull_brings_every_record_exactly_once(self, rig: ContractRig) -> None:
        made = _populated(rig, MANY)
        records = _records(rig.pull())
        assert sorted(record.id for record in records) == sorted(made)
        assert {record.id: record.fields[rig.text] for record in records} == made
        assert {record.object for record in records} == {rig.people}

    def test_a_crash_after_any_page_loses_nothing(self, rig: ContractRig) -> None:
        made = _populated(rig, MANY)
        pages = list(rig.pull())
        assert len(pages) > 1, "the rig's CRM must hand out more than one page"
        for number, page in enumerate(pages):
            before = [record.id for stored in pages[: number + 1] for record in stored.records]
            rest = [record.id for record in _records(rig.pull(page.cursor))]
            assert set(before) | set(rest) == set(made), f"lost after page {number + 1}"

    def test_a_crash_in_the_middle_of_a_window_loses_nothing(self, rig: ContractRig) -> None:
        made = _populated(rig, MANY)
        cursor = _cursor(rig.pull())
        rig.pass_time(3600)
        for id_ in made:
            rig.edit(id_, "edited")
        rig.pass_time(3600)
        first = next(iter(rig.pull(cursor)))
        rest = _records(rig.pull(first.cursor))
        seen = {record.id for record in (*first.records, *rest) if record.fields[rig.text] == "edited"}
        assert seen == set(made)

    def test_only_news_come_after_the_first_pull(self, rig: ContractRig) -> None:
        made = _populated(rig, 20)
        cursor = _cursor(rig.pull())
        rig.pass_time(7200)
        cursor = _cursor(rig.pull(cursor))  # what the overlap repeats has come and gone
        rig.pass_time(7200)
        edited = min(made)
        rig.edit(edited, "edited")
        rig.pass_time(7200)
        records = _records(rig.pull(cursor))
        assert {(record.id, record.fields[rig.text]) for record in records} == {(edited, "edited")}

    def test_an_empty_window_yields_a_page_whose_cursor_loses_nothing(self, rig: ContractRig) -> None:
        assert list(rig.pull()), "an empty CRM still gives a page"
        cursor = _cursor(rig.pull())
        rig.pass_time(7200)
        pages = list(rig.pull(cursor))
        assert pages, "an empty window still gives a page"
        assert [record for page in pages for record in page.records] == []
        rig.pass_time(60)
        made = rig.create("late")
        rig.pass_time(7200)
        assert [record.id for record in _records(rig.pull(pages[-1].cursor))] == [made]

    def test_a_deleted_record_comes_as_deleted(self, rig: ContractRig) -> None:
        gone, kept = rig.create("gone"), rig.create("kept")
        rig.pass_time(7200)
        cursor = _cursor(rig.pull())
        rig.pass_time(86_400)
        rig.delete(gone)
        rig.pass_time(86_400)
        last = {record.id: record.is_deleted for record in _records(rig.pull(cursor))}
        assert last.get(gone) is True
        assert last.get(kept) is not True

    def test_a_field_that_is_not_there_costs_nothing(self, rig: ContractRig) -> None:
        made = _populated(rig, 3)
        records = _records(rig.pull(None, "crmsync_no_such_field"))
        assert {record.id: record.fields[rig.text] for record in records} == made

    def test_cursors_are_the_crms_time_and_never_this_machines(self, rig: ContractRig) -> None:
        assert abs(datetime.now(UTC) - rig.now()) > _CLOCKS_APART, "the rig's clock must stand far from this machine's"  # noqa: TID251 - to be told from the rig's
        _populated(rig, 3)
        cursor = _cursor(rig.pull())
        rig.pass_time(3600)
        cursor = _cursor(rig.pull(cursor))
        assert [at for at in _instants(cursor) if abs(at - rig.now()) > _CLOCKS_APART and at.year > 1971] == []
        late = rig.create("late")
        rig.pass_time(3600)
        assert late in {record.id for record in _records(rig.pull(cursor))}

    # ------------------------------------------------------------------------------------------------------------ read

    def test_a_read_by_id_leaves_out_what_is_not_there(self, rig: ContractRig) -> None:
        kept, gone = rig.create("kept"), rig.create("gone")
        rig.delete(gone)
        rig.pass_time(60)
        found = rig.connector.read(rig.people, [kept, gone], [rig.text])
        live = {id_: record.fields[rig.text] for id_, record in found.items() if not record.is_deleted}
        assert live == {kept: "kept"}

    # -------------------------------------------------------------------------------------------------------- describe

    def test_an_object_that_may_not_be_read_says_so_and_hides_no_other(self, rig: ContractRig) -> None:
        other = str(rig.connector.capabilities.task_object)
        rig.hide(other)
        schemas = rig.connector.describe([rig.people, other])
        assert (schemas[rig.people].readable, schemas[other].readable) == (True, False)
        assert rig.text in schemas[rig.people].fields

    def test_what_can_be_written_is_what_is_declared(self, rig: ContractRig) -> None:
        can = rig.connector.capabilities
        streams = {stream.object for stream in can.streams}
        assert rig.people in can.person_objects
        assert {*can.person_objects, *can.user_objects, *can.writable} <= streams
        assert can.task_object in can.writable
        assert {name for stream in can.streams for name in stream.after} <= streams

    # ------------------------------------------------------------------------------------------------------------ push

    def test_every_change_is_answered_once_and_a_bad_one_costs_no_other(self, rig: ContractRig) -> None:
        made = list(_populated(rig, MANY // 2))
        gone = rig.create("gone")
        rig.delete(gone)
        good = [rig.update(id_, "written") for id_ in made[1:]]
        odd = [rig.update(gone, "written"), rig.update(made[0], "written", field="crmsync_no_such_field")]
        receipts = rig.push(*good[:50], *odd, *good[50:])
        assert {receipts[change.key].outcome for change in good} == {"written"}
        assert {receipts[change.key].outcome for change in odd} <= {"rejected", "conflict"}
        assert {rig.text_of(id_) for id_ in made[1:]} == {"written"}

    def test_the_same_update_twice_is_harmless(self, rig: ContractRig) -> None:
        id_ = rig.create("before")
        rig.pass_time(60)
        receipts = [rig.push(rig.update(id_, "after", key="change"))["change"] for _ in range(2)]
        assert receipts[0].outcome == "written"
        assert receipts[1].outcome in ("written", "unchanged")
        assert rig.text_of(id_) == "after"

    def test_an_upsert_twice_makes_one_record(self, rig: ContractRig) -> None:
        person = rig.create("somebody")
        rig.pass_time(60)
        first = rig.push(rig.task("clock-1", person))
        rig.pass_time(60)
        second = rig.push(rig.task("clock-1", person))
        assert [receipt.outcome for receipt in first.values()] == ["written"]
        assert not {receipt.outcome for receipt in second.values()} & {"rejected", "unknown"}
        assert rig.tasks("clock-1") == 1

    def test_a_record_that_moved_since_is_a_conflict_and_keeps_what_people_wrote(self, rig: ContractRig) -> None:
        moved, still = rig.create("before"), rig.create("before")
        rig.pass_time(7200)
        stamps = {record.id: record.modified_at for record in _records(rig.pull())}
        rig.pass_time(600)
        rig.edit(moved, "by hand")
        rig.pass_time(600)
        receipts = rig.push(*(rig.update(id_, "by us", expected=stamps[id_]) for id_ in (moved, still)))
        assert receipts[f"change {moved}"].outcome == "conflict"
        assert receipts[f"change {still}"].outcome == "written"
        assert (rig.text_of(moved), rig.text_of(still)) == ("by hand", "by us")

    def test_the_stamp_of_a_write_is_the_one_that_the_next_pull_shows(self, rig: ContractRig) -> None:
        """Else our own write would look like somebody's edit, and the next change of the record would be a conflict."""
        id_ = rig.create("before")
        rig.pass_time(7200)
        cursor = _cursor(rig.pull())
        rig.pass_time(600)
        receipt = rig.push(rig.update(id_, "after", key="change"))["change"]
        rig.pass_time(7200)
        shown = {record.id: record.modified_at for record in _records(rig.pull(cursor))}
        assert receipt.record_id == id_
        assert receipt.modified_at == shown[id_]

    # ------------------------------------------------------------------------------------------------------- diagnosis

    def test_what_a_connector_finds_can_be_told_and_changes_nothing(self, rig: ContractRig) -> None:
        if not isinstance(rig.connector, Diagnosing):
            return
        id_ = rig.create("before")
        rig.pass_time(60)
        findings = list(rig.connector.diagnose((Use(rig.people, (rig.text,), (rig.text,)),)))
        assert {finding.state for finding in findings} == {"ok"}, "nothing is wrong with a fresh rig"
        for finding in findings:
            assert f"check.{finding.check}" in catalogue(), "the side that was looked at has a name"
            for language in LANGUAGES:
                assert say(finding.code, language, feature="", connection="", **finding.params)
        assert rig.text_of(id_) == "before"

    def test_an_object_that_may_not_be_read_is_told_by_the_pull_and_its_cursor_stays(self, rig: ContractRig) -> None:
        rig.create("somebody")
        rig.pass_time(7200)
        cursor = _cursor(rig.pull())
        rig.hide(rig.people)
        rig.connector.describe([rig.people])
        try:
            pages = list(rig.pull(cursor))
        except StopConnector:
            return  # a connector that knows no better stops as a whole: that is no empty CRM either
        told = [notice for page in pages for notice in page.notices]
        assert [(notice.code, notice.stands) for notice in told] == [(UNREAD, True)]
        assert _records(iter(pages)) == []
        assert pages[-1].cursor == cursor

    def test_the_forecast_of_a_connector_is_about_the_objects_asked_for(self, rig: ContractRig) -> None:
        if not isinstance(rig.connector, Costed):
            return
        costs = rig.connector.costs((Use(rig.people, (rig.text,), (rig.text,)),))
        assert [cost.object for cost in costs] == [rig.people]
        assert all(cost.each_cycle >= 1 for cost in costs), "nothing is learnt without asking"

    # ------------------------------------------------------------------------------------------------------- provision

    def test_a_look_at_what_is_missing_changes_nothing(self, rig: ContractRig) -> None:
        needs = [Need(rig.people, name, "text", "Label") for name in (rig.text, "crmsync_not_there")]
        steps = rig.connector.provision(needs, apply=False)
        assert [(step.need.field, step.state) for step in steps] == [(rig.text, "present"), ("crmsync_not_there", "missing")]
        assert "crmsync_not_there" not in rig.connector.describe([rig.people])[rig.people].fields


def _populated(rig: ContractRig, count: int) -> dict[str, str]:
    """id → text of so many people, made a while ago."""
    made = {rig.create(f"text {number}"): f"text {number}" for number in range(count)}
    rig.pass_time(7200)
    return made


def _records(pages: Iterator[Page]) -> list[RawRecord]:
    return [record for page in pages for record in page.records]


def _cursor(pages: Iterator[Page]) -> Mapping[str, Any]:
    """Where a whole walk ends."""
    return list(pages)[-1].cursor


def _instants(value: Any) -> Iterator[datetime]:
    """Everything in a cursor that reads like an instant: ISO 8601 text, or milliseconds since 1970."""
    if isinstance(value, Mapping):
        for child in value.values():
            yield from _instants(child)
    elif isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            return
        yield at if at.tzinfo else at.replace(tzinfo=UTC)
    elif isinstance(value, Sequence):
        for child in value:
            yield from _instants(child)
    elif isinstance(value, int | float) and value > 10**11:
        yield datetime.fromtimestamp(value / 1000, UTC)
