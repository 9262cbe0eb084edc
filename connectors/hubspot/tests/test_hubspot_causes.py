"""Every code with which a row is refused before it is sent says why in our words, and so do HubSpot's own."""

from __future__ import annotations

import re
from pathlib import Path

import crmsync_hubspot
from crmsync.model.changes import CAUSES
from crmsync_hubspot.objects import CAPABILITIES

SOURCES = Path(crmsync_hubspot.__file__).parent


def test_every_refusal_of_our_own_has_a_cause() -> None:
    ours = set(re.findall(r'Fault\((?:0|403), "([A-Z_]+)"', (SOURCES / "checking.py").read_text(encoding="utf-8")))
    ours |= set(re.findall(r'"rejected", "([A-Z_]+)"', "".join(p.read_text(encoding="utf-8") for p in SOURCES.glob("*.py"))))
    assert len(ours) >= 8
    assert ours - set(CAPABILITIES.causes) == set()
    assert set(CAPABILITIES.causes.values()) <= set(CAUSES)
