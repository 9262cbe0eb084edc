"""Tokens that outlive the process: written whole or not at all, readable by the owner alone, encrypted where there is a cipher."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import orjson
import structlog

from crmsync.connect.contract import ConnectionSettings
from crmsync.errors import StopConnector

_log = structlog.get_logger("crmsync.connect")


class Cipher(Protocol):
    """Seals what is written; `decrypt` raises ValueError for what it cannot open."""

    def encrypt(self, content: bytes) -> bytes: ...
    def decrypt(self, content: bytes) -> bytes: ...


class TokenFile:
    """One small file of named texts."""

    def __init__(self, path: Path, cipher: Cipher | None) -> None:
        self._path = path
        self._cipher = cipher

    def load(self) -> Mapping[str, str]:
        """What was saved last; empty where there is no file, or none that this key opens: then we sign in as for the first time."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return {}
        try:
            saved = orjson.loads(self._cipher.decrypt(content) if self._cipher else content)
        except ValueError:
            _log.warning("token_file_unreadable", path=str(self._path))
            return {}
        return saved if isinstance(saved, dict) else {}

    def save(self, content: Mapping[str, str]) -> None:
        """Replace the file. When this returns, the new content survives a crash; until then the old one does."""
        body = orjson.dumps(dict(content))
        with self._fresh() as file:
            file.write(self._cipher.encrypt(body) if self._cipher else body)
            file.flush()
            os.fsync(file.fileno())
        self._name.replace(self._path)
        _sync_directory(self._path.parent)

    def check(self) -> None:
        """Raises OSError where `save` would: asked before a token is spent that cannot be had again."""
        self._fresh().close()
        self._name.unlink()

    @property
    def _name(self) -> Path:
        return self._path.with_name(f"{self._path.name}.{os.getpid()}.new")

    def _fresh(self) -> IO[bytes]:
        return os.fdopen(os.open(self._name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def digest_of(*parts: str) -> str:
    """What tells whether a saved token belongs to what is configured now."""
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def _sync_directory(directory: Path) -> None:
    """Make the renaming itself survive a crash, where the system can."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@dataclass(frozen=True, slots=True)
class SavedRefresh:
    """The newest refresh token of a rotating app. It descends from the one that is configured: once an admin configures
    another, that one counts."""

    file: TokenFile
    connection: str
    path: str
    configured: Callable[[], str]

    def newest(self) -> str:
        """Raises StopConnector where a rotated token could not be kept: asking would spend the one that we have."""
        try:
            self.file.check()
        except OSError as error:
            raise _cannot_write(self.connection, self.path) from error
        configured, saved = self.configured(), self.file.load()
        descends = saved.get("from") == digest_of(configured)
        return saved["refresh_token"] if descends and saved.get("refresh_token") else configured

    def keep(self, token: str) -> None:
        """Save it. Raises StopConnector where that cannot be done."""
        try:
            self.file.save({"refresh_token": token, "from": digest_of(self.configured())})
        except OSError as error:
            raise _cannot_write(self.connection, self.path) from error


def saved_refresh_of(settings: ConnectionSettings, cipher: Cipher | None = None) -> SavedRefresh:
    """The newest refresh token of a connection, kept in the file of its option `refresh_token_file`."""
    path = str(settings.options["refresh_token_file"])
    return SavedRefresh(TokenFile(Path(path), cipher), settings.name, path, lambda: settings.secret("refresh_token"))


def _cannot_write(connection: str, path: str) -> StopConnector:
    return StopConnector("connect.file_not_writable", connection=connection, option="refresh_token_file", path=path)
