"""The world: people who visit and ask, reps who call and decide, played on the virtual clock against both CRMs."""

from __future__ import annotations

from datetime import datetime

from crmsync.sandbox.clock import VirtualClock
from crmsync.sandbox.hubspot.portal import Portal
from crmsync.sandbox.salesforce.org import Org
from crmsync.sandbox.world import actors, population
from crmsync.sandbox.world.config import WorldConfig
from crmsync.sandbox.world.hubspot_desk import HubSpotDesk
from crmsync.sandbox.world.roster import Rep
from crmsync.sandbox.world.salesforce_desk import SalesforceDesk
from crmsync.sandbox.world.scene import Scene
from crmsync.sandbox.world.truth import Truth


class World:
    """One seeded world around an org, a portal, or both. The same configuration gives the same world, however time is advanced.

    Only `advance_to` moves the clock; nothing happens between two calls. Not safe for several threads.
    """

    def __init__(self, config: WorldConfig, clock: VirtualClock, org: Org | None, portal: Portal | None) -> None:
        if org is None and portal is None:
            raise ValueError("a world needs an org, a portal, or both")
        self.config = config
        self.clock = clock
        self.truth = Truth()
        salesforce = SalesforceDesk(org, clock, self.truth, is_stock=not config.provisioned) if org else None
        hubspot = HubSpotDesk(portal, clock, self.truth, is_stock=not config.provisioned) if portal else None
        self._scene = Scene(config, clock, self.truth, salesforce, hubspot)

    @property
    def reps(self) -> tuple[Rep, ...]:
        """Everybody who works here, those who left included."""
        return self._scene.reps

    @property
    def queue(self) -> str | None:
        """The id of the Salesforce queue of inside sales."""
        return self._scene.salesforce.queue if self._scene.salesforce else None

    def populate(self) -> None:
        """Live through the past and set the actors going; the clock stands at day zero afterwards.

        Raises ValueError when the clock is past the world's beginning.
        """
        population.populate(self._scene)
        actors.start(self._scene)

    def advance_to(self, at: datetime) -> None:
        """Play everything up to and including `at` (aware); the clock stands there afterwards. An earlier instant does nothing."""
        self._scene.timeline.play_to(at)
