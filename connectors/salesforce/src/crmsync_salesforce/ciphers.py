"""Encryption of what outlives the process, by the secret token_key."""

from __future__ import annotations

import binascii

from cryptography.fernet import Fernet, InvalidToken


class KeyCipher:
    """Seals and opens with one key."""

    def __init__(self, fernet: Fernet) -> None:
        self._fernet = fernet

    def encrypt(self, content: bytes) -> bytes:
        return self._fernet.encrypt(content)

    def decrypt(self, content: bytes) -> bytes:
        """Raises ValueError for what another key sealed, or none."""
        try:
            return self._fernet.decrypt(content)
        except InvalidToken:
            raise ValueError("not sealed with this key") from None


def cipher_of(key: str) -> KeyCipher:
    """The cipher of a key: 32 bytes in base64, in either alphabet. Raises ValueError for anything else."""
    try:
        return KeyCipher(Fernet(key.strip().encode()))
    except (ValueError, binascii.Error):
        raise ValueError("not 32 bytes in base64") from None
