"""What only a sandbox has, under `/__sim`: a look at requests, counters and rows, and an end to every session. No token needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmsync.sandbox.salesforce.api.wire import Answer, Request
from crmsync.sandbox.salesforce.errors import not_found
from crmsync.sandbox.salesforce.times import stamp

if TYPE_CHECKING:
    from crmsync.sandbox.salesforce.api.service import Service

_READS = ("GET", "HEAD")


def answer(service: Service, request: Request, rest: tuple[str, ...]) -> Answer:
    """`requests`, `counters`, `rows/{object}`, and POST `expire-tokens`."""
    match (request.method, *rest):
        case ("GET", "requests"):
            return Answer(
                200, [{"method": one.method, "path": one.path, "status": one.status, "at": one.at} for one in service.log]
            )
        case ("GET", "counters"):
            return Answer(200, _counters(service))
        case ("GET", "rows", name):
            return Answer(200, list(service.org.rows(name)))
        case ("POST", "expire-tokens"):
            service.tokens.expire_all()
            return Answer(204)
        case _:
            raise not_found()


def _counters(service: Service) -> dict[str, object]:
    writes = sum(one.method not in _READS and "/oauth2/" not in one.path for one in service.log)
    live = {name: sum(not row.get("IsDeleted") for row in table.rows.values()) for name, table in service.org.tables.items()}
    counted = {"requests": len(service.log), "writes": writes, "api_usage": service.usage.spent()}
    return {**counted, "now": stamp(service.org.clock.now()), "rows": live}
