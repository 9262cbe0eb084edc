"""Making the client of a connection: trust, proxies, timeouts, pool."""

from __future__ import annotations

import logging
import os
import random
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import certifi
import httpx

from crmsync.connect.breaker import Breaker, BreakerPolicy
from crmsync.connect.budget import Budget
from crmsync.connect.client import ApiClient
from crmsync.connect.contract import BudgetRule
from crmsync.connect.reserve import RESERVE_SHARE
from crmsync.connect.retry import RetryPolicy
from crmsync.errors import FixConfig, Problem


@dataclass(frozen=True, slots=True)
class Transport:
    """How bytes travel. `ca_file` (PEM) is trusted beside the usual authorities; without it SSL_CERT_FILE replaces them, as
    everywhere. `proxy` is a URL; without it HTTP(S)_PROXY and NO_PROXY hold unless `trust_env` is off."""

    ca_file: Path | None = None
    proxy: str | None = None
    trust_env: bool = True
    connect_seconds: float = 5.0
    read_seconds: float = 30.0
    # Salesforce allows 25 long requests at once for the whole org (5 in a trial): we take a third.
    connections: int = 8
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)


def open_client(
    name: str,
    *,
    base_urls: Mapping[str, str],
    budget: Iterable[BudgetRule] = (),
    transport: Transport | None = None,
    pause: Callable[[float], None] = time.sleep,
    draw: Callable[[float, float], float] = random.uniform,
    clock: Callable[[], float] = time.monotonic,
    reserve_share: float = RESERVE_SHARE,
) -> ApiClient:
    """The client of connection `name`. Nothing is sent yet. Raises FixConfig for a CA file that cannot be used."""
    how, rules = transport or Transport(), tuple(budget)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs whole URLs, whose queries may hold personal data
    return ApiClient(
        name,
        _http(how),
        base_urls=base_urls,
        budget=Budget(name, rules, patience_seconds=how.retry.patience_seconds, pause=pause),
        breaker=Breaker(name, clock, how.breaker),
        policy=how.retry,
        pause=pause,
        draw=draw,
        reserve_share=reserve_share,
        budget_rules=rules,
    )


def _http(how: Transport) -> httpx.Client:
    return httpx.Client(
        verify=_trust(how),
        proxy=how.proxy,
        trust_env=how.trust_env,
        timeout=httpx.Timeout(how.read_seconds, connect=how.connect_seconds),
        limits=httpx.Limits(max_connections=how.connections, max_keepalive_connections=how.connections),
        headers={"User-Agent": "crmsync"},
    )


def _trust(how: Transport) -> ssl.SSLContext:
    replaced = os.environ.get("SSL_CERT_FILE") if how.trust_env else None
    context = ssl.create_default_context(cafile=_existing(replaced) if replaced else certifi.where())
    if how.ca_file is not None:
        try:
            context.load_verify_locations(cafile=_existing(str(how.ca_file)))
        except ssl.SSLError as error:
            raise FixConfig([Problem(str(how.ca_file), 1, 1, "connect.ca_file", {"detail": "no PEM certificate"})]) from error
    return context


def _existing(file: str) -> str:
    if not Path(file).is_file():
        raise FixConfig([Problem(file, 1, 1, "connect.ca_file", {"detail": "no such file"})])
    return file
