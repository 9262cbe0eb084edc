"""Finding connectors: the installed packages that answer to the entry-point group `crmsync.connectors`."""

from __future__ import annotations

import difflib
from importlib.metadata import EntryPoint, entry_points

from crmsync.connect.contract import ConnectorPlugin
from crmsync.errors import StopConnector

GROUP = "crmsync.connectors"


def plugin_names() -> tuple[str, ...]:
    """The names that `connector:` may have here. Nothing is imported."""
    return tuple(sorted({entry.name for entry in entry_points(group=GROUP)}))


def load_plugin(name: str) -> ConnectorPlugin:
    """Import and give a plug-in. Raises StopConnector for a name that no installed package has (with the nearest one), and for
    a package that does not load or names something else."""
    found = [entry for entry in entry_points(group=GROUP) if entry.name == name]
    if not found:
        known = plugin_names()
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        raise StopConnector(
            "connect.unknown_connector", name=name, nearest=nearest[0] if nearest else "", known=", ".join(known) or "-"
        )
    return _load(found[0])


def _load(entry: EntryPoint) -> ConnectorPlugin:
    try:
        plugin = entry.load()
    except (ImportError, AttributeError) as error:
        raise StopConnector("connect.plugin_broken", name=entry.name, detail=type(error).__name__) from error
    if not isinstance(plugin, ConnectorPlugin):
        raise StopConnector("connect.plugin_broken", name=entry.name, detail=type(plugin).__name__)
    return plugin
