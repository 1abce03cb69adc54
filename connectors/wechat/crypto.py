"""How WeChat signs and encrypts what it pushes to us (消息加解密), and how we do what we answer.

The signature is SHA-1 over the sorted parts. Encrypted is: 16 random bytes, the length (4 bytes, big-endian), the
message, the receiver's id (the app id; for WeCom the corp id), padded as PKCS7 does to a multiple of 32; AES-256-CBC
with the key's first half as its IV; base64.
"""

import base64
import binascii
import hashlib
import hmac
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from connectors.bodies import Malformed
from core.errors import SettingsError, Unauthorized

BLOCK = 32
RANDOM_BYTES = 16
HEAD = RANDOM_BYTES + 4
KEY_CHARACTERS = 43


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a push brings in its address beside the body. `signature` covers the other two."""

    signature: str
    timestamp: str
    nonce: str


def sign(*parts: str) -> str:
    """SHA-1 of the sorted parts in hexadecimal."""
    return hashlib.sha1("".join(sorted(parts)).encode(errors="surrogatepass")).hexdigest()


class Signature:
    """Tells whether a push is signed with our token, and lately. Compares in constant time."""

    def __init__(self, token: str, max_skew_seconds: float, clock: Callable[[], float] = time.time) -> None:
        self._token = token
        self._max_skew = max_skew_seconds
        self._clock = clock

    def check(self, stamp: Stamp, *more: str) -> None:
        """Raises Unauthorized when the signature is wrong, or the time that it covers is too far from ours."""
        right = sign(self._token, stamp.timestamp, stamp.nonce, *more)
        if not hmac.compare_digest(right.encode(), stamp.signature.encode(errors="surrogatepass")):
            raise Unauthorized("the signature is wrong")
        if not (stamp.timestamp.isascii() and stamp.timestamp.isdigit() and len(stamp.timestamp) <= 12):
            raise Unauthorized("the timestamp is not a number of seconds")
        if abs(self._clock() - int(stamp.timestamp)) > self._max_skew:
            raise Unauthorized("the timestamp is too old, or this machine's clock is wrong")

    def stamp(self, *more: str) -> Stamp:
        """Sign an answer of ours."""
        timestamp, nonce = str(int(self._clock())), os.urandom(8).hex()
        return Stamp(sign(self._token, timestamp, nonce, *more), timestamp, nonce)


class Envelope:
    """Encrypts and decrypts under one EncodingAESKey (43 characters) for one receiver."""

    def __init__(self, aes_key: str, receiver: str) -> None:
        key = _decoded_key(aes_key)
        self._cipher = Cipher(algorithms.AES(key), modes.CBC(key[:16]))
        self._receiver = receiver.encode()

    def seal(self, message: bytes, random: bytes | None = None) -> str:
        """`message` encrypted, in base64. `random`: 16 bytes, for reproducible tests."""
        head = (random or os.urandom(RANDOM_BYTES)) + len(message).to_bytes(4, "big")
        plain = head + message + self._receiver
        missing = BLOCK - len(plain) % BLOCK
        encryptor = self._cipher.encryptor()
        sealed = encryptor.update(plain + bytes([missing]) * missing) + encryptor.finalize()
        return base64.b64encode(sealed).decode()

    def open(self, sealed: str) -> bytes:
        """The message in it. Raises Malformed for anything that was not sealed for us under this key."""
        try:
            cipher_text = base64.b64decode(sealed.encode(), validate=True)
        except (binascii.Error, UnicodeEncodeError) as error:
            raise Malformed("the encrypted part is not base64") from error
        if not cipher_text or len(cipher_text) % 16:
            raise Malformed("the encrypted part has no whole number of blocks")
        decryptor = self._cipher.decryptor()
        plain = decryptor.update(cipher_text) + decryptor.finalize()
        padding = plain[-1]
        if not 1 <= padding <= BLOCK or plain[-padding:] != bytes([padding]) * padding:
            raise Malformed("the decrypted part is not padded; is the key right?")
        content = plain[:-padding]
        end = HEAD + int.from_bytes(content[RANDOM_BYTES:HEAD], "big")
        if len(content) < HEAD or end > len(content):
            raise Malformed("the decrypted part is shorter than it says")
        if not hmac.compare_digest(content[end:], self._receiver):
            raise Malformed("the message is for another app")
        return content[HEAD:end]


def _decoded_key(aes_key: str) -> bytes:
    try:
        # Not strict: the last of 43 characters carries two bits too many, and generated keys do set them.
        key = base64.b64decode(aes_key + "=")
    except ValueError as error:
        raise SettingsError("the EncodingAESKey is not base64") from error
    if len(aes_key) != KEY_CHARACTERS or len(key) != BLOCK:
        raise SettingsError(f"an EncodingAESKey has {KEY_CHARACTERS} characters, this one has {len(aes_key)}")
    return key
