"""Scripted faults in this vendor's words, and the ones that tests and demos ask for most."""

from __future__ import annotations

import orjson

from crmsync.sandbox.faults import CannedAnswer, Fault, FaultKind

_LIMITS = {
    "": "TotalRequests Limit exceeded.",
    "daily": "TotalRequests Limit exceeded.",
    "concurrent": "ConcurrentPerOrgLongTxn Limit exceeded.",
}
_SESSIONS = {"": "Session expired or invalid", "not_for_rest": "This session is not valid for use with the REST API"}


def dialect(fault: Fault) -> CannedAnswer:
    """The org's own answer to too many calls (`daily`, `concurrent`) and to a spent token (`not_for_rest`, or a plain one)."""
    if fault.kind is FaultKind.EXPIRED_TOKEN:
        return CannedAnswer(401, _body("INVALID_SESSION_ID", _SESSIONS[fault.detail]))
    return CannedAnswer(403, _body("REQUEST_LIMIT_EXCEEDED", _LIMITS[fault.detail]))


def refuse(code: str, message: str, *, status: int = 400, route: str = "", method: str = "*", calls: tuple[int, ...] = ()) -> Fault:
    """A refusal of whole calls: `QUERY_TIMEOUT`, `SERVER_UNAVAILABLE` with 503, `INVALID_QUERY_LOCATOR`…"""
    return Fault(FaultKind.ANSWER, route, method, calls, status=status, body=_body(code, message))


def lock_row(place: int = 0, *, code: str = "UNABLE_TO_LOCK_ROW", calls: tuple[int, ...] = ()) -> Fault:
    """One item of a collection fails, by itself or within a composite, here because somebody else holds its row; `place` counts
    from 0."""
    return Fault(FaultKind.IN_APP, r"/composite(/sobjects|$)", "*", calls, detail=f"item:{code}:{place}")


def short_page(calls: tuple[int, ...] = ()) -> Fault:
    """A query's page holds half of what it could."""
    return Fault(FaultKind.IN_APP, "/query", "GET", calls, detail="short_page")


def job(outcome: str, calls: tuple[int, ...] = ()) -> Fault:
    """A look at a bulk job finds it `failed`, or still where it was (`stuck`)."""
    return Fault(FaultKind.IN_APP, r"/jobs/(query|ingest)/\w+$", "GET", calls, detail=f"job_{outcome}")


def _body(code: str, message: str) -> bytes:
    return orjson.dumps([{"message": message, "errorCode": code}])
