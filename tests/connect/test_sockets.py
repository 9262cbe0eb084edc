"""Real sockets: slow, cut, truncated and compressed answers, and TLS with a CA of one's own."""

from __future__ import annotations

import gzip
import random
import socket
import ssl
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from crmsync.connect.build import Transport, open_client
from crmsync.connect.calls import AnswerLost, Call, CallRejected
from crmsync.connect.client import ApiClient
from crmsync.connect.retry import RetryPolicy
from crmsync.errors import FixConfig, RetryLater, StopConnector


def connect(url: str, *, attempts: int = 2, read_seconds: float = 0.3, ca_file: Path | None = None, env: bool = False) -> ApiClient:
    transport = Transport(trust_env=env, read_seconds=read_seconds, ca_file=ca_file, retry=RetryPolicy(attempts=attempts))
    return open_client("x", base_urls={"api": url}, transport=transport, pause=lambda _seconds: None)


@contextmanager
def raw_server(*answers: bytes) -> Iterator[str]:
    """Reads one request per connection, sends the given bytes as they are, and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answer in answers:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(timeout=5)


WHOLE = b'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{"a":1}'
TRUNCATED = b'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{"a"'
CUT = b""
HALF_JSON = b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"a"'


@pytest.mark.parametrize("broken", [TRUNCATED, CUT, HALF_JSON], ids=["truncated body", "cut connection", "half a JSON"])
def test_a_broken_answer_to_a_read_is_asked_for_again(broken: bytes) -> None:
    with raw_server(broken, WHOLE) as url, connect(url) as client:
        assert client.send_json(Call("GET", "/x")) == {"a": 1}


@pytest.mark.parametrize("broken", [TRUNCATED, CUT, HALF_JSON], ids=["truncated body", "cut connection", "half a JSON"])
def test_a_broken_answer_to_a_create_leaves_it_unknown(broken: bytes) -> None:
    with raw_server(broken) as url, connect(url) as client, pytest.raises(AnswerLost):
        client.send_json(Call("POST", "/x", json={}))


def test_a_hung_server_costs_the_read_timeout_and_no_more(httpserver: HTTPServer) -> None:
    release = threading.Event()

    def hang(_: Request) -> Response:
        release.wait(5)
        return Response("{}")

    httpserver.expect_request("/x").respond_with_handler(hang)
    with connect(httpserver.url_for("")) as client, pytest.raises(RetryLater) as caught:
        client.send(Call("GET", "/x"))
    release.set()
    assert caught.value.params["vendor_code"] == "ReadTimeout"


def test_nobody_listening_is_later_not_never() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with connect(f"http://127.0.0.1:{port}") as client, pytest.raises(RetryLater):
        client.send(Call("POST", "/x"))


def test_compressed_answers_are_read(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/x").respond_with_data(gzip.compress(b'{"a":1}'), headers={"Content-Encoding": "gzip"})
    with connect(httpserver.url_for("")) as client:
        assert client.send_json(Call("GET", "/x")) == {"a": 1}
        assert client.requests_session().get(httpserver.url_for("/x")).json() == {"a": 1}


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[HTTPServer, Path]]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    pem = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(pem))
    with HTTPServer(host="localhost", ssl_context=context) as server:
        server.expect_request("/x").respond_with_json({"a": 1})
        yield server, pem


def test_a_ca_of_ones_own_is_trusted_by_setting(secure: tuple[HTTPServer, Path]) -> None:
    server, pem = secure
    with connect(server.url_for(""), ca_file=pem, read_seconds=5) as client:
        assert client.send_json(Call("GET", "/x")) == {"a": 1}


def test_a_ca_of_ones_own_is_trusted_by_ssl_cert_file(secure: tuple[HTTPServer, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    server, pem = secure
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with connect(server.url_for(""), env=True, read_seconds=5) as client:
        assert client.send_json(Call("GET", "/x")) == {"a": 1}


def test_an_unknown_authority_stops_at_once(secure: tuple[HTTPServer, Path]) -> None:
    with connect(secure[0].url_for(""), read_seconds=5) as client, pytest.raises(StopConnector):
        client.send(Call("GET", "/x"))
    assert client.usage.calls == 1


def test_a_ca_file_that_is_none_is_a_configuration_problem(tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("hello")
    for name in ("no.pem", "absent.pem"):
        with pytest.raises(FixConfig):
            connect("http://x", ca_file=tmp_path / name)


def test_a_proxy_from_the_environment_carries_everything(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", httpserver.url_for("").rstrip("/"))
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    httpserver.expect_request("/x").respond_with_json({"via": "proxy"})
    with connect("http://crm.invalid", env=True, read_seconds=5) as client:
        assert client.send_json(Call("GET", "/x")) == {"via": "proxy"}


def test_a_download_that_breaks_off_is_fetched_anew_and_seen_whole() -> None:
    broken = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nX-Part: one\r\n\r\n1,2"
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nX-Part: two\r\n\r\n1,2\n3,4\n5"
    with raw_server(broken, whole) as url, connect(url) as client, client.download(Call("GET", "/x")) as got:
        assert (got.headers["X-Part"], got.file.read()) == ("two", b"1,2\n3,4\n5")


def test_a_compressed_download_is_kept_uncompressed(httpserver: HTTPServer) -> None:
    text = b"id,name\n" * 100_000
    httpserver.expect_request("/x").respond_with_data(gzip.compress(text), headers={"Content-Encoding": "gzip"})
    with connect(httpserver.url_for(""), read_seconds=5) as client, client.download(Call("GET", "/x")) as got:
        assert got.file.read() == text


def test_a_download_that_is_refused_says_why(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/x").respond_with_data("no such job", status=404)
    with connect(httpserver.url_for("")) as client:
        with pytest.raises(CallRejected) as caught, client.download(Call("GET", "/x")):
            pass
        assert (caught.value.status, caught.value.message) == (404, "no such job")


def test_a_download_does_not_pass_through_memory(httpserver: HTTPServer) -> None:
    size = 16 << 20
    body = gzip.compress(random.Random(1).randbytes(size), 1)
    httpserver.expect_request("/x").respond_with_handler(
        lambda _request: Response(
            (body[at : at + 65536] for at in range(0, len(body), 65536)), headers={"Content-Encoding": "gzip"}
        )
    )
    tracemalloc.start()
    try:
        with connect(httpserver.url_for(""), read_seconds=5) as client, client.download(Call("GET", "/x")) as got:
            assert got.file.seek(0, 2) == size
        assert tracemalloc.get_traced_memory()[1] < size / 4
    finally:
        tracemalloc.stop()
