"""A small company with two fake CRMs, a real store and real rules: whole cycles without HTTP.

house = House(tmp_path)
lead = house.lead("sfa", "tanaka@acme.example")
house.visit("ma", "tanaka@acme.example")
house.cycle()
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from plain_rules import write_plain_rules

from crmsync.bootstrap import shipped
from crmsync.config.mappings import load_mappings
from crmsync.config.rules import load_definitions
from crmsync.config.vocabulary import load_vocabulary
from crmsync.connect.contract import Capabilities, Stream
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.team import Rep, Team
from crmsync.identity.vocabulary import Vocabulary
from crmsync.mapping import ObjectMapping
from crmsync.mapping.values import EntityMapping, ReadField
from crmsync.model.changes import Change
from crmsync.planning.writing import Writing
from crmsync.sandbox.clock import VirtualClock
from crmsync.store import Store
from crmsync.sync.pipeline import Cycle, run_cycle
from crmsync.sync.workspace import Connection, Moment, Workspace
from crmsync.testing.fake_connector import FakeConnector, FakeCrm

MAPPINGS = Path(__file__).parent / "fake_mappings"
MONDAY = datetime(2026, 6, 1, 1, tzinfo=UTC)
"""10:00 on a Monday in Tokyo, with no holiday near."""

_PERSON = (
    *("made_at", "email", "family", "given", "company", "title", "employees", "owner", "status", "reason", "opted_out"),
    *("hold", "call_after"),
    *("converted", "need", "budget", "authority", "contact", "phase", "score", "because", "sla_due", "note"),
    *("account", "number", "zip", "phone"),
)
FIELDS: Mapping[str, tuple[str, ...]] = {
    "users": ("name", "email", "active"),
    "leads": _PERSON,
    "contacts": _PERSON,
    "companies": ("made_at", "name", "domain", "number", "owner"),
    "visits": ("contact", "at", "what", "gone"),
    "calls": ("contact", "lead", "at", "by", "done"),
    "deals": ("contact", "made_at", "status", "closed_at", "owner"),
    "changes": ("record", "field", "old", "new", "at", "by"),
    "tasks": ("key", "person", "subject", "body", "due", "owner", "priority", "done", "note"),
}
CAPABILITIES = Capabilities(
    streams=(
        Stream("tasks", after=("contacts",)),
        Stream("visits", is_event=True, after=("contacts",)),
        Stream("calls", is_event=True),
        Stream("deals"),
        Stream("companies", after=("users",)),
        Stream("changes", is_event=True),
        Stream("leads", after=("users",)),
        Stream("contacts", after=("users", "leads", "companies")),
        Stream("users"),
    ),
    writable=("leads", "contacts", "tasks"),
    user_objects=("users",),
    person_objects=("leads", "contacts"),
    task_object="tasks",
    causes={"REFUSED": "required_field", "NO_SUCH_FIELD": "no_such_field", "NOT_FOUND": "record_gone"},
)
WITH_LISTS = replace(CAPABILITIES, streams=(*CAPABILITIES.streams, Stream("lists")), list_object="lists")
LISTS = ObjectMapping("fake", "lists", (EntityMapping("campaign", (ReadField("name", sources=("name",)),)),))
OWNED = frozenset({"phase", "score", "because", "sla_due", "status", "owner"})
"""What the mappings let crmsync write on a person; the rest is somebody else's."""
REPS = {
    "inside_sales": ("is1@home.example", "is2@home.example"),
    "field_sales": ("fs1@home.example",),
    "customer_success": ("cs1@home.example",),
}


@cache
def definitions() -> Definitions:
    """The plain rules: a visit to the pricing page and a manager's title are enough."""
    with TemporaryDirectory() as directory:
        rules = Path(directory) / "rules"
        write_plain_rules(rules, shipped("rules"))
        kinds = frozenset({"pricing_page", "document_request", "quote_request", "seminar", "inbound_call"})
        return load_definitions([rules], vocabulary().ladder.ranks(), kinds)


@cache
def vocabulary() -> Vocabulary:
    return load_vocabulary([shipped("vocabulary")])


@cache
def mappings() -> Mapping[str, ObjectMapping]:
    return load_mappings([MAPPINGS], "fake")


def team(capacity: int = 1000) -> Team:
    """Everybody in the same place, able to approach so many a day."""
    rows = ((rep, department) for department, reps in REPS.items() for rep in reps)
    return Team(tuple(Rep(rep, rep.split("@")[0], department, "tokyo", "Asia/Tokyo", capacity) for rep, department in rows))


class _NoClient:
    """Fakes send nothing."""

    def check_reserve(self, work: str) -> None:
        pass

    def close(self) -> None:
        pass


@dataclass
class House:
    """Two CRMs, one database. `reopen` is what a restart of the process does."""

    directory: Path
    objects: tuple[str, ...] = tuple(FIELDS)
    database: str = ""
    """Its URL; without one, a file in the directory."""
    lists: Mapping[str, str] | None = None  # nurture programme → list; with it both CRMs keep lists
    capacity: int = 1000

    def __post_init__(self) -> None:
        self.roles: Mapping[str, str] = {"ma": "ma", "sfa": "sfa"}
        self.clock = VirtualClock(MONDAY)
        able = CAPABILITIES if self.lists is None else WITH_LISTS
        fields = FIELDS if self.lists is None else {**FIELDS, "lists": ("name",)}
        self.objects = tuple(fields) if self.lists is not None else self.objects
        self.crms = {name: FakeCrm(name, self.clock.now, fields, able) for name in self.roles}
        self.mapping_digest = "1"
        self.definitions_digest = "rules-1"
        self.writing: dict[str, Writing] = {}
        self.users: dict[str, dict[str, str]] = {name: {} for name in self.roles}
        for name, crm in self.crms.items():
            for reps in REPS.values():
                for rep in reps:
                    self.users[name][rep] = crm.insert("users", name=rep.split("@")[0], email=rep, active=True)
        self.workspace = self._open(mappings())

    def _open(self, mapped: Mapping[str, ObjectMapping]) -> Workspace:
        connections = tuple(
            Connection(
                name=name,
                crm="fake",
                role=role,  # type: ignore[arg-type]  # one of the three
                client=_NoClient(),  # type: ignore[arg-type]  # never asked for anything
                connector=FakeConnector(self.crms[name]),
                mappings=mapped if self.lists is None else {**mapped, "lists": LISTS},
                mapping_digest=self.mapping_digest,
                objects=self.objects,
                writing=self.writing.get(name, Writing()),
            )
            for name, role in self.roles.items()
        )
        store = Store.open(self.database or f"sqlite:///{self.directory / 'house.db'}")
        rules = definitions()
        if self.lists is not None:
            rules = replace(rules, nurture=replace(rules.nurture, lists=self.lists, frequency=None))
        return Workspace(store, connections, rules, self.definitions_digest, team(self.capacity), vocabulary(), "en")

    def reopen(self, mapped: Mapping[str, ObjectMapping] | None = None) -> None:
        """Start anew on the same database; with other mappings where given."""
        self.workspace.close()
        if mapped is not None:
            self.mapping_digest += "+"
        self.workspace = self._open(mapped or mappings())

    def write_under(self, crm: str, writing: Writing) -> None:
        """Start anew with another policy, roll-out or other limits for one CRM."""
        self.writing[crm] = writing
        self.reopen()

    @property
    def store(self) -> Store:
        return self.workspace.store

    @property
    def sfa(self) -> FakeCrm:
        return self.crms["sfa"]

    @property
    def ma(self) -> FakeCrm:
        return self.crms["ma"]

    # ------------------------------------------------------------------------------------------------------- acting

    def contact(self, crm: str, email: str, object_: str = "contacts", **values: Any) -> str:
        """A manager of a company, identified by an address."""
        filled = {
            "made_at": self.clock.now().isoformat(),
            "email": email,
            "family": email.split("@")[0].title(),
            "company": "Acme",
            "title": "Manager",
            "note": "not ours",
        }
        return self.crms[crm].insert(object_, **{**filled, **values})

    def visit(self, crm: str, contact: str, what: str = "pricing_page") -> str:
        return self.crms[crm].insert("visits", contact=contact, at=self.clock.now().isoformat(), what=what)

    def call(self, crm: str, by: str, **who: str) -> str:
        return self.crms[crm].insert("calls", at=self.clock.now().isoformat(), by=self.users[crm][by], done="yes", **who)

    def mql(self, email: str = "tanaka@acme.example") -> str:
        """Somebody in both CRMs who meets the definition; gives the id of the contact in the SFA."""
        self.visit("ma", self.contact("ma", email))
        return self.contact("sfa", email)

    def history(self, crm: str, contact: str, field: str, new: str, at: datetime, **more: str) -> str:
        """A row of the CRM's history of a field."""
        return self.crms[crm].insert("changes", record=contact, field=field, new=new, at=at.isoformat(), **more)

    def cycle(self, *, later: timedelta = timedelta(minutes=15), only: str | None = None) -> Cycle:
        """One cycle, a while after the last thing that happened."""
        self.clock.advance(later)
        return run_cycle(self.workspace, Moment(self.clock.now()), only=only)

    def forget_writes(self) -> None:
        for crm in self.crms.values():
            crm.writes.clear()

    # ------------------------------------------------------------------------------------------------------ looking

    @property
    def writes(self) -> list[Any]:
        return [change for crm in self.crms.values() for change in crm.writes]

    def person_of(self, crm: str, id_: str, object_: str = "contacts") -> str:
        return self.store.identity.persons_of([f"{crm}/{object_}/{id_}"])[f"{crm}/{object_}/{id_}"]

    def state(self, person: str) -> dict[str, Any]:
        return next(row for row in self.store.decided.states().to_dicts() if row["person_id"] == person)

    def clocks(self, person: str, *, running: bool = True) -> list[dict[str, Any]]:
        mine = [row for row in self.store.decided.clocks().to_dicts() if row["person_id"] == person]
        return [row for row in mine if not running or (row["met_at"] is None and row["cancelled_at"] is None)]

    def tasks(self, *, open_only: bool = True) -> dict[str, dict[str, Any]]:
        """key → fields of our tasks, in whichever CRM."""
        found = [fields for crm in self.crms.values() for fields in crm.live("tasks").values() if fields.get("key")]
        keys = [fields["key"] for fields in found]
        assert len(keys) == len(set(keys)), "a task was made twice"
        return {fields["key"]: fields for fields in found if not open_only or fields.get("done") != "true"}

    def rep_of(self, crm: str, user: str | None) -> str | None:
        return next((rep for rep, id_ in self.users[crm].items() if id_ == user), None)

    def gaps(self) -> dict[tuple[str, str], datetime]:
        return {(row["gap"], row["person_id"]): row["opened_at"] for row in self.store.decided.gaps().to_dicts()}

    def everything_intended(self) -> list[tuple[Change, Mapping[str, Any]]]:
        """Every change that was ever in the outbox, with what became of it."""
        persons = self.store.decided.states()["person_id"].to_list()
        return [one for person in persons for one in self.store.outbox.history(person)]

    def shown(self) -> dict[str, Any]:
        """Everything that people see in both CRMs, but for the instants of changes."""
        return {name: {object_: crm.live(object_) for object_ in FIELDS} for name, crm in self.crms.items()}


def without(mapped: Mapping[str, ObjectMapping], object_: str, **changes: Any) -> dict[str, ObjectMapping]:
    """The mappings with some attributes of one object replaced."""
    return {**mapped, object_: replace(mapped[object_], **changes)}
