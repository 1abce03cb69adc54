"""Encryption at rest: AES-256-GCM under a key of the deployment's own."""

import base64
import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import SettingsError

NONCE_BYTES = 12


class Cipher:
    """Encrypts small texts. `key` is 32 bytes in URL-safe base64; a wrong one raises SettingsError."""

    def __init__(self, key: str) -> None:
        try:
            raw = base64.urlsafe_b64decode(key)
        except ValueError as error:
            raise SettingsError("KEFU_DATA_KEY is not base64") from error
        if len(raw) != 32:
            raise SettingsError(f"KEFU_DATA_KEY must hold 32 bytes in URL-safe base64, it holds {len(raw)}")
        self._aead = AESGCM(raw)
        self._hash_key = hmac.digest(raw, b"fingerprint", "sha256")

    def fingerprint(self, text: str) -> str:
        """A keyed SHA-256, hex: the same text gives the same one, and nobody without the key can try texts."""
        return hmac.new(self._hash_key, text.encode(), hashlib.sha256).hexdigest()

    def encrypt(self, plain: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, plain, None)

    def decrypt(self, sealed: bytes) -> bytes:
        try:
            return self._aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)
        except InvalidTag as error:
            raise SettingsError("stored data does not open with KEFU_DATA_KEY; was the key changed?") from error


def new_key() -> str:
    """A fresh key for KEFU_DATA_KEY."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()
