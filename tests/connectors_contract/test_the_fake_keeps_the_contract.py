"""The CRM in memory that our own tests lean on, against the contract: what a fake does not keep, tests do not show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from crmsync.connect.contract import Capabilities, Need, Page, ProvisionStep, PullRequest, PushBatch, Stream
from crmsync.model.changes import Association, Change, FieldDiff, Receipt
from crmsync.model.records import ObjectSchema, RawRecord
from crmsync.sandbox.clock import VirtualClock
from crmsync.testing.connector_contract import ConnectorContract, ContractRig
from crmsync.testing.fake_connector import FakeConnector, FakeCrm

CAPABILITIES = Capabilities(
    streams=(Stream("users"), Stream("contacts"), Stream("tasks")),
    writable=("contacts", "tasks"),
    user_objects=("users",),
    person_objects=("contacts",),
    task_object="tasks",
)
FIELDS = {"users": ("email",), "contacts": ("text",), "tasks": ("key", "subject")}


class FakeRig(ContractRig):
    people, text, key_field = "contacts", "text", "key"

    def __init__(self) -> None:
        self.clock = VirtualClock(datetime(2016, 4, 11, 0, 30, tzinfo=UTC))
        self.crm = FakeCrm("crm", self.clock.now, FIELDS, CAPABILITIES)
        self.connector = FakeConnector(self.crm)

    def now(self) -> datetime:
        return self.clock.now()

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    def create(self, text: str) -> str:
        return self.crm.insert("contacts", text=text)

    def edit(self, id: str, text: str) -> None:
        self.crm.edit("contacts", id, text=text)

    def delete(self, id: str) -> None:
        self.crm.delete("contacts", id)

    def text_of(self, id: str) -> str | None:
        row = self.crm.get("contacts", id)
        return None if row is None else row["text"]

    def task(self, key: str, person: str) -> Change:
        subject = (FieldDiff("subject", None, None, "Call"),)
        people = (Association("contacts", person),)
        return Change(
            f"task {key}", "crm", "tasks", "upsert", subject, "person", key_field="key", key_value=key, associations=people
        )

    def tasks(self, key: str) -> int:
        return sum(fields["key"] == key for fields in self.crm.live("tasks").values())

    def hide(self, object: str) -> None:
        self.crm.trouble.hidden.add(object)


class TestFake(ConnectorContract):
    @pytest.fixture
    def rig(self) -> FakeRig:
        return FakeRig()


# ------------------------------------------------------------------------------------------- the contract is able to fail


class LosesOne(FakeConnector):
    def pull(self, request: PullRequest) -> Iterator[Page]:
        for page in super().pull(request):
            yield replace(page, records=page.records[1:])


class RunsAhead(FakeConnector):
    """Its cursor covers a page that it has not given yet."""

    def pull(self, request: PullRequest) -> Iterator[Page]:
        pages = list(super().pull(request))
        yield from (replace(page, cursor=pages[-1].cursor) for page in pages)


class IsSilent(FakeConnector):
    def pull(self, request: PullRequest) -> Iterator[Page]:
        return (page for page in super().pull(request) if page.records)


class ForgetsTheDead(FakeConnector):
    def pull(self, request: PullRequest) -> Iterator[Page]:
        for page in super().pull(request):
            yield replace(page, records=tuple(record for record in page.records if not record.is_deleted))


class AsksItsOwnMachine(FakeConnector):
    def pull(self, request: PullRequest) -> Iterator[Page]:
        for page in super().pull(request):
            yield replace(page, cursor={**page.cursor, "until": datetime.now(UTC).isoformat()})  # noqa: TID251 - the very slip


class StopsAtTheBadOne(FakeConnector):
    def push(self, batch: PushBatch) -> Iterator[Receipt]:
        for receipt in super().push(batch):
            yield receipt
            if receipt.outcome == "rejected":
                return


class NeverLooksFirst(FakeConnector):
    def push(self, batch: PushBatch) -> Iterator[Receipt]:
        changes = tuple(replace(change, expected_modified_at=None) for change in batch.changes)
        return super().push(replace(batch, changes=changes))


class CreatesAlways(FakeConnector):
    def push(self, batch: PushBatch) -> Iterator[Receipt]:
        for change in batch.changes:
            if change.operation == "upsert":
                id_ = self.crm.insert(change.object, key=change.key_value)
                yield Receipt(change.key, "written", id_, self.crm.stamp_of(change.object, id_))
            else:
                yield from super().push(replace(batch, changes=(change,)))


class KeepsItsStamps(FakeConnector):
    def push(self, batch: PushBatch) -> Iterator[Receipt]:
        return (replace(receipt, modified_at=None) for receipt in super().push(batch))


class ReadsTheDead(FakeConnector):
    def read(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, RawRecord]:
        return {id_: RawRecord(object, id_, {"text": "gone"}, None) for id_ in ids}


class CreatesUnasked(FakeConnector):
    def provision(self, needs: Sequence[Need], *, apply: bool) -> tuple[ProvisionStep, ...]:
        super().provision(needs, apply=True)
        return super().provision(needs, apply=False)


class FallsOverWhatIsHidden(FakeConnector):
    def describe(self, objects: Sequence[str]) -> Mapping[str, ObjectSchema]:
        found = super().describe(objects)
        return {name: replace(schema, readable=True) for name, schema in found.items()}


BROKEN = {
    LosesOne: "test_a_first_pull_brings_every_record_exactly_once",
    RunsAhead: "test_a_crash_after_any_page_loses_nothing",
    IsSilent: "test_an_empty_window_yields_a_page_whose_cursor_loses_nothing",
    ForgetsTheDead: "test_a_deleted_record_comes_as_deleted",
    AsksItsOwnMachine: "test_cursors_are_the_crms_time_and_never_this_machines",
    StopsAtTheBadOne: "test_every_change_is_answered_once_and_a_bad_one_costs_no_other",
    NeverLooksFirst: "test_a_record_that_moved_since_is_a_conflict_and_keeps_what_people_wrote",
    CreatesAlways: "test_an_upsert_twice_makes_one_record",
    KeepsItsStamps: "test_the_stamp_of_a_write_is_the_one_that_the_next_pull_shows",
    ReadsTheDead: "test_a_read_by_id_leaves_out_what_is_not_there",
    CreatesUnasked: "test_a_look_at_what_is_missing_changes_nothing",
    FallsOverWhatIsHidden: "test_an_object_that_may_not_be_read_says_so_and_hides_no_other",
}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
def test_a_connector_that_breaks_the_contract_is_found_out(broken: type[FakeConnector]) -> None:
    rig = FakeRig()
    rig.connector = broken(rig.crm)
    with pytest.raises(AssertionError):
        getattr(ConnectorContract(), BROKEN[broken])(rig)
