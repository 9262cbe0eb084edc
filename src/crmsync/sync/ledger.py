"""What the views of the figures are made from, each frame read when a view first asks for it."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property

import polars as pl

from crmsync.decisions.definitions import Definitions
from crmsync.decisions.frames import Facts
from crmsync.figures.period import Zone
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
        """Every move of a phase (MOVES and run_id), under the ids that people go by now, in the order in which they happened."""
        return self._current(self.workspace.store.decided.moves())

    @cached_property
    def clocks(self) -> pl.DataFrame:
        """Every clock that ever ran (CLOCKS)."""
        return self.workspace.store.decided.clocks()

    @cached_property
    def states(self) -> pl.DataFrame:
        """Where everyone stands (STATE)."""
        return self.workspace.store.decided.states()

    def _current(self, frame: pl.DataFrame) -> pl.DataFrame:
        aliases = self.workspace.store.identity.aliases()
        return frame.with_columns(pl.col("person_id").replace(aliases)) if aliases else frame
