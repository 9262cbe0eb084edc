"""sandbox serve and start: as processes of their own, as people run them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from crmsync.sandbox.world.control import SandboxCredentials

WAIT_SECONDS = 90.0


class Program:
    """A crmsync process, with what it has said so far."""

    def __init__(self, *words: str, environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "crmsync", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            env=_surroundings(environment),
        )
        self.said = ""

    def until(self, text: str) -> str:
        """Read until a line holds this text; gives that line."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said += line
            if text in line:
                return line
        raise AssertionError(f"it ended without saying {text!r}:\n{self.said}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop and give its exit code."""
        self._process.send_signal(number)
        rest, _ = self._process.communicate(timeout=WAIT_SECONDS)
        self.said += rest
        return self._process.returncode

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


@contextmanager
def program(*words: str, environment: Mapping[str, str] | None = None) -> Iterator[Program]:
    started = Program(*words, environment=environment)
    try:
        yield started
    finally:
        started.kill()


@contextmanager
def serving(*words: str) -> Iterator[tuple[Program, dict[str, str]]]:
    """A served sandbox and its two URLs."""
    ports = ("--salesforce-port", "0", "--hubspot-port", "0")
    with program("sandbox", "serve", *ports, "--language", "en", *words) as started:
        salesforce = started.until("Salesforce at").split()[2]
        hubspot = started.until("HubSpot at").split()[2]
        started.until("clock stands at")
        yield started, {"salesforce": salesforce, "hubspot": hubspot}


def addresses(urls: Mapping[str, str]) -> dict[str, str]:
    return {
        "CRMSYNC_CONNECTIONS__SALESFORCE__BASE_URLS__LOGIN": urls["salesforce"],
        "CRMSYNC_CONNECTIONS__SALESFORCE__BASE_URLS__API": urls["salesforce"],
        "CRMSYNC_CONNECTIONS__HUBSPOT__BASE_URLS__API": urls["hubspot"],
        "CRMSYNC_LANGUAGE": "en",
    }


def crmsync(*words: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """One command, run to its end."""
    command = [sys.executable, "-m", "crmsync", *words]
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", env=_surroundings(environment), timeout=WAIT_SECONDS, check=False
    )


def _surroundings(environment: Mapping[str, str] | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CRMSYNC_")}
    return {**kept, "COLUMNS": "200", "PYTHONUTF8": "1", **(environment or {})}


def test_a_stock_sandbox_takes_whole_cycles_and_what_cannot_be_written_is_said(desk: Any, tmp_path: Path) -> None:
    conf = str(tmp_path / "conf")
    with serving("--stock", "--people", "60") as (sandbox, urls):
        environment = addresses(urls)
        assert desk.type("init", conf, environment=environment).code == 0
        now = sandbox.said.split("clock stands at ")[1].split(";")[0]
        first = desk.type("run", "-c", conf, "--now", now, environment=environment)
        assert first.code == 0, first.err
        assert "salesforce has no Lead field" in first.err
        assert "crmsync_phase__c" in first.err
        assert "hubspot has no contacts field" in first.err

        second = desk.type("run", "-c", conf, "--now", now, "--json", environment=environment).json
        assert second["outcomes"] == {}, "a second run writes nothing here either"
        missing = {(m["connection"], m["object"]): m["fields"] for m in second["missing_fields"]}
        assert "crmsync_key__c" in missing["salesforce", "Task"]

        gaps = desk.type("gaps", "-c", conf, "--json", environment=environment).json["gaps"]
        has_gap = "clock_without_task" in {gap["gap"] for gap in gaps}
        assert has_gap != (_tasks_of_ours(urls) > 0), "a clock has its task, or it is a gap"
        assert sandbox.stop() == 0


def test_the_clock_of_a_served_sandbox_is_told_and_moved_over_http() -> None:
    with serving("--people", "0", "--now", "2026-05-11T09:00:00+09:00") as (sandbox, urls):
        at = datetime.fromisoformat(sandbox.said.split("clock stands at ")[1].split(";")[0])
        assert at == datetime.fromisoformat("2026-05-11T00:00:00+00:00")
        later = at + timedelta(hours=3)
        moved = httpx.post(f"{urls['hubspot']}/__sim/clock", json={"advance_to": later.isoformat()})
        assert datetime.fromisoformat(moved.json()["now"]) == later
        seen = httpx.get(f"{urls['salesforce']}/__sim/clock")
        assert datetime.fromisoformat(seen.json()["now"]) == later, "both CRMs have one clock"
        assert seen.status_code == 200


def test_a_sandbox_stops_on_either_signal_with_exit_code_0() -> None:
    with serving("--people", "0") as (sandbox, _urls):
        assert sandbox.stop(signal.SIGINT) == 0


def test_a_port_that_is_taken_is_said_plainly() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        words = ("sandbox", "serve", "--people", "0", "--salesforce-port", port, "--hubspot-port", "0", "--language", "en")
        ran = crmsync(*words, environment={})
    assert ran.returncode == 1
    assert port in ran.stderr
    assert "--salesforce-port" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_half_a_certificate_is_refused(tmp_path: Path) -> None:
    cert = tmp_path / "cert.pem"
    cert.write_text("x", encoding="utf-8")
    ran = crmsync("sandbox", "serve", "--people", "0", "--tls-cert", str(cert), "--language", "en", environment={})
    assert ran.returncode == 2
    assert "--tls-key" in ran.stderr


@pytest.fixture
def certificate(tmp_path: Path) -> dict[str, Path]:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    files = {name: tmp_path / f"{name}.pem" for name in ("ca", "cert", "key")}
    authority.cert_pem.write_to_path(str(files["ca"]))
    issued.private_key_pem.write_to_path(str(files["key"]))
    for blob in issued.cert_chain_pems:
        blob.write_to_path(str(files["cert"]), append=True)
    return files


def test_over_tls_only_who_trusts_the_authority_gets_in(desk: Any, tmp_path: Path, certificate: dict[str, Path]) -> None:
    conf = tmp_path / "conf"
    words = ("--people", "5", "--tls-cert", str(certificate["cert"]), "--tls-key", str(certificate["key"]))
    with serving(*words) as (sandbox, urls):
        assert urls["salesforce"].startswith("https://")
        environment = addresses(urls)
        now = sandbox.said.split("clock stands at ")[1].split(";")[0]
        desk.type("init", str(conf))
        pull = ("pull", "-c", str(conf), "--now", now)

        stranger = desk.type(*pull, environment=environment)
        assert stranger.code == 1
        assert "hubspot stopped" in stranger.err

        for name in ("SSL_CERT_FILE", "CRMSYNC_CA_FILE"):
            trusting = desk.type(*pull, environment={**environment, name: str(certificate["ca"])})
            assert trusting.code == 0, trusting.err
        settings = conf / "crmsync.yaml"
        settings.write_text(
            f"network: {{ca_file: '{certificate['ca']}'}}\n{settings.read_text(encoding='utf-8')}", encoding="utf-8"
        )
        assert desk.type(*pull, environment=environment).code == 0


def test_start_works_on_schedule_until_told_to_stop(desk: Any, tmp_path: Path) -> None:
    conf = str(tmp_path / "conf")
    environment = addresses(desk.sandbox.urls)
    desk.type("init", conf)
    with program("start", "-c", conf, environment=environment) as started:
        started.until("Running on schedule")
        started.until("event=cycle_finished")
        began = time.monotonic()
        assert started.stop(signal.SIGTERM) == 0, started.said
        assert time.monotonic() - began < WAIT_SECONDS
    assert "Stopped after the cycle at hand" in started.said
    assert "@" not in started.said, "log lines carry ids and counts only"


def test_start_goes_on_with_the_crm_that_answers(desk: Any, tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    desk.type("init", str(conf))
    (conf / "secrets" / "hubspot_token").unlink()
    with program("start", "-c", str(conf), environment=addresses(desk.sandbox.urls)) as started:
        started.until("event=connection_stopped")
        line = started.until("connection=salesforce")
        assert "event=cycle_finished" in line
        assert "written=0" not in line
        assert started.stop(signal.SIGINT) == 0


def _tasks_of_ours(urls: Mapping[str, str]) -> int:
    """How many tasks crmsync made in either CRM."""
    secrets = SandboxCredentials()
    with httpx.Client() as http:
        login = {
            "grant_type": "client_credentials",
            "client_id": secrets.salesforce_client_id,
            "client_secret": secrets.salesforce_client_secret,
        }
        token = http.post(f"{urls['salesforce']}/services/oauth2/token", data=login).json()["access_token"]
        query = "SELECT COUNT() FROM Task WHERE Subject LIKE '%SLA%'"
        mine = {"Authorization": f"Bearer {token}"}
        in_salesforce = http.get(f"{urls['salesforce']}/services/data/v66.0/query", params={"q": query}, headers=mine).json()
        asked = {
            "filterGroups": [{"filters": [{"propertyName": "hs_task_subject", "operator": "CONTAINS_TOKEN", "value": "*SLA*"}]}]
        }
        mine = {"Authorization": f"Bearer {secrets.hubspot_token}"}
        in_hubspot = http.post(f"{urls['hubspot']}/crm/v3/objects/tasks/search", json=asked, headers=mine).json()
    return int(in_salesforce["totalSize"]) + int(in_hubspot["total"])
