"""Every code that sets a row aside says why in our words."""

from __future__ import annotations

from crmsync.model.changes import CAUSES
from crmsync_salesforce.codes import AUTOMATION, CODES
from crmsync_salesforce.facts import CAPABILITIES


def test_every_refusal_has_a_cause() -> None:
    refusing = {code for code, known in CODES.items() if known.row not in ("again", "moved")} | AUTOMATION
    assert refusing - set(CAPABILITIES.causes) == set()
    assert set(CAPABILITIES.causes.values()) <= set(CAUSES)
