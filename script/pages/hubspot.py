"""The error table of HubSpot's connector."""

from __future__ import annotations

from pages.markdown import table


def errors() -> str:
    """One row per rule; the first that fits holds."""
    from crmsync_hubspot.rules import shown_rules

    return table(["answer", "the connection", "the change", "what happens"], shown_rules())
