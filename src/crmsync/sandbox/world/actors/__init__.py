"""Everybody who moves after day zero, each a set of processes on the timeline; one file per kind of actor."""

from __future__ import annotations

from crmsync.sandbox.world.actors import field_sales, marketing, office, reps, visitors
from crmsync.sandbox.world.scene import Scene


def start(scene: Scene) -> None:
    """Set going those whom the configuration lets move. The clock stands at day zero."""
    on = scene.config.actors
    if on.marketing:
        marketing.start(scene)
    if on.visitors:
        visitors.start(scene)
    if on.field_sales:
        field_sales.start(scene)
    if on.inside_sales or on.field_sales or on.customer_success:
        reps.start(scene)
    if on.office:
        office.start(scene)
