"""intake serve: as a process of its own, as people run it, with a delivery that the vendor might have signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import orjson

from crmsync.store import Store
from crmsync.sync.heard import intake_state

SECRET = "the-apps-client-secret"


def write(directory: Path, *, webhooks: bool) -> None:
    (directory / "token").write_text("t")
    (directory / "secret").write_text(SECRET)
    (directory / "team.yaml").write_text("reps: []\n")
    more = '    webhooks: {public_url: "https://x.example/hooks/ma", account: "4711"}\n' if webhooks else ""
    (directory / "crmsync.yaml").write_text(f"""
intake: {{port: 0}}
connections:
  - name: ma
    connector: hubspot
    role: both
    auth: {{token: {{file: token}}, client_secret: {{file: secret}}}}
{more}""")


def begin(directory: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "crmsync", "intake", "serve", "-c", str(directory), "-l", "en"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("CRMSYNC_")},
    )


def signed(body: bytes) -> dict[str, str]:
    stamp = str(int(time.time() * 1000))
    digest = hmac.digest(SECRET.encode(), b"POSThttps://x.example/hooks/ma" + body + stamp.encode(), hashlib.sha256)
    return {"X-HubSpot-Signature-v3": base64.b64encode(digest).decode(), "X-HubSpot-Request-Timestamp": stamp}


def test_a_delivery_is_taken_by_the_wall_clock_and_a_stop_is_clean(tmp_path: Path) -> None:
    write(tmp_path, webhooks=True)
    body = orjson.dumps([{"portalId": 4711, "subscriptionType": "contact.creation", "objectId": 151}])
    with begin(tmp_path) as process:
        assert process.stdout is not None
        found = next(match for line in process.stdout if (match := re.search(r"come in at (http://\S+)\.", line)))
        with httpx.Client(trust_env=False, timeout=10) as http:
            assert http.post(f"{found[1]}/hooks/ma", content=body, headers=signed(body)).status_code == 204
            assert http.post(f"{found[1]}/hooks/ma", content=body).status_code == 401
        process.send_signal(signal.SIGTERM)
        said = process.stdout.read()
        assert process.wait(30) == 0, said
    store = Store.open(f"sqlite:///{tmp_path / 'crmsync.db'}")
    state = intake_state(store, "ma")
    store.close()
    assert (state.hinted, state.waiting, state.not_taken) == (1, 1, {"unsigned": 1})


def test_with_nothing_to_listen_to_it_says_so_and_ends(tmp_path: Path) -> None:
    write(tmp_path, webhooks=False)
    with begin(tmp_path) as process:
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 1
    assert "nothing to listen to" in said
