"""What the views of the figures are made from, each frame read when a view first asks for it."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property

import polars as pl

from crmsync.decisions.definitions import Definitions
from crmsync.decisions.frames import STATE, Facts, conform, empty
from crmsync.figures.arrivals import arrivals, profiles
from crmsync.figures.customers import contracts, due_at
from crmsync.figures.handovers import hand_overs
from crmsync.figures.inputs import Inputs, all_visits, cost_of_campaigns, counted_visits
from crmsync.figures.methods import all_spend, with_methods
from crmsync.figures.period import Zone
from crmsync.figures.stays import stays
from crmsync.figures.warmth import spells
from crmsync.model.entities import CampaignSeen, VisitsSeen
from crmsync.sync.facts import gather
from crmsync.sync.workspace import Workspace


class Ledger:
    """The facts, decisions and agreements of one workspace at one instant. Under `--as-of` the workspace is the past one: nothing
    here knows of it."""

    def __init__(self, workspace: Workspace, now: datetime) -> None:
        self.workspace = workspace
        self.now = now

    @property
    def definitions(self) -> Definitions:
        return self.workspace.definitions

    @property
    def zone(self) -> Zone:
        """The zone of the targets, with the fiscal year that recycling goes by."""
        return Zone(self.definitions.targets.time_zone, self.definitions.recycle.fiscal_year_starts)

    @cached_property
    def facts(self) -> Facts:
        return gather(self.workspace, self.now)

    @cached_property
    def moves(self) -> pl.DataFrame:
        """Every move of a phase (MOVES and run_id), in the order in which they happened."""
        return self.workspace.store.decided.moves()

    @cached_property
    def clocks(self) -> pl.DataFrame:
        """Every clock that ever ran (CLOCKS)."""
        return self.workspace.store.decided.clocks()

    @cached_property
    def states(self) -> pl.DataFrame:
        """Where everyone stands (STATE)."""
        return self.workspace.store.decided.states()

    @cached_property
    def stays(self) -> pl.DataFrame:
        """Every stay in a phase up to now (`figures.stays`)."""
        return stays(self.moves, self.now, self.states)

    @cached_property
    def handed(self) -> pl.DataFrame:
        """Every hand-over to inside sales with its verdict (`figures.handovers`)."""
        return hand_overs(self.stays)

    @cached_property
    def handed_because(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Of every hand-over whose reasons are kept: (person_id, run_id, rule: one row per rule that fired) and (person_id, run_id,
        temperature)."""
        rules: list[tuple[str, str, str]] = []
        temperatures: list[tuple[str, str, str | None]] = []
        for person, run, decision in self.workspace.store.decided.hand_overs():
            rules.extend((person, run, reason["rule"]) for reason in decision["reasons"])
            temperatures.append((person, run, decision["desired"].get("temperature")))
        names = {"person_id": pl.String, "run_id": pl.String}
        fired = pl.DataFrame(rules, schema={**names, "rule": pl.String}, orient="row")
        return self._current(fired), self._current(
            pl.DataFrame(temperatures, schema={**names, "temperature": pl.String}, orient="row")
        )

    @cached_property
    def changes(self) -> pl.DataFrame:
        """How everyone stood after each run that changed it (STATE), the oldest first."""
        kept = [conform(frame, STATE) for frame in self.workspace.store.journal.frames("state")]
        return self._current(pl.concat(kept)) if kept else empty(STATE)

    @cached_property
    def reasons(self) -> pl.DataFrame:
        """person_id, at, reason: why somebody was recycled or lost then, as last told; none where nobody said."""
        recycled = self.changes.filter(pl.col("phase") == "recycled").select(
            "person_id", pl.col("recycled_at").alias("at"), pl.col("recycle_reason").alias("reason")
        )
        lost = self.changes.filter(pl.col("phase") == "closed_lost").select(
            "person_id", pl.col("phase_at").alias("at"), pl.col("lost_reason").alias("reason")
        )
        told = pl.concat([recycled, lost]).unique(["person_id", "at"], keep="last", maintain_order=True)
        return told.drop_nulls("reason")

    @cached_property
    def spells(self) -> pl.DataFrame:
        """How long everyone had each temperature (`figures.warmth`)."""
        return spells(self.changes.select("person_id", "temperature", pl.col("temperature_at").alias("since")))

    @cached_property
    def profiles(self) -> pl.DataFrame:
        """What everyone can be split by."""
        bands = [(band.name, band.least, band.most) for band in self.definitions.routing.sizes]
        return profiles(self.facts.persons, self.facts.touches, self.states, bands)

    @cached_property
    def arrivals(self) -> pl.DataFrame:
        """ARRIVALS: everything that ever came to a step of the chain."""
        facts, kinds = self.facts, self.definitions.targets.kinds
        return arrivals(facts.persons, self.moves, facts.opportunities, self.profiles, kinds, due_at(self.contracts, self.zone))

    @cached_property
    def contracts(self) -> pl.DataFrame:
        """Every contract that ends, with what became of it (`figures.customers`)."""
        companies = self.facts.persons.select("person_id", "company_id")
        grace = self.workspace.watch.alarms.renewal_grace_days
        return contracts(self.facts.opportunities, companies, self.zone.day_of(self.now), grace)

    @cached_property
    def spend(self) -> pl.DataFrame | None:
        """GIVEN of everything that was spent, each with the method that it goes with; None where nobody says anything."""
        campaigns = cost_of_campaigns(self.workspace.store.entities.frame(CampaignSeen), self.zone)
        spend = all_spend(self.inputs.spend, campaigns)
        return None if spend is None else with_methods(spend, self.profiles)

    @cached_property
    def visits(self) -> pl.DataFrame | None:
        """GIVEN of everyone who came to the site; None where nobody says anything."""
        return all_visits(self.inputs.visits, counted_visits(self.workspace.store.entities.frame(VisitsSeen)))

    @property
    def inputs(self) -> Inputs:
        return self.workspace.inputs

    def _current(self, frame: pl.DataFrame) -> pl.DataFrame:
        aliases = self.workspace.store.identity.aliases()
        return frame.with_columns(pl.col("person_id").replace(aliases)) if aliases else frame
