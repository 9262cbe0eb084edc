"""Every code that sets a row aside says why in our words."""

from __future__ import annotations

from crmsync.model.changes import CAUSES
from crmsync_salesforce.codes import CODES
from crmsync_salesforce.facts import CAPABILITIES

# They speak of a query, never of a row that is written.
OF_QUERIES = {
    "EXCEEDED_ID_LIMIT",
    "INVALIDENTITY",
    "INVALID_QUERY_LOCATOR",
    "INVALID_REPLICATION_DATE",
    "MALFORMED_QUERY",
    "OPERATION_TOO_LARGE",
    "QUERY_TOO_COMPLICATED",
}


def test_every_refusal_has_a_cause() -> None:
    refusing = {name for name, code in CODES.items() if code.row not in ("again", "moved", "org")}
    assert refusing - OF_QUERIES - set(CAPABILITIES.causes) == set()
    assert set(CAPABILITIES.causes.values()) <= set(CAUSES)
