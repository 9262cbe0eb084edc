"""Every code that sets a row aside says why in our words."""

from __future__ import annotations

from crmsync.model.changes import CAUSES
from crmsync_salesforce.answers import AUTOMATION, ROW_CODES
from crmsync_salesforce.facts import CAPABILITIES


def test_every_refusal_has_a_cause() -> None:
    refusing = {code for code, kind in ROW_CODES.items() if kind not in ("again", "moved")} | AUTOMATION
    assert refusing - set(CAPABILITIES.causes) == set()
    assert set(CAPABILITIES.causes.values()) <= set(CAUSES)
