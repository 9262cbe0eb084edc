"""sandbox serve: both CRMs until interrupted."""

from __future__ import annotations

import dataclasses
import signal
import threading
from pathlib import Path

from rich.console import Console

from crmsync.cli.frame import FINE, answers, parse_instant
from crmsync.messages import LANGUAGES, say


@answers
def execute(
    people: int,
    seed: int,
    ports: tuple[int, int],
    tls: tuple[Path | None, Path | None],
    start_at: str | None,
    vendor_limits: bool,
    stock: bool,
) -> int:
    from crmsync.sandbox.server import Tls
    from crmsync.sandbox.world.config import WorldConfig
    from crmsync.sandbox.world.control import open_sandbox

    config = WorldConfig(seed=seed, population=people, vendor_limits=vendor_limits, provisioned=not stock)
    if start_at:
        config = dataclasses.replace(config, day_zero=parse_instant(start_at))
    certificate, key = tls
    secured = Tls(certificate, key) if certificate and key else None
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopping.set())
    with open_sandbox(config, ports={"salesforce": ports[0], "hubspot": ports[1]}, tls=secured) as sandbox:
        console = Console(soft_wrap=True)
        for language in LANGUAGES:
            console.print(
                say(
                    "sandbox.serving",
                    language,
                    salesforce=sandbox.urls["salesforce"],
                    hubspot=sandbox.urls["hubspot"],
                    now=sandbox.clock.now().isoformat(),
                    client_id=sandbox.credentials.salesforce_client_id,
                    client_secret=sandbox.credentials.salesforce_client_secret,
                    token=sandbox.credentials.hubspot_token,
                )
            )
        stopping.wait()
    return FINE
