"""The columns of every frame that goes into a decision or comes out of one. This file is the data model of the core.

Conventions: instants are `Datetime("us", "UTC")`; ids are text; `rep_id` is the rep's e-mail address in lower case (it is the
same person in every CRM); a missing value is null and null is "unknown", never "no". Every frame is sorted by its first
columns before it leaves a function, so that equal content is equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Protocol

import polars as pl

INSTANT = pl.Datetime("us", "UTC")
Schema = dict[str, pl.DataType | type[pl.DataType]]

# ---------------------------------------------------------------------------------------------------------------- facts

PERSONS: Schema = {
    "person_id": pl.String,
    "name": pl.String,  # as the rep reads it: family then given for Japanese names
    "email": pl.String,
    "email_domain": pl.String,
    "free_mail": pl.Boolean,
    "phone": pl.String,
    "company_id": pl.String,
    "company_name": pl.String,
    "title": pl.String,
    "title_rank": pl.Int64,  # the ladder of field.md E: 9 president … 1 staff, 0 unknown
    "industry": pl.String,
    "employees": pl.Int64,
    "territory": pl.String,
    "language": pl.String,  # "ja" | "en"
    "identified": pl.Boolean,  # company name, person name and (e-mail or phone): DOMAIN.md §1
    "missing": pl.List(pl.String),  # which of "company_name", "name", "contact"
    "source_kind": pl.String,  # "inbound" | "outbound"
    "source_method": pl.String,
    "campaign": pl.String,
    "created_at": INSTANT,
    "opted_out": pl.Boolean,  # true when any record of the person says so
    "bounced": pl.Boolean,
    "disqualification": pl.String,  # a reason set by a person in a CRM
    "on_hold": pl.String,  # why nobody is to act now, set by a person in a CRM
    "call_after": INSTANT,  # asked to be approached after this
    "budget": pl.String,  # "unknown" | "no" | "partial" | "yes"; likewise the next three
    "authority": pl.String,
    "need": pl.String,
    "timeframe": pl.String,
    "sales_status": pl.String,  # "new" | "working" | "accepted" | "rejected", by hand in a CRM
    "sales_status_at": INSTANT,
    "rejection_reason": pl.String,
    "acknowledged_at": INSTANT,  # CS took the baton, by an act in the CRM
    "owner_edit": pl.String,  # rep_id that a person set by hand in a CRM since we last wrote or saw the owner
    "owner_edit_at": INSTANT,
    "account_owner": pl.String,  # rep_id who owns the company's record or an earlier person of it
    "is_deleted": pl.Boolean,  # every record of the person is gone
}

TOUCHES: Schema = {
    "person_id": pl.String,
    "at": INSTANT,
    "kind": pl.String,
    "touch_id": pl.String,
    "detail": pl.String,
    "campaign": pl.String,
}

APPROACHES: Schema = {
    "person_id": pl.String,
    "at": INSTANT,
    "kind": pl.String,  # "call" | "email" | "meeting"
    "approach_id": pl.String,
    "rep_id": pl.String,
    "connected": pl.Boolean,
}

OPPORTUNITIES: Schema = {
    "person_id": pl.String,  # one row per person on the opportunity
    "opportunity_id": pl.String,
    "name": pl.String,
    "status": pl.String,  # "open" | "won" | "lost"
    "stage": pl.String,
    "kind": pl.String,
    "amount": pl.Float64,
    "created_at": INSTANT,
    "modified_at": INSTANT,
    "closed_at": INSTANT,
    "lost_reason": pl.String,
    "contract_end": pl.Date,
    "rep_id": pl.String,
}

REPS: Schema = {
    "rep_id": pl.String,
    "name": pl.String,
    "department": pl.String,  # "marketing" | "inside_sales" | "field_sales" | "customer_success"
    "is_active": pl.Boolean,  # in every CRM that knows the rep, and in the team file
    "is_queue": pl.Boolean,
    "absent_until": pl.Date,  # last day of an absence that covers today, in the rep's zone; null when on duty
    "capacity_per_day": pl.Int64,  # approaches per business day
    "weight": pl.Int64,
    "cap": pl.Int64,  # most open leads at once; null = no cap
    "territories": pl.List(pl.String),  # empty = all; likewise the next three
    "industries": pl.List(pl.String),
    "sizes": pl.List(pl.String),
    "languages": pl.List(pl.String),
    "calendar": pl.String,  # a name in calendars.yaml
    "manager": pl.String,
}

# ------------------------------------------------------------------------------------------------ decided before, and now

STATE: Schema = {
    "person_id": pl.String,
    "phase": pl.String,  # inquiry mql sql closed_won closed_lost recycled disqualified; "unidentified" before all
    "phase_at": INSTANT,
    "temperature": pl.String,  # "hot" | "warm" | "cold"
    "temperature_at": INSTANT,
    "cycle": pl.Int64,  # times recycled
    "owner": pl.String,  # rep_id who answers now; null where nobody must
    "department": pl.String,
    "owner_at": INSTANT,
    "owner_because": pl.String,  # "account_owner" | "round_robin" | "crm_user" | "queue" | "reassigned" | …
    "handed_over_at": INSTANT,  # last entry into mql
    "recycled_at": INSTANT,
    "recycle_reason": pl.String,
    "not_before": INSTANT,  # of a recycled person: no re-qualification before; of a lost one: when the delay is over
    "lost_reason": pl.String,
    "opportunity_id": pl.String,  # the opportunity that the phase follows
    "qualified_since": INSTANT,  # waiting in the valve's queue since; null when not waiting
    "definition": pl.String,  # version under which the person last entered mql
    "nurture_list": pl.String,  # the nurture programme they are on; null = none
    "enrolments": pl.String,  # instants at which they were put into programmes, as far as a frequency cap counts them
}

CLOCKS: Schema = {
    "clock_id": pl.String,  # person_id:kind:cycle:attempt — also the idempotency key of its task
    "person_id": pl.String,
    "kind": pl.String,  # a name in sla.yaml: first_approach, verdict, first_meeting, next_activity, kick_off, customer_care
    "attempt": pl.Int64,
    "owner": pl.String,  # the rep the running clock runs for (moves with the owner)
    "started_at": INSTANT,
    "due_at": INSTANT,
    "arithmetic": pl.String,  # how due_at came about, printable: "Fri 17:00 + 24 h = Thu 7 May 17:00; skipped: …"
    "reminded_at": INSTANT,  # escalation steps, each happens once
    "noticed_at": INSTANT,
    "breached_at": INSTANT,
    "reassigned_at": INSTANT,
    "met_at": INSTANT,  # the time the meeting act happened
    "met_by": pl.String,  # approach_id or the act
    "cancelled_at": INSTANT,
    "cancelled_because": pl.String,
    "promised_at": INSTANT,  # due before any hold moved it; null where none did
    "holds": pl.String,  # "begin/end/reason" in UTC, one after the other; no end: nobody knows it yet
}

MOVES: Schema = {
    "person_id": pl.String,
    "at": INSTANT,  # when it happened: the evidence's time for acts of people, `now` for the machine's own
    "sequence": pl.Int64,  # order within one decision
    "source": pl.String,  # phase before
    "target": pl.String,  # phase after
    "because": pl.String,  # the row of the transition table that fired
    "evidence": pl.String,  # touch, opportunity, status … that shows it
    "actor": pl.String,  # "crmsync" | "crm-user"
    "is_jump": pl.Boolean,  # a hand-made move that is no arrow: kept, and flagged
    "definition": pl.String,
}

SCORES: Schema = {
    "person_id": pl.String,
    "fit": pl.Float64,
    "interest": pl.Float64,
    "score": pl.Float64,
    "hot_evidence_at": INSTANT,  # newest explicit high-intent touch
    "last_touch_at": INSTANT,
    "last_touch_kind": pl.String,
}  # plus one column of points per rule, named "rule:<name>"

REASONS: Schema = {
    "person_id": pl.String,
    "rule": pl.String,
    "side": pl.String,  # "fit" | "interest"
    "points": pl.Float64,
    "evidence": pl.String,  # touch_id, or the column and its value
    "evidence_at": INSTANT,
}

QUALIFICATION: Schema = {
    "person_id": pl.String,
    "qualifies": pl.Boolean,
    "rank": pl.Int64,  # 1 = next to be handed over; null when not qualifying
    "released": pl.Boolean,  # handed over in this decision
    "waiting_because": pl.String,  # "capacity" | "not_before" | "no_fresh_evidence" | null
    "failed": pl.List(pl.String),  # the conjuncts that are not true, as written in the definition: why not
    "definition": pl.String,
}

GAPS: Schema = {
    "gap": pl.String,  # a name in gaps.py: no_owner, wrong_department, no_next_action, lost_without_reason, …
    "person_id": pl.String,
    "department": pl.String,  # which must act
    "detail": pl.String,
}

DESIRED: Schema = {
    "person_id": pl.String,
    "phase": pl.String,
    "temperature": pl.String,
    "score": pl.Float64,
    "fit": pl.Float64,
    "interest": pl.Float64,
    "owner": pl.String,  # rep_id; null = leave the CRM's owner alone
    "sales_status": pl.String,  # what the CRM's status field must say; null = leave it alone
    "sla_due_at": INSTANT,
    "sla_state": pl.String,  # running reminded noticed breached met cancelled; null without a clock
    "cycle": pl.Int64,
    "recycle_due_at": INSTANT,
    "recycle_reason": pl.String,
    "nurture_list": pl.String,  # the list of the MA the person belongs on now; null = none
    "definition": pl.String,
    "has_opportunity": pl.Boolean,
}

TASKS: Schema = {
    "clock_id": pl.String,
    "person_id": pl.String,
    "kind": pl.String,
    "owner": pl.String,
    "due_at": INSTANT,
    "arithmetic": pl.String,
    "is_open": pl.Boolean,  # false: close it if it is open
    "priority": pl.String,  # "high" | "normal"
}


def empty(schema: Schema) -> pl.DataFrame:
    """A frame of these columns with no rows."""
    return pl.DataFrame(schema=schema)


def conform(frame: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """The same rows with exactly these columns and types, in this order; absent columns become null."""
    names, types = list(schema), dict(frame.schema)
    if list(types) == names and list(types.values()) == list(schema.values()):
        return frame
    others = [
        pl.col(name).cast(dtype) if name in types else pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in schema.items()
        if types.get(name) != dtype
    ]
    return (frame.with_columns(others) if others else frame)[names]


@lru_cache(maxsize=64)
def instant(at: datetime) -> pl.Expr:
    """This instant in every row. Polars takes as long to make one as to filter a small frame, and each decision has many that say
    the same."""
    return pl.lit(at, dtype=INSTANT)


@dataclass(frozen=True, slots=True)
class Facts:
    """What was known at `now`, and nothing else."""

    persons: pl.DataFrame
    touches: pl.DataFrame
    approaches: pl.DataFrame
    opportunities: pl.DataFrame
    reps: pl.DataFrame

    @classmethod
    def none(cls) -> Facts:
        return cls(empty(PERSONS), empty(TOUCHES), empty(APPROACHES), empty(OPPORTUNITIES), empty(REPS))


@dataclass(frozen=True, slots=True)
class Before:
    """What earlier decisions left: the state of each person, the clocks still of interest (running, or breached and not yet
    met, or ended within this cycle of the person), who was drawn how often, where the valve stands, and the veto against it, if a
    head has given one."""

    state: pl.DataFrame
    clocks: pl.DataFrame
    draws: pl.DataFrame  # pool, rep_id, count
    valve: ValvePosition | None
    veto: Veto | None = None

    @classmethod
    def nothing(cls) -> Before:
        return cls(empty(STATE), empty(CLOCKS), empty(DRAWS), None)

    def under(self, aliases: Mapping[str, str]) -> Before:
        """The same under the ids that people go by now (former id → present one); of two persons who became one, the one that keeps
        its id stands."""
        return replace(self, state=_renamed(self.state, aliases), clocks=_renamed(self.clocks, aliases))


def _renamed(frame: pl.DataFrame, aliases: Mapping[str, str]) -> pl.DataFrame:
    former = frame.filter(pl.col("person_id").is_in(list(aliases)))
    if former.is_empty():
        return frame
    others = frame.join(former.select("person_id"), on="person_id", how="anti")
    renamed = former.with_columns(pl.col("person_id").replace(dict(aliases))).join(others, on="person_id", how="anti")
    # two of them may have become one who was neither
    alone = renamed if "clock_id" in frame.columns else renamed.unique("person_id", keep="first", maintain_order=True)
    return pl.concat([others, alone]).sort(frame.columns[0])


WAKINGS: Schema = {"person_id": pl.String, "at": INSTANT}

DRAWS: Schema = {"pool": pl.String, "rep_id": pl.String, "count": pl.Int64}


@dataclass(frozen=True, slots=True)
class ValvePosition:
    """Where the valve stands: 0.0 = the loose end of the definition, 1.0 = the strict end. `version` is the definition
    version that this position makes ("standard@3.7"); `moved_on` the business day (ISO date) of the last move."""

    position: float
    version: str
    moved_on: str
    cause: str  # "initial" | "busy" | "idle" | "behind_target" | "override" | "vetoed" | "bounds" | "unchanged"
    load: float
    attainment: float | None


@dataclass(frozen=True, slots=True)
class Veto:
    """A head's word against one move, up to and including a day: the valve stands at `position`, where it stood before. `version`
    is the one that the move made, or of a move that was not made yet the one that stood; another definition is not bound by it."""

    version: str
    position: float
    until: date
    department: str
    by: str
    because: str

    def binds(self, version: str, day: date) -> bool:
        """Whether it counts on this day, while the valve stands at this version."""
        return day <= self.until and self.version.rpartition(".")[0] == version.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class Others:
    """What a decision about some persons needs to know of all the others: who waits for capacity (WAITING), and how many open leads
    each owner has beside theirs."""

    waiting: pl.DataFrame
    loads: Mapping[str, int]

    @classmethod
    def nobody(cls) -> Others:
        return cls(empty(WAITING), {})


WAITING: Schema = {"person_id": pl.String, "score": pl.Float64, "last_touch_at": INSTANT}


class Because(Protocol):
    """The reasons of the scores, told when asked for."""

    def of(self, persons: pl.Series | None = None) -> pl.DataFrame:
        """REASONS of these persons (ids), or of everyone, sorted by person and rule."""


class _Nobody:
    """The reasons of nobody."""

    def of(self, _persons: pl.Series | None = None) -> pl.DataFrame:
        return empty(REASONS)


@dataclass(frozen=True, slots=True)
class Decisions:
    """Everything one decision says. The reasons are told on demand: of everyone (`reasons`, as many rows as rules gave points)
    or of a few (`reasons_of`). `wakings` (person_id, at): when time alone may decide something about somebody; `wakes_at`: until
    then nothing changes at all, while nothing new is learnt."""

    state: pl.DataFrame
    clocks: pl.DataFrame
    moves: pl.DataFrame
    scores: pl.DataFrame
    because: Because
    qualification: pl.DataFrame
    gaps: pl.DataFrame
    desired: pl.DataFrame
    tasks: pl.DataFrame
    draws: pl.DataFrame
    valve: ValvePosition
    wakes_at: datetime
    wakings: pl.DataFrame

    @classmethod
    def about_nobody(cls, now: datetime) -> Decisions:
        """What is decided where nothing was to be decided."""
        return cls(
            state=empty(STATE),
            clocks=empty(CLOCKS),
            moves=empty(MOVES),
            scores=empty(SCORES),
            because=_Nobody(),
            qualification=empty(QUALIFICATION),
            gaps=empty(GAPS),
            desired=empty(DESIRED),
            tasks=empty(TASKS),
            draws=empty(DRAWS),
            valve=ValvePosition(0.0, "", "", "unchanged", 0.0, None),
            wakes_at=now,
            wakings=empty(WAKINGS),
        )

    @property
    def waiting(self) -> pl.DataFrame:
        """WAITING: who qualifies and waits for capacity."""
        waits = self.qualification.filter(pl.col("waiting_because") == "capacity").select("person_id")
        return conform(waits.join(self.scores, on="person_id", how="left", maintain_order="left"), WAITING)

    @property
    def reasons(self) -> pl.DataFrame:
        """REASONS of everyone."""
        return self.because.of()

    def reasons_of(self, persons: Iterable[str]) -> pl.DataFrame:
        """REASONS of these persons."""
        return self.because.of(pl.Series(list(persons), dtype=pl.String))

    def frames(self) -> dict[str, pl.DataFrame]:
        """Every frame by name."""
        named = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("valve", "because", "wakes_at", "wakings")}
        return {**named, "reasons": self.reasons}
