"""A served sandbox is steered over HTTP, and both of its doors open with the documented credentials."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from crmsync.sandbox.world import WorldConfig
from crmsync.sandbox.world.control import Sandbox, build_sandbox, open_sandbox


@pytest.fixture
def served() -> Iterator[Sandbox]:
    with open_sandbox(WorldConfig(population=40)) as sandbox:
        yield sandbox


def test_the_clock_is_read_and_advanced_over_http_at_either_door(served: Sandbox) -> None:
    later = served.config.day_zero + timedelta(days=3)
    with httpx.Client() as client:
        before = client.get(served.urls["salesforce"] + "/__sim/clock").json()
        assert datetime.fromisoformat(before["now"]) == served.config.day_zero
        moved = client.post(served.urls["hubspot"] + "/__sim/clock", json={"advance_to": later.isoformat()})
        assert moved.status_code == 200
        assert datetime.fromisoformat(client.get(served.urls["salesforce"] + "/__sim/clock").json()["now"]) == later
    assert served.clock.now() == later


@pytest.mark.parametrize("body", ["", "{}", "[]", '{"advance_to": "soon"}', '{"advance_to": "2026-05-01T00:00:00"}'])
def test_what_is_no_instant_with_a_zone_moves_nothing(served: Sandbox, body: str) -> None:
    answer = httpx.post(served.urls["hubspot"] + "/__sim/clock", content=body)
    assert answer.status_code == 400
    assert "error" in answer.json()
    assert served.clock.now() == served.config.day_zero


def test_other_methods_are_refused(served: Sandbox) -> None:
    assert httpx.delete(served.urls["hubspot"] + "/__sim/clock").status_code == 405


def test_the_truth_is_served_and_written_beside(served: Sandbox, tmp_path: Path) -> None:
    over_http = httpx.get(served.urls["hubspot"] + "/__sim/truth").json()
    served.write_truth(tmp_path / "truth.json")
    assert json.loads((tmp_path / "truth.json").read_text(encoding="utf-8")) == over_http
    assert len(over_http["people"]) == 40


def test_both_crms_answer_to_the_documented_credentials_at_virtual_time(served: Sandbox) -> None:
    keys = served.credentials
    form = {
        "grant_type": "client_credentials",
        "client_id": keys.salesforce_client_id,
        "client_secret": keys.salesforce_client_secret,
    }
    with httpx.Client() as client:
        token = client.post(served.urls["salesforce"] + "/services/oauth2/token", data=form).json()["access_token"]
        query = {"q": "SELECT COUNT() FROM Lead"}
        url = served.urls["salesforce"] + "/services/data/v64.0/query"
        counted = client.get(url, params=query, headers={"Authorization": f"Bearer {token}"}).json()
        assert counted["totalSize"] == sum(1 for _ in served.org.rows("Lead"))
        url = served.urls["hubspot"] + "/crm/v3/objects/contacts"
        answer = client.get(url, headers={"Authorization": f"Bearer {keys.hubspot_token}"})
        assert answer.status_code == 200
        assert answer.headers["Date"] == served.clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT")


def test_limits_are_the_vendors_only_when_asked_for() -> None:
    relaxed = build_sandbox(WorldConfig(population=10))
    strict = build_sandbox(WorldConfig(population=10, vendor_limits=True))
    assert not relaxed.portal.config.limits.enforced
    assert strict.portal.config.limits.enforced
    assert strict.org.config.daily_api_requests < relaxed.org.config.daily_api_requests
    assert relaxed.portal.config.enterprise
    assert relaxed.urls == {}
    relaxed.close()


def test_faults_are_scripted_over_http_strike_and_are_taken_back(served: Sandbox) -> None:
    steering = served.urls["hubspot"] + "/__sim/faults"
    owners = served.urls["hubspot"] + "/crm/v3/owners"
    headers = {"Authorization": f"Bearer {served.credentials.hubspot_token}"}
    script = [{"kind": "answer", "route": "^/crm/v3/owners", "calls": [1], "status": 503, "body": "{}"}]
    assert httpx.post(steering, json={"faults": script}).json() == {"added": 1}
    assert [httpx.get(owners, headers=headers).status_code for _ in range(2)] == [503, 200]
    assert httpx.get(steering).json()["strikes"] == [{"kind": "answer", "method": "GET", "path": "/crm/v3/owners", "call": 1}]
    assert httpx.delete(steering).status_code == 200


@pytest.mark.parametrize("body", ["", "{}", '{"faults": [{"kind": "earthquake"}]}', '{"faults": [{"kind": "answer", "when": 1}]}'])
def test_what_is_no_fault_is_refused(served: Sandbox, body: str) -> None:
    assert httpx.post(served.urls["salesforce"] + "/__sim/faults", content=body).status_code == 400
