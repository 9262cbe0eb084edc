"""What a colleague can do in a CRM, whichever it is. Each deed lands in the CRM and, apart from it, in the truth."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from crmsync.sandbox.clock import VirtualClock
from crmsync.sandbox.world.person import Case, Person
from crmsync.sandbox.world.roster import Rep
from crmsync.sandbox.world.truth import TrueAct, TrueApproach, TrueOpportunity, TrueRecord, TrueTouch, Truth

Bant = Mapping[str, str]
"""budget, authority, need, timeframe → unknown | no | partial | yes."""


@dataclass(frozen=True, slots=True)
class DeskTask:
    """An open task of crmsync as its owner sees it."""

    system: str
    id: str
    rep_id: str
    person: str


class Desk(ABC):
    """One CRM's side. `log` verbs return (object, id) of what they wrote; `set` verbs change the person's record."""

    system: str

    def __init__(self, clock: VirtualClock, truth: Truth, *, is_stock: bool = False) -> None:
        self._clock = clock
        self._is_stock = is_stock
        self.truth = truth
        self.reps: dict[str, str] = {}

    def fillable(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What the CRM has a field for: where crmsync's own were never set up, nobody can fill them in."""
        return {name: value for name, value in values.items() if not (self._is_stock and name.startswith("crmsync_"))}

    # ------------------------------------------------------------------------------------------------ ours towards them

    def call(self, person: Person, rep: Rep, *, connected: bool, talk: str = "") -> None:
        """A call made now; `talk` is what the rep writes down."""
        self._approached(person, rep, "call", connected, self._log_call(person, rep, connected, talk))

    def write_to(self, person: Person, rep: Rep, subject: str) -> None:
        """A one-to-one e-mail sent now."""
        self._approached(person, rep, "email", False, self._log_email(person, rep, subject))

    def meet(self, person: Person, rep: Rep, title: str) -> None:
        """A meeting that has just been held."""
        self._approached(person, rep, "meeting", True, self._log_meeting(person, rep, title))

    def accept(self, person: Person, rep: Rep, bant: Bant, talk: str) -> None:
        """Inside sales takes the person on: status, BANT and the summary of the talk."""
        self._set_accepted(person, rep, bant, talk)
        person.accepted = True
        self.note(person, "accepted", rep.rep_id, " ".join(f"{letter}={state}" for letter, state in bant.items()))

    def reject(self, person: Person, rep: Rep, reason: str) -> None:
        self._set_rejected(person, rep, reason)
        person.accepted = False
        self.note(person, "rejected", rep.rep_id, reason)

    def acknowledge(self, person: Person, rep: Rep) -> None:
        """Customer success takes the baton of a won customer."""
        self._set_acknowledged(person, rep)
        person.acknowledged = True
        self.note(person, "acknowledged", rep.rep_id)

    # --------------------------------------------------------------------------------------------------- opportunities

    def open_case(self, person: Person, rep: Rep, amount: int) -> Case:
        """Open an opportunity for the person, owned by `rep`."""
        kind, number = self._open_case(person, rep, amount)
        person.case = Case(self.system, number, amount)
        self.truth.put_opportunity(TrueOpportunity(person.key, self.system, kind, number, self._clock.now(), rep.rep_id))
        return person.case

    def take_case(self, case: Case, rep: Rep) -> None:
        """`rep` becomes the owner of an open opportunity."""
        self._own_case(case, rep)
        self._case_changed(case, rep=rep.rep_id)

    def advance_case(self, case: Case, rep: Rep) -> None:
        """One stage on, as far as the last open one."""
        case.stage += 1
        self._stage_case(case, rep)

    def win_case(self, person: Person, case: Case, rep: Rep, contract_end: date, promised: str) -> None:
        self._win_case(case, rep, contract_end, promised)
        case.is_open = False
        person.is_customer, person.acknowledged = True, False
        self._case_changed(case, status="won", closed_at=self._clock.now(), contract_end=contract_end)

    def lose_case(self, person: Person, case: Case, rep: Rep, reason: str) -> None:
        self._lose_case(case, rep, reason)
        case.is_open = False
        person.accepted = False
        self._case_changed(case, status="lost", closed_at=self._clock.now(), lost_reason=reason)

    # ------------------------------------------------------------------------------------------------- theirs towards us

    def touched(self, person: Person, kind: str, object: str, id: str, detail: str = "") -> None:
        """Keep a touch in the truth; the CRM has it already."""
        person.last_touch_at = self._clock.now()
        self.truth.add_touch(TrueTouch(person.key, self._clock.now(), kind, self.system, object, id, detail))

    def note(self, person: Person, kind: str, by: str = "", detail: str = "") -> None:
        """Keep an act in the truth."""
        self.truth.add_act(TrueAct(person.key, self._clock.now(), kind, by, self.system, detail))

    def owns(self, person: Person, object: str, id: str) -> None:
        """Keep in the truth whose record this is."""
        self.truth.add_record(TrueRecord(person.key, self.system, object, id, self._clock.now()))

    @abstractmethod
    def call_in(self, person: Person, rep: Rep) -> None:
        """They ring us, and `rep` writes it down."""

    # ------------------------------------------------------------------------------------------------------- the tasks

    @abstractmethod
    def open_tasks(self) -> Iterator[DeskTask]:
        """Open tasks of crmsync whose person the world knows, in the order of their ids; at least those new since the last look."""

    @abstractmethod
    def is_open(self, task: DeskTask) -> bool:
        """Whether the task is still there, open, and its owner's."""

    @abstractmethod
    def close_task(self, task: DeskTask, rep: Rep) -> None:
        """The rep ticks the task off."""

    # ------------------------------------------------------------------------------------------------- edits by hand

    @abstractmethod
    def owner_of(self, person: Person) -> str | None:
        """rep_id of the owner of the person's record; None for a queue or nobody."""

    @abstractmethod
    def give_to(self, person: Person, owner: Rep, by: Rep) -> None:
        """A manager makes `owner` the owner of the person's record."""

    @abstractmethod
    def edit(self, person: Person, by: Rep, **changes: str | None) -> None:
        """Change phone, title, company or email of the person's record."""

    @abstractmethod
    def remark(self, person: Person, by: Rep, text: str) -> None:
        """Leave a note on the person's record."""

    @abstractmethod
    def opt_out(self, person: Person) -> None:
        """The person wants no more mail from us."""

    @abstractmethod
    def bounce(self, person: Person) -> None:
        """Mail to the person came back for good."""

    @abstractmethod
    def merge_twin(self, person: Person, by: Rep) -> None:
        """Merge the person's duplicate record into the main one; nothing happens where there is none."""

    @abstractmethod
    def deactivate(self, rep: Rep) -> None:
        """The colleague leaves; the records stay theirs."""

    # ------------------------------------------------------------------------------------------------- each CRM's way

    @abstractmethod
    def _log_call(self, person: Person, rep: Rep, connected: bool, talk: str) -> tuple[str, str]: ...

    @abstractmethod
    def _log_email(self, person: Person, rep: Rep, subject: str) -> tuple[str, str]: ...

    @abstractmethod
    def _log_meeting(self, person: Person, rep: Rep, title: str) -> tuple[str, str]: ...

    @abstractmethod
    def _set_accepted(self, person: Person, rep: Rep, bant: Bant, talk: str) -> None: ...

    @abstractmethod
    def _set_rejected(self, person: Person, rep: Rep, reason: str) -> None: ...

    @abstractmethod
    def _set_acknowledged(self, person: Person, rep: Rep) -> None: ...

    @abstractmethod
    def _open_case(self, person: Person, rep: Rep, amount: int) -> tuple[str, str]: ...

    @abstractmethod
    def _own_case(self, case: Case, rep: Rep) -> None: ...

    @abstractmethod
    def _stage_case(self, case: Case, rep: Rep) -> None: ...

    @abstractmethod
    def _win_case(self, case: Case, rep: Rep, contract_end: date, promised: str) -> None: ...

    @abstractmethod
    def _lose_case(self, case: Case, rep: Rep, reason: str) -> None: ...

    # ------------------------------------------------------------------------------------------------------- the truth

    def _approached(self, person: Person, rep: Rep, kind: str, connected: bool, where: tuple[str, str]) -> None:
        made = TrueApproach(person.key, self._clock.now(), kind, rep.rep_id, connected, self.system, *where)
        self.truth.add_approach(made)

    def _case_changed(self, case: Case, **changes: object) -> None:
        former = self.truth.opportunity(case.system, case.id)
        self.truth.put_opportunity(replace(former, **changes))  # type: ignore[arg-type]  # any field of the opportunity


def stamp(at: datetime) -> str:
    """An instant as both CRMs take it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
