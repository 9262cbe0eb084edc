"""The serving parts: ports, clean stop, and every kind of fault as a client sees it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import pytest
import trustme
from starlette.types import Receive, Scope, Send

from crmsync.sandbox.faults import HANDED_ON, CannedAnswer, Fault, FaultKind, FaultMiddleware, Faults
from crmsync.sandbox.server import RunningSandbox, Tls, serve

NOW = datetime(2026, 4, 1, 9, 0, tzinfo=UTC)


class Ledger:
    """An app that writes down every request that reached it and answers in JSON."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.handed_on: list[Fault] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        if HANDED_ON in scope:
            self.handed_on.append(scope[HANDED_ON])
        self.requests.append(f"{scope['method']} {scope['path']} {len(body)}")
        answer = b'{"answer": "a body long enough to be cut in two halves"}'
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


def refuse(fault: Fault) -> CannedAnswer:
    return CannedAnswer(401 if fault.kind is FaultKind.EXPIRED_TOKEN else 429, b'{"detail": "%s"}' % fault.detail.encode())


@contextmanager
def served(*script: Fault, seed: int = 0) -> Iterator[tuple[httpx.Client, Ledger, Faults]]:
    ledger, faults = Ledger(), Faults(script, seed=seed)
    app = FaultMiddleware(ledger, faults, refuse, lambda: NOW)
    with serve({"crm": app}, {}) as running, httpx.Client(base_url=running.urls["crm"], trust_env=False) as client:
        yield client, ledger, faults


def test_two_apps_run_side_by_side_and_their_ports_are_free_afterwards() -> None:
    one, two = Ledger(), Ledger()
    others = set(threading.enumerate())  # of sandboxes that other tests of this process keep open
    running = serve({"one": one, "two": two}, {"one": 0})
    ports = {name: int(url.rsplit(":", 1)[1]) for name, url in running.urls.items()}
    for url in running.urls.values():
        assert httpx.get(f"{url}/hello", trust_env=False).status_code == 200
    assert one.requests == two.requests == ["GET /hello 0"]
    running.close()
    running.close()
    assert not any(thread.name == "crmsync-sandbox" for thread in set(threading.enumerate()) - others)
    with serve({"one": Ledger()}, {"one": ports["one"]}) as again:
        assert httpx.get(again.urls["one"], trust_env=False).status_code == 200


def test_a_port_that_is_taken_is_said_so_and_leaves_nothing_behind() -> None:
    with serve({"one": Ledger()}, {}) as running:
        taken = int(running.urls["one"].rsplit(":", 1)[1])
        with pytest.raises(OSError, match="ddress"):
            serve({"two": Ledger(), "one": Ledger()}, {"one": taken})
        assert httpx.get(running.urls["one"], trust_env=False).status_code == 200


def test_tls_is_served_from_the_given_files(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    leaf = authority.issue_cert("localhost", "127.0.0.1")
    leaf.private_key_pem.write_to_path(folder / "key.pem")
    for pem in leaf.cert_chain_pems:
        pem.write_to_path(folder / "cert.pem", append=True)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    import ssl

    trusted = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    with serve({"crm": Ledger()}, {}, tls=Tls(folder / "cert.pem", folder / "key.pem")) as running:
        assert running.urls["crm"].startswith("https://")
        assert httpx.get(running.urls["crm"], verify=trusted, trust_env=False).status_code == 200


def test_requests_on_one_connection_are_answered_without_delay() -> None:
    with served() as (client, _, _):
        client.get("/warm")
        began = time.perf_counter()
        for _ in range(50):
            client.post("/many", content=b"x" * 3000)
        assert time.perf_counter() - began < 1.0  # a delayed ACK would cost 40 ms each: 2 s


def test_an_unscripted_request_goes_straight_through() -> None:
    with served(Fault(FaultKind.HTML_502, route="^/other")) as (client, ledger, faults):
        assert client.get("/crm").status_code == 200
    assert ledger.requests == ["GET /crm 0"]
    assert faults.strikes == []


def test_only_the_named_calls_of_the_named_route_are_struck() -> None:
    fault = Fault(FaultKind.ANSWER, route=r"/objects/\d+$", method="PATCH", calls=(2,), status=503, body=b"{}")
    with served(fault) as (client, ledger, faults):
        statuses = [client.patch("/objects/7").status_code, client.get("/objects/7").status_code]
        statuses += [client.patch("/objects/8").status_code, client.patch("/objects/9").status_code]
    assert statuses == [200, 200, 503, 200]
    assert "PATCH /objects/8 0" not in ledger.requests
    assert [(strike.path, strike.call) for strike in faults.strikes] == [("/objects/8", 2)]


def test_the_vendor_words_its_own_limit_and_expiry() -> None:
    script = (Fault(FaultKind.LIMIT, calls=(1,), detail="daily"), Fault(FaultKind.EXPIRED_TOKEN, calls=(2,)))
    with served(*script) as (client, _, _):
        limited, expired = client.get("/a"), client.get("/a")
    assert (limited.status_code, limited.json()) == (429, {"detail": "daily"})
    assert expired.status_code == 401
    assert expired.headers["date"] == "Wed, 01 Apr 2026 09:00:00 GMT"


def test_a_proxy_page_is_no_json() -> None:
    with served(Fault(FaultKind.HTML_502, at_most=1)) as (client, ledger, _):
        answer = client.post("/a", content=b"y" * 200_000)
        assert answer.status_code == 502
        assert answer.text.startswith("<html>")
        assert client.get("/a").status_code == 200
    assert len(ledger.requests) == 1


def test_a_lost_answer_comes_after_the_work_and_a_cut_before_it() -> None:
    script = (Fault(FaultKind.LOST_ANSWER, route="/done"), Fault(FaultKind.CUT_BEFORE, route="/never"))
    with served(*script) as (client, ledger, _):
        for path in ("/done", "/never"):
            with pytest.raises(httpx.RemoteProtocolError):
                client.post(path, content=b"abc")
        assert client.get("/after").status_code == 200
    assert ledger.requests == ["POST /done 3", "GET /after 0"]


def test_a_truncated_answer_ends_before_its_announced_length() -> None:
    with served(Fault(FaultKind.TRUNCATED)) as (client, ledger, _), pytest.raises(httpx.RemoteProtocolError):
        client.get("/a")
    assert ledger.requests == ["GET /a 0"]


def test_a_slow_body_arrives_whole_but_late() -> None:
    with served(Fault(FaultKind.SLOW_BODY, seconds=0.2)) as (client, _, _):
        began = time.perf_counter()
        assert client.get("/a").json()["answer"].startswith("a body")
        assert time.perf_counter() - began >= 0.2
        with pytest.raises(httpx.ReadTimeout):
            client.get("/a", timeout=0.05)


def test_a_fault_that_only_the_app_can_play_is_handed_on() -> None:
    fault = Fault(FaultKind.IN_APP, detail="UNABLE_TO_LOCK_ROW")
    with served(fault) as (client, ledger, _):
        client.get("/a")
    assert ledger.handed_on == [fault]


def test_chance_is_the_same_for_the_same_seed_and_differs_for_another() -> None:
    def struck(seed: int) -> list[bool]:
        faults = Faults([Fault(FaultKind.HTML_502, probability=0.3)], seed=seed)
        return [faults.draw("GET", "/a") is not None for _ in range(300)]

    assert struck(1) == struck(1)
    assert struck(1) != struck(2)
    assert 50 < sum(struck(1)) < 130


def test_without_a_server_below_a_cut_is_a_reset_connection() -> None:
    app = FaultMiddleware(Ledger(), Faults([Fault(FaultKind.CUT_BEFORE)]), refuse, lambda: NOW)

    async def ask() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://crm") as client:
            await client.get("/a")

    import asyncio

    with pytest.raises(ConnectionResetError):
        asyncio.run(ask())


def test_a_cleared_script_strikes_no_more() -> None:
    faults = Faults([Fault(FaultKind.HTML_502)])
    assert faults.draw("GET", "/a") is not None
    faults.clear()
    assert faults.draw("GET", "/a") is None
    assert len(faults.strikes) == 1


def test_the_running_sandbox_is_a_context_manager() -> None:
    with serve({"crm": Ledger()}, {}) as running:
        assert isinstance(running, RunningSandbox)
