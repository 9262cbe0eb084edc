"""A whole sandbox in one call: clock, org, portal and world, served on two ports, steered from code or over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from crmsync.sandbox.clock import VirtualClock
from crmsync.sandbox.faults import Fault, FaultKind, Faults
from crmsync.sandbox.hubspot.config import Credentials as PortalCredentials
from crmsync.sandbox.hubspot.config import Limits, PortalConfig
from crmsync.sandbox.hubspot.portal import Portal
from crmsync.sandbox.salesforce.config import Credentials as OrgCredentials
from crmsync.sandbox.salesforce.org import Org, OrgConfig
from crmsync.sandbox.world.config import WorldConfig
from crmsync.sandbox.world.truth import Truth
from crmsync.sandbox.world.world import World

if TYPE_CHECKING:  # the server pulls in uvicorn, which a world without ports does not need
    from starlette.types import ASGIApp, Receive, Scope, Send

    from crmsync.sandbox.server import RunningSandbox, Tls

CLOCK_PATH, TRUTH_PATH, FAULTS_PATH = "/__sim/clock", "/__sim/truth", "/__sim/faults"
_UNLIMITED_DAY = 1_000_000_000


@dataclass(frozen=True, slots=True)
class SandboxCredentials:
    """What opens the two apps, and nothing else in the world. The same in every sandbox."""

    salesforce_client_id: str = OrgCredentials().client_id
    salesforce_client_secret: str = OrgCredentials().client_secret
    hubspot_token: str = PortalCredentials().private_app_token


@dataclass(slots=True)
class Sandbox:
    """Both CRMs with their people. Advancing and reading the truth take turns, so that HTTP and code may both steer."""

    config: WorldConfig
    clock: VirtualClock
    org: Org
    portal: Portal
    world: World
    faults: Faults
    credentials: SandboxCredentials = field(default_factory=SandboxCredentials)
    running: RunningSandbox | None = None
    _turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def urls(self) -> Mapping[str, str]:
        """Base URLs by `salesforce` and `hubspot`; empty when nothing is served."""
        return self.running.urls if self.running else {}

    @property
    def truth(self) -> Truth:
        return self.world.truth

    def advance_to(self, at: datetime) -> None:
        """Play the world up to and including `at` (aware)."""
        with self._turn:
            self.world.advance_to(at)

    def dump_truth(self) -> dict[str, list[dict[str, Any]]]:
        """The truth as of now, ready for JSON."""
        with self._turn:
            return self.truth.dump()

    def write_truth(self, path: Path) -> None:
        """Write the truth as a JSON file."""
        path.write_text(json.dumps(self.dump_truth(), ensure_ascii=False, indent=1), encoding="utf-8")

    def close(self) -> None:
        """Stop serving; closing twice does nothing."""
        if self.running:
            self.running.close()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def build_sandbox(config: WorldConfig) -> Sandbox:
    """Make and populate a sandbox that is not served: for tests in one process."""
    clock = VirtualClock(config.begins_at)
    daily = OrgConfig().daily_api_requests if config.vendor_limits else _UNLIMITED_DAY
    org = Org(clock, OrgConfig(seed=config.seed, daily_api_requests=daily, provisioned=config.provisioned))
    limits = Limits(enforced=config.vendor_limits)
    portal = Portal(clock, PortalConfig(enterprise=config.page_view_events, limits=limits, provisioned=config.provisioned))
    world = World(config, clock, org, portal)
    world.populate()
    return Sandbox(config, clock, org, portal, world, Faults(seed=config.seed))


def open_sandbox(
    config: WorldConfig, *, ports: Mapping[str, int] | None = None, tls: Tls | None = None, host: str = "127.0.0.1"
) -> Sandbox:
    """Make, populate and serve a sandbox; `ports` by `salesforce` and `hubspot`, 0 or absent for any free one.

    Raises OSError when a port is taken.
    """
    from crmsync.sandbox.hubspot.http import application as hubspot_app
    from crmsync.sandbox.salesforce.http import application as salesforce_app
    from crmsync.sandbox.server import serve

    sandbox = build_sandbox(config)
    apps: dict[str, ASGIApp] = {
        "salesforce": steered(salesforce_app(sandbox.org, sandbox.faults), sandbox),
        "hubspot": steered(hubspot_app(sandbox.portal, sandbox.faults), sandbox),
    }
    sandbox.running = serve(apps, ports or {}, tls=tls, host=host)
    return sandbox


# ---------------------------------------------------------------------------------------------------------- over HTTP


def steered(app: ASGIApp, sandbox: Sandbox) -> ASGIApp:
    """The app with the sandbox's own endpoints before it, which need no login: GET and POST /__sim/clock, GET /__sim/truth,
    and GET, POST and DELETE /__sim/faults (what struck, what shall strike, no more of it)."""
    from starlette.concurrency import run_in_threadpool

    async def steer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in (CLOCK_PATH, TRUTH_PATH, FAULTS_PATH):
            await app(scope, receive, send)
            return
        body = await _body(receive)
        status, answer = await run_in_threadpool(_answer, sandbox, scope["method"], scope["path"], body)
        content = json.dumps(answer, ensure_ascii=False).encode()
        headers = [(b"content-type", b"application/json;charset=utf-8"), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    return steer


def _answer(sandbox: Sandbox, method: str, path: str, body: bytes) -> tuple[int, object]:
    match method, path:
        case "GET", "/__sim/truth":
            return 200, sandbox.dump_truth()
        case "GET", "/__sim/clock":
            return 200, {"now": sandbox.clock.now().isoformat()}
        case "POST", "/__sim/clock":
            at = _instant(body)
            if at is None:
                return 400, {"error": "advance_to_must_be_an_iso_instant_with_zone"}
            sandbox.advance_to(at)
            return 200, {"now": sandbox.clock.now().isoformat()}
        case _, "/__sim/faults":
            return _fault_answer(sandbox.faults, method, body)
        case _:
            return 405, {"error": "method_not_allowed"}


def _fault_answer(faults: Faults, method: str, body: bytes) -> tuple[int, object]:
    if method == "GET":
        struck = [{"kind": s.fault.kind, "method": s.method, "path": s.path, "call": s.call} for s in faults.strikes]
        return 200, {"strikes": struck}
    if method == "DELETE":
        faults.clear()
        return 200, {}
    if method != "POST":
        return 405, {"error": "method_not_allowed"}
    try:
        script = [_fault(entry) for entry in json.loads(body)["faults"]]
    except (ValueError, KeyError, TypeError) as error:
        return 400, {"error": "faults_must_be_a_list_of_faults", "detail": str(error)}
    for fault in script:
        faults.add(fault)
    return 200, {"added": len(script)}


def _fault(entry: dict[str, Any]) -> Fault:
    """One fault as JSON: the fields of `Fault`, the body as text."""
    values = dict(entry)
    values["kind"] = FaultKind(values["kind"])
    values["body"] = str(values.get("body", "")).encode()
    values["calls"] = tuple(values.get("calls", ()))
    return Fault(**values)


def _instant(body: bytes) -> datetime | None:
    """The aware instant in `{"advance_to": "..."}`, or None for anything else."""
    try:
        at = datetime.fromisoformat(json.loads(body)["advance_to"])
    except (ValueError, KeyError, TypeError):
        return None
    return at if at.tzinfo else None


async def _body(receive: Callable[[], Awaitable[Any]]) -> bytes:
    chunks: list[bytes] = []
    more = True
    while more:
        message = await receive()
        chunks.append(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)
    return b"".join(chunks)
