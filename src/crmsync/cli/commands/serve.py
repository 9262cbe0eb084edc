"""sandbox serve: both CRMs until interrupted."""

from __future__ import annotations

import dataclasses
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from crmsync.cli.asked import Asked, parse_instant
from crmsync.cli.frame import FINE, answers, terminal
from crmsync.errors import FixConfig, Problem, StopConnector
from crmsync.messages import LANGUAGES, Language, say

if TYPE_CHECKING:
    from crmsync.sandbox.server import Tls
    from crmsync.sandbox.world.config import WorldConfig
    from crmsync.sandbox.world.control import Sandbox


@dataclass(frozen=True, slots=True)
class Wanted:
    """The sandbox asked for. `ports` by `salesforce` and `hubspot`, 0 for any free one."""

    people: int
    seed: int
    ports: Mapping[str, int]
    tls_cert: Path | None = None
    tls_key: Path | None = None
    vendor_limits: bool = False
    stock: bool = False


@answers
def execute(asked: Asked, wanted: Wanted) -> int:
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopping.set())
    with _open(_world(asked, wanted), wanted) as sandbox:
        for language in (asked.words("ja"),) if asked.language else LANGUAGES:
            _announce(sandbox, language)
        stopping.wait()
    return FINE


def _world(asked: Asked, wanted: Wanted) -> WorldConfig:
    from crmsync.sandbox.world.config import WorldConfig

    config = WorldConfig(
        seed=wanted.seed, population=wanted.people, vendor_limits=wanted.vendor_limits, provisioned=not wanted.stock
    )
    return dataclasses.replace(config, day_zero=parse_instant(asked.now)) if asked.now else config


def _open(config: WorldConfig, wanted: Wanted) -> Sandbox:
    """Serve it. Raises FixConfig for half a certificate, StopConnector where a port is taken or the certificate is unusable."""
    from crmsync.sandbox.world.control import open_sandbox

    secured = _tls(wanted)
    try:
        return open_sandbox(config, ports=wanted.ports, tls=secured)
    except OSError as error:
        ports = ", ".join(str(port) for port in wanted.ports.values())
        raise StopConnector("sandbox.not_served", ports=ports, detail=str(error.__cause__ or error)) from error


def _tls(wanted: Wanted) -> Tls | None:
    from crmsync.sandbox.server import Tls

    if wanted.tls_cert is None and wanted.tls_key is None:
        return None
    for option, file in (("--tls-cert", wanted.tls_cert), ("--tls-key", wanted.tls_key)):
        if file is None or not file.is_file():
            raise FixConfig([Problem(option, 1, 1, "sandbox.no_certificate", {"file": str(file or "")})])
    assert wanted.tls_cert is not None  # noqa: S101 - both are files now
    assert wanted.tls_key is not None  # noqa: S101
    return Tls(wanted.tls_cert, wanted.tls_key)


def _announce(sandbox: Sandbox, language: Language) -> None:
    text = say(
        "sandbox.serving",
        language,
        salesforce=sandbox.urls["salesforce"],
        hubspot=sandbox.urls["hubspot"],
        now=sandbox.clock.now().isoformat(),
        client_id=sandbox.credentials.salesforce_client_id,
        client_secret=sandbox.credentials.salesforce_client_secret,
        token=sandbox.credentials.hubspot_token,
    )
    terminal().print(text, soft_wrap=True)
