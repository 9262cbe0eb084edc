"""Keys: encryption of what outlives the process, by the secret token_key; and the private key that signs us in."""

from __future__ import annotations

import binascii

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key


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


def private_key_of(pem: str) -> RSAPrivateKey:
    """An RSA private key. Raises ValueError for anything else: a public key, a certificate, one behind a passphrase."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (TypeError, UnsupportedAlgorithm) as error:  # a TypeError: it wants a passphrase
        raise ValueError("not a key that we can use") from error
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("not an RSA key")
    return key
