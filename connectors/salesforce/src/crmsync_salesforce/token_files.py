"""Tokens that outlive the process: written whole or not at all, readable by the owner alone, encrypted where there is a key."""

from __future__ import annotations

import binascii
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import orjson
import structlog
from cryptography.fernet import Fernet, InvalidToken

_log = structlog.get_logger("crmsync.salesforce")


class TokenFile:
    """One small file of named texts."""

    def __init__(self, path: Path, cipher: Fernet | None) -> None:
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
        except (InvalidToken, orjson.JSONDecodeError):
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


def cipher_of(key: str) -> Fernet:
    """The cipher of a key: 32 bytes in base64, in either alphabet. Raises ValueError for anything else."""
    try:
        return Fernet(key.strip().encode())
    except (ValueError, binascii.Error):
        raise ValueError("not 32 bytes in base64") from None


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
