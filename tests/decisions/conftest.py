"""People as a test tells them: `case.person("p1").touched("pricing_page")`, then `case.decide()`, then `case.check(...)`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from crmsync.config.document import read_document
from crmsync.config.rules.bant import load_bant
from crmsync.config.rules.calendars import load_calendars
from crmsync.config.rules.nurture import load_nurture
from crmsync.config.rules.recycle import load_recycle
from crmsync.config.rules.routing import load_routing
from crmsync.config.rules.sla import load_sla
from crmsync.decisions import catalogue
from crmsync.decisions.conditions import parse
from crmsync.decisions.decide import decide
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.frames import (
    APPROACHES,
    OPPORTUNITIES,
    PERSONS,
    REPS,
    TOUCHES,
    Before,
    Decisions,
    Facts,
    Schema,
    conform,
    empty,
)
from crmsync.decisions.qualification import Definition, End
from crmsync.decisions.scoring import FitRule, InterestRule, Scoring, Title
from crmsync.decisions.temperature import Rung, TemperatureRules
from crmsync.decisions.valve import Band, MonthTarget, Targets, Valve

RULES = Path(__file__).parents[2] / "mappings" / "rules"
TOKYO = ZoneInfo("Asia/Tokyo")
MONDAY = datetime(2026, 6, 1, 10, tzinfo=TOKYO)
"""The instant at which a case begins: a Monday morning with no holiday near."""

NAME = Title("名", "name")


@cache
def definitions() -> Definitions:
    """The shipped SLA, routing, recycle, calendars and BANT; a scoring and a definition small enough to reckon by hand."""
    columns = catalogue.everything({"manager": 4})
    fit = FitRule("manager", NAME, parse("title_rank >= 4", catalogue.attributes({})), 5)
    interest = (
        InterestRule("pricing", NAME, "pricing_page", 10, half_life_days=14, cap=20),
        InterestRule("quote", NAME, "quote_request", 30, half_life_days=14, is_explicit=True),
    )
    definition = Definition(
        "standard",
        1,
        NAME,
        (parse("title_rank >= 4", columns),),
        (parse("opted_out", columns),),
        End(10, ("hot", "warm")),
        End(30, ("hot",)),
    )
    return Definitions(
        scoring=Scoring(1, (fit,), interest),
        temperature=TemperatureRules(1, hot=Rung(20, 15), warm=Rung(5, 3), explicit_days=7),
        qualification=definition,
        valve=Valve(0.0, 1.0, 0.0, 0.25, Band(1.0, 0.8), Band(0.4, 0.6), Band(0.9, 1.0), 1.1),
        targets=Targets(MonthTarget(), {}, "Asia/Tokyo"),
        bant=load_bant(read_document(RULES / "bant.yaml")),
        routing=load_routing(read_document(RULES / "routing.yaml")),
        sla=load_sla(read_document(RULES / "sla.yaml")),
        recycle=load_recycle(read_document(RULES / "recycle.yaml")),
        nurture=load_nurture(read_document(RULES / "nurture.yaml")),
        calendars=load_calendars(read_document(RULES / "calendars.yaml")),
    )


def tokyo(text: str) -> datetime:
    """An instant by the clocks of Tokyo."""
    return datetime.fromisoformat(text).replace(tzinfo=TOKYO)


def handed_over(case: Case, person_id: str = "p1") -> Person:
    """Handed over at the beginning, on Monday 2026-06-01 at 10:00, warm: due on Tuesday at 10:00."""
    person = case.person(person_id).touched("pricing_page")
    case.decide()
    return person


@dataclass
class Case:
    """Facts that grow, a clock that moves when told to, and what was decided so far."""

    now: datetime = MONDAY
    definitions: Definitions = field(default_factory=definitions)
    rows: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {k: [] for k in ("persons", "touches", "approaches", "opportunities", "reps")}
    )
    before: Before = field(default_factory=Before.nothing)
    last: Decisions | None = None

    # ------------------------------------------------------------------------------------------------------ telling

    def team(self, **more: Any) -> Case:
        """Two reps in inside sales, one each in field sales and customer success."""
        self.rep("is1@x.jp", "inside_sales").rep("is2@x.jp", "inside_sales")
        return self.rep("fs1@x.jp", "field_sales", **more).rep("cs1@x.jp", "customer_success")

    def rep(self, rep_id: str, department: str, **values: Any) -> Case:
        lists: dict[str, Any] = {"territories": [], "industries": [], "sizes": [], "languages": []}
        row = {
            "rep_id": rep_id,
            "department": department,
            "is_active": True,
            "is_queue": False,
            "capacity_per_day": 50,
            "weight": 1,
            "calendar": "tokyo",
        }
        self.rows["reps"] = [r for r in self.rows["reps"] if r["rep_id"] != rep_id] + [{**row, **lists, **values}]
        return self

    def person(self, person_id: str, **values: Any) -> Person:
        """A lead who is a manager, known since a month ago."""
        row = {
            "person_id": person_id,
            "identified": True,
            "title_rank": 4,
            "email": f"{person_id}@a.example",
            "phone": "0312345678",
            "created_at": self.now - timedelta(days=30),
            "is_deleted": False,
        }
        self.rows["persons"].append({**row, **values})
        return Person(self, person_id)

    def edit(self, person_id: str, **values: Any) -> Case:
        """A person's facts are different from now on."""
        row = next(r for r in self.rows["persons"] if r["person_id"] == person_id)
        row.update(values)
        return self

    def edit_rep(self, rep_id: str, **values: Any) -> Case:
        row = next(r for r in self.rows["reps"] if r["rep_id"] == rep_id)
        row.update(values)
        return self

    def edit_opportunity(self, opportunity_id: str, **values: Any) -> Case:
        for row in self.rows["opportunities"]:
            if row["opportunity_id"] == opportunity_id:
                row.update(values)
        return self

    def using(self, **parts: Any) -> Case:
        """Other definitions than the shipped ones."""
        self.definitions = replace(self.definitions, **parts)
        return self

    # ----------------------------------------------------------------------------------------------------- deciding

    def facts(self) -> Facts:
        schemas: Mapping[str, Schema] = {
            "persons": PERSONS,
            "touches": TOUCHES,
            "approaches": APPROACHES,
            "opportunities": OPPORTUNITIES,
            "reps": REPS,
        }
        return Facts(**{name: _frame(self.rows[name], schema) for name, schema in schemas.items()})

    def decide(self, *, after: timedelta = timedelta(0), **spent: float) -> Decisions:
        """Decide now, or some time later; what was decided is known from then on."""
        self.now += after + timedelta(**spent)
        self.last = decide(self.facts(), self.before, self.definitions, self.now)
        self.before = Before(self.last.state, self.last.clocks, self.last.draws, self.last.valve)
        return self.last

    # ----------------------------------------------------------------------------------------------------- checking

    def state(self, person_id: str) -> dict[str, Any]:
        assert self.last is not None
        return self.last.state.row(by_predicate=pl.col("person_id") == person_id, named=True)

    def moves(self, person_id: str) -> list[str]:
        assert self.last is not None
        rows = self.last.moves.filter(pl.col("person_id") == person_id).to_dicts()
        return [f"{m['source']}->{m['target']} {m['because']}{' (jump)' if m['is_jump'] else ''}" for m in rows]

    def clocks(self, person_id: str) -> list[dict[str, Any]]:
        assert self.last is not None
        return self.last.clocks.filter(pl.col("person_id") == person_id).sort("started_at", "clock_id").to_dicts()

    def running(self, person_id: str) -> dict[str, Any]:
        """The one running clock of a person."""
        (only,) = [c for c in self.clocks(person_id) if c["met_at"] is None and c["cancelled_at"] is None]
        return only

    def gaps(self, person_id: str | None = None) -> list[str]:
        assert self.last is not None
        rows = self.last.gaps.to_dicts()
        return [g["gap"] for g in rows if person_id in (None, g["person_id"])]

    def desired(self, person_id: str) -> dict[str, Any]:
        assert self.last is not None
        return self.last.desired.row(by_predicate=pl.col("person_id") == person_id, named=True)

    def open_tasks(self, person_id: str) -> list[str]:
        assert self.last is not None
        rows = self.last.tasks.filter((pl.col("person_id") == person_id) & pl.col("is_open"))
        return rows["clock_id"].to_list()

    def check(self, person_id: str, **expected: Any) -> None:
        """The person's state has these values; `clock` is the kind of the running clock, `gaps` the gap names."""
        actual = dict(self.state(person_id))
        if "clock" in expected:
            running = [c["kind"] for c in self.clocks(person_id) if c["met_at"] is None and c["cancelled_at"] is None]
            actual["clock"] = running[0] if len(running) == 1 else (running or None)
        if "gaps" in expected:
            actual["gaps"] = self.gaps(person_id)
        assert {key: actual[key] for key in expected} == expected


@dataclass
class Person:
    """One person's facts, told in order. Times are the case's `now` unless said otherwise."""

    case: Case
    person_id: str

    def touched(self, kind: str, *, days_ago: float = 0, at: datetime | None = None) -> Person:
        return self._add("touches", "touch_id", kind=kind, at=at or self.case.now - timedelta(days=days_ago))

    def approached(
        self, kind: str = "call", *, by: str = "is1@x.jp", at: datetime | None = None, connected: bool | None = True
    ) -> Person:
        return self._add("approaches", "approach_id", kind=kind, at=at or self.case.now, rep_id=by, connected=connected)

    def opportunity(self, opportunity_id: str, status: str = "open", *, created: datetime | None = None, **values: Any) -> Person:
        created = created or self.case.now
        row = {"opportunity_id": opportunity_id, "status": status, "created_at": created, "modified_at": created, **values}
        return self._add("opportunities", "", **row)

    def status(self, status: str, *, at: datetime | None = None, **values: Any) -> Person:
        """A rep sets the status by hand."""
        self.case.edit(self.person_id, sales_status=status, sales_status_at=at or self.case.now, **values)
        return self

    def accepted(self, *, at: datetime | None = None) -> Person:
        """A rep accepts, with BANT filled in."""
        return self.status("accepted", at=at, need="yes", budget="partial", timeframe="partial")

    def _add(self, table: str, id_column: str, **values: Any) -> Person:
        rows = self.case.rows[table]
        identity = {id_column: f"{table}-{len(rows)}"} if id_column else {}
        rows.append({"person_id": self.person_id, **identity, **values})
        return self


def _frame(rows: list[dict[str, Any]], schema: Schema) -> pl.DataFrame:
    if not rows:
        return empty(schema)
    utc = [{k: v.astimezone(UTC) if isinstance(v, datetime) else v for k, v in row.items()} for row in rows]
    return conform(
        pl.DataFrame(utc, schema_overrides={k: v for k, v in schema.items() if any(k in r for r in utc)}, infer_schema_length=None),
        schema,
    )


@pytest.fixture
def case() -> Case:
    """A case with a small team, on a Monday morning."""
    return Case().team()


@pytest.fixture
def empty_case() -> Case:
    return Case()


@pytest.fixture
def new_case() -> type[Case]:
    """For tests that need many cases."""
    return Case
