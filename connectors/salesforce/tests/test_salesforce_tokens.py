"""Tokens across restarts, over real HTTP: few sign-ins, no lock-out, nothing readable on disk."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pytest_httpserver import HTTPServer
from salesforce_place import Place, opened, place

from crmsync.connect.contract import PullRequest
from crmsync.connect.token_files import TokenFile
from crmsync.errors import StopConnector
from crmsync.sandbox.faults import Fault, FaultKind
from crmsync.sandbox.salesforce.config import Credentials, OrgConfig
from crmsync_salesforce.ciphers import cipher_of

KEY = Fernet.generate_key().decode()
ROTATING = OrgConfig(rotates_refresh_tokens=True)
CLIENT = {"client_id": Credentials().client_id, "client_secret": Credentials().client_secret}
WITH_KEY = {**CLIENT, "token_key": KEY}
REFRESH = {**CLIENT, "refresh_token": Credentials().refresh_token}


def sign_ins(crm: Place) -> int:
    return len(crm.asked("/oauth2/token"))


def restarted(crm: Place, secrets: dict[str, str], **options: Any) -> None:
    """Another process that reads once."""
    with opened(crm.org, crm.url, secrets, **options) as (_, connector):
        list(connector.pull(PullRequest("Lead", ("Company",), None)))


def test_a_kept_token_serves_the_next_process(tmp_path: Path) -> None:
    file = str(tmp_path / "token")
    with place(secrets=WITH_KEY, token_file=file) as crm:
        crm.pull()
        for _ in range(3):
            restarted(crm, WITH_KEY, token_file=file)
        assert sign_ins(crm) == 1


def test_a_kept_token_that_has_ended_costs_one_sign_in(tmp_path: Path) -> None:
    file = str(tmp_path / "token")
    with place(secrets=WITH_KEY, token_file=file) as crm:
        crm.pull()
        crm.later(hours=9)
        restarted(crm, WITH_KEY, token_file=file)
        restarted(crm, WITH_KEY, token_file=file)
        assert sign_ins(crm) == 2


def moved_from(crm: Place, file: Path, place: str) -> None:
    """The kept token names an instance that the org has left since."""
    kept = TokenFile(file, cipher_of(KEY))
    kept.save({**kept.load(), "base_url": place})


@pytest.mark.parametrize("answer", ["nobody", "a page", "a redirection"])
def test_a_kept_token_of_an_instance_that_is_no_more_costs_one_sign_in(tmp_path: Path, httpserver: HTTPServer, answer: str) -> None:
    file = tmp_path / "token"
    status, headers = (301, {"Location": "https://moved.example/"}) if answer == "a redirection" else (404, {})
    httpserver.expect_request(re.compile(".*")).respond_with_data("<html>", status, headers, content_type="text/html")
    with place(secrets=WITH_KEY, token_file=str(file)) as crm:
        crm.pull()
        for _ in range(2):
            moved_from(crm, file, "http://127.0.0.1:9" if answer == "nobody" else httpserver.url_for("").rstrip("/"))
            restarted(crm, WITH_KEY, token_file=str(file))
            restarted(crm, WITH_KEY, token_file=str(file))
        assert sign_ins(crm) == 1 + 2


def test_an_instance_that_falls_silent_after_it_has_answered_costs_no_sign_in(tmp_path: Path) -> None:
    with place(secrets=WITH_KEY, token_file=str(tmp_path / "token")) as crm:
        crm.pull()
        crm.faults.add(Fault(FaultKind.CUT_BEFORE, "/query", calls=(1, 2)))
        restarted(crm, WITH_KEY, token_file=str(tmp_path / "token"))
        assert sign_ins(crm) == 1


def test_nothing_on_disk_is_readable_without_the_key(tmp_path: Path) -> None:
    file = tmp_path / "token"
    with place(secrets=WITH_KEY, token_file=str(file)) as crm:
        crm.pull()
        token = crm.client._auth.token.value  # type: ignore[union-attr]
        assert token.encode() not in file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0
        assert TokenFile(file, cipher_of(KEY)).load()["access_token"] == token
        assert os.listdir(tmp_path) == ["token"], "nothing is left lying about"


@pytest.mark.parametrize("other", [{"token_key": Fernet.generate_key().decode()}, {"client_id": "another app"}])
def test_a_file_of_another_key_or_app_is_as_good_as_none(tmp_path: Path, other: dict[str, str]) -> None:
    file = str(tmp_path / "token")
    config = OrgConfig(credentials=Credentials(client_id=other.get("client_id", Credentials().client_id)))
    with place(config, secrets=WITH_KEY | other, token_file=file) as crm:
        crm.pull()
    with place(secrets=WITH_KEY, token_file=file) as crm:
        crm.pull()
        assert sign_ins(crm) == 1


def test_a_token_file_without_a_key_is_refused() -> None:
    with pytest.raises(StopConnector, match="token_key"), place(token_file="x"):
        pass


def test_a_key_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StopConnector, match="openssl"), place(secrets=CLIENT | {"token_key": "short"}, token_file=str(tmp_path)):
        pass


def test_a_file_that_cannot_be_written_costs_the_cache_and_not_the_run(tmp_path: Path) -> None:
    with place(secrets=WITH_KEY, token_file=str(tmp_path / "absent" / "token")) as crm:
        lead = crm.lead()
        assert [record.id for record in crm.pull()] == [lead]


def test_too_many_sign_ins_are_a_limit_and_no_fault_of_the_credentials() -> None:
    with place(OrgConfig(logins_per_hour=1)) as crm:
        crm.pull()
        with opened(crm.org, crm.url) as (_, connector), pytest.raises(StopConnector) as caught:
            list(connector.pull(PullRequest("Lead", (), None)))
        assert (caught.value.code, caught.value.params["vendor_code"]) == ("connect.quota", "LOGIN_RATE_EXCEEDED")


@pytest.mark.parametrize("secrets", [REFRESH, REFRESH | {"token_key": KEY}], ids=["plain", "encrypted"])
def test_a_rotating_token_outlives_any_number_of_restarts(tmp_path: Path, secrets: dict[str, str]) -> None:
    file = tmp_path / "refresh"
    with place(ROTATING, secrets=secrets, refresh_token_file=str(file)) as crm:
        crm.pull()
        for _ in range(3):
            restarted(crm, secrets, refresh_token_file=str(file))
        assert sign_ins(crm) == 4
        assert (b"5Aep861" in file.read_bytes()) is ("token_key" not in secrets)


def test_a_crash_after_the_rotation_has_lost_nothing(tmp_path: Path) -> None:
    """The process dies with the first call that the new token would have signed."""
    file = str(tmp_path / "refresh")
    with place(ROTATING, secrets=REFRESH, refresh_token_file=file, attempts=1) as crm:
        crm.faults.add(Fault(FaultKind.CUT_BEFORE, "/limits/", calls=(1,)))
        with pytest.raises(Exception, match="limits"):
            crm.pull()
        restarted(crm, REFRESH, refresh_token_file=file)


def test_a_file_that_cannot_be_written_spends_no_refresh_token(tmp_path: Path) -> None:
    with place(ROTATING, secrets=REFRESH, refresh_token_file=str(tmp_path / "absent" / "refresh")) as crm:
        with pytest.raises(StopConnector, match="file_not_writable"):
            crm.pull()
        assert sign_ins(crm) == 0


def test_a_newly_configured_refresh_token_outranks_the_one_on_disk(tmp_path: Path) -> None:
    file = str(tmp_path / "refresh")
    with place(ROTATING, secrets=REFRESH, refresh_token_file=file) as crm:
        crm.pull()
    renewed = OrgConfig(rotates_refresh_tokens=True, credentials=Credentials(refresh_token="authorised anew"))
    with place(renewed, secrets=REFRESH | {"refresh_token": "authorised anew"}, refresh_token_file=file) as crm:
        crm.pull()
        restarted(crm, REFRESH | {"refresh_token": "authorised anew"}, refresh_token_file=file)
        assert sign_ins(crm) == 2


def test_a_half_written_file_never_takes_the_place_of_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = TokenFile(tmp_path / "token", None)
    file.save({"refresh_token": "old"})

    def die(_handle: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", die)
    with pytest.raises(OSError, match="space"):
        file.save({"refresh_token": "new"})
    assert file.load() == {"refresh_token": "old"}


def test_an_assertion_is_fresh_by_the_orgs_clock_however_wrong_ours_is() -> None:
    """The org's clock stands years behind this machine's; it takes an assertion for some minutes only."""
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    secrets = {"client_id": Credentials().client_id, "username": Credentials().username, "private_key": pem}
    with place(OrgConfig(checks_assertion_time=True), secrets=secrets) as crm:
        lead = crm.lead()
        crm.later(minutes=20)
        assert [record.id for record in crm.pull()] == [lead]
        crm.later(hours=3)  # the session has ended meanwhile, and the new assertion is signed for now
        crm.pull()
        assert sign_ins(crm) == 2


def _pem(key: Any, encryption: serialization.KeySerializationEncryption) -> str:
    return str(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode())


def _unusable() -> Iterator[Any]:
    key = rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    yield pytest.param(_pem(key, serialization.BestAvailableEncryption(b"secret")), id="behind a passphrase")
    yield pytest.param(public, id="public")
    yield pytest.param(_pem(ec.generate_private_key(ec.SECP256R1()), serialization.NoEncryption()), id="of another kind")
    yield pytest.param("secrets/salesforce.pem", id="a path")


@pytest.mark.parametrize("pem", list(_unusable()))
def test_a_key_that_cannot_sign_is_told_in_words_and_is_no_crash(pem: str) -> None:
    secrets = {"client_id": Credentials().client_id, "username": Credentials().username, "private_key": pem}
    with place(secrets=secrets) as crm, pytest.raises(StopConnector) as caught:
        crm.pull()
    assert caught.value.code == "connect.private_key_wrong"
    assert "BEGIN" not in str(caught.value.params)
