"""What really happened, kept apart from both CRMs: the yardstick of every test that plays this world.

Plain frozen values; instants are aware and in UTC. Nothing here is read back from a CRM.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class TruePerson:
    """One human being. `kind` is ordinary, student, competitor or personal; `missing` names what no record of theirs holds
    (company_name, name, contact); `emails` are all addresses they ever had, the present one last."""

    key: str
    kind: str
    language: str
    family_name: str
    given_name: str
    company: str | None
    title: str | None
    title_rank: int
    industry: str | None
    employees: int | None
    territory: str | None
    emails: tuple[str, ...]
    phone: str | None
    missing: tuple[str, ...]
    source_kind: str
    source_method: str
    story: str
    appeared_at: datetime

    @property
    def email(self) -> str | None:
        return self.emails[-1] if self.emails else None


@dataclass(frozen=True, slots=True)
class TrueRecord:
    """A record that is this person's, in one CRM. `gone_at` when it was merged away, deleted or converted."""

    person: str
    system: str
    object: str
    id: str
    since: datetime
    gone_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TrueTouch:
    person: str
    at: datetime
    kind: str
    system: str
    object: str
    record_id: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TrueApproach:
    person: str
    at: datetime
    kind: str  # call | email | meeting
    rep: str
    connected: bool
    system: str
    object: str
    record_id: str


@dataclass(frozen=True, slots=True)
class TrueAct:
    """Something a person of ours, or the world, did to a person's standing: `kind` is one of accepted, rejected, acknowledged,
    ignored, closed_task, owner_changed, edited, changed_job, opted_out, bounced, converted, merged, came_back, interest."""

    person: str
    at: datetime
    kind: str
    by: str = ""
    system: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TrueOpportunity:
    person: str
    system: str
    object: str
    id: str
    opened_at: datetime
    rep: str
    status: str = "open"
    closed_at: datetime | None = None
    lost_reason: str | None = None
    contract_end: date | None = None


class Truth:
    """The log of the world. It only grows; `people`, `records` and `opportunities` hold the latest word on each."""

    def __init__(self) -> None:
        self._people: dict[str, TruePerson] = {}
        self._records: dict[tuple[str, str, str], TrueRecord] = {}
        self._records_of: dict[str, list[tuple[str, str, str]]] = {}
        self._touches: dict[str, list[TrueTouch]] = {}
        self._approaches: dict[str, list[TrueApproach]] = {}
        self._acts: dict[str, list[TrueAct]] = {}
        self._opportunities: dict[tuple[str, str], TrueOpportunity] = {}
        self._opportunities_of: dict[str, list[tuple[str, str]]] = {}

    # ------------------------------------------------------------------------------------------------------- asking

    @property
    def people(self) -> Mapping[str, TruePerson]:
        return self._people

    @property
    def all_touches(self) -> Iterator[TrueTouch]:
        return (touch for touches in self._touches.values() for touch in touches)

    @property
    def all_approaches(self) -> Iterator[TrueApproach]:
        return (approach for approaches in self._approaches.values() for approach in approaches)

    @property
    def all_acts(self) -> Iterator[TrueAct]:
        return (act for acts in self._acts.values() for act in acts)

    def person_of(self, system: str, object: str, id: str) -> TruePerson | None:
        """Whose record this is; None for records of nobody (accounts, campaigns) and unknown ids."""
        record = self._records.get((system, object, id))
        return self._people[record.person] if record else None

    def records(self, person: str | TruePerson, *, live: bool = True) -> tuple[TrueRecord, ...]:
        """The person's records in both CRMs, oldest first; with `live`, only those not merged away, deleted or converted."""
        found = (self._records[key] for key in self._records_of.get(_key(person), ()))
        return tuple(record for record in found if not (live and record.gone_at))

    def touches(self, person: str | TruePerson) -> tuple[TrueTouch, ...]:
        return tuple(self._touches.get(_key(person), ()))

    def approaches(self, person: str | TruePerson) -> tuple[TrueApproach, ...]:
        return tuple(self._approaches.get(_key(person), ()))

    def acts(self, person: str | TruePerson, *kinds: str) -> tuple[TrueAct, ...]:
        """What was done, in time order; of `kinds` when given."""
        return tuple(act for act in self._acts.get(_key(person), ()) if not kinds or act.kind in kinds)

    def opportunities(self, person: str | TruePerson | None = None) -> tuple[TrueOpportunity, ...]:
        if person is None:
            return tuple(self._opportunities.values())
        return tuple(self._opportunities[key] for key in self._opportunities_of.get(_key(person), ()))

    def opted_out(self, person: str | TruePerson) -> datetime | None:
        """When the person first opted out, or None."""
        return next((act.at for act in self.acts(person, "opted_out")), None)

    # ------------------------------------------------------------------------------------------------------ writing

    def add_person(self, person: TruePerson) -> None:
        self._people[person.key] = person

    def change_person(self, key: str, **changes: Any) -> TruePerson:
        self._people[key] = replace(self._people[key], **changes)
        return self._people[key]

    def add_record(self, record: TrueRecord) -> None:
        key = (record.system, record.object, record.id)
        self._records[key] = record
        self._records_of.setdefault(record.person, []).append(key)

    def end_record(self, system: str, object: str, id: str, at: datetime) -> None:
        key = (system, object, id)
        self._records[key] = replace(self._records[key], gone_at=at)

    def add_touch(self, touch: TrueTouch) -> None:
        self._touches.setdefault(touch.person, []).append(touch)

    def add_approach(self, approach: TrueApproach) -> None:
        self._approaches.setdefault(approach.person, []).append(approach)

    def add_act(self, act: TrueAct) -> None:
        self._acts.setdefault(act.person, []).append(act)

    def put_opportunity(self, opportunity: TrueOpportunity) -> None:
        key = (opportunity.system, opportunity.id)
        if key not in self._opportunities:
            self._opportunities_of.setdefault(opportunity.person, []).append(key)
        self._opportunities[key] = opportunity

    def opportunity(self, system: str, id: str) -> TrueOpportunity:
        return self._opportunities[system, id]

    def dump(self) -> dict[str, list[dict[str, Any]]]:
        """Everything, ready for JSON, sorted so that equal worlds give equal bytes."""
        return {
            "people": _rows(self._people.values(), "key"),
            "records": _rows(self._records.values(), "person", "since", "system", "object", "id"),
            "touches": _rows(self.all_touches, "person", "at", "system", "object", "record_id"),
            "approaches": _rows(self.all_approaches, "person", "at", "record_id"),
            "acts": _rows(self.all_acts, "person", "at", "kind", "system", "by", "detail"),
            "opportunities": _rows(self._opportunities.values(), "person", "opened_at", "id"),
        }


def _key(person: str | TruePerson) -> str:
    return person if isinstance(person, str) else person.key


def _rows(values: Any, *by: str) -> list[dict[str, Any]]:
    ordered = sorted(values, key=lambda value: tuple(str(getattr(value, name)) for name in by))
    return [{name: _plain(value) for name, value in asdict(one).items()} for one in ordered]


def _plain(value: Any) -> Any:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value
