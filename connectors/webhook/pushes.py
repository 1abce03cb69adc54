"""A push as it came, opened: JSON or a form, decrypted where the vendor encrypts."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs

import orjson
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from connectors.bodies import Malformed
from connectors.webhook.mapping import Mapping as MappingFile
from connectors.webhook.receiving import Decrypt, Place
from connectors.webhook.templates import SECRETS, Values
from core.errors import Unauthorized

BLOCK = 16
MAX_FIELDS = 200


@dataclass(frozen=True)
class Push:
    """`raw` is the body as it came, `body` what stands in it. `headers` are found whatever their case."""

    raw: bytes
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any = None

    def at(self, place: Place) -> str:
        """A text or number at a place; empty where there is none."""
        if place.header:
            return self.headers.get(place.header, "")
        if place.query:
            return self.query.get(place.query, "")
        return place.body.text(self.body) if place.body else ""

    def values(self, secrets: Mapping[str, str]) -> Values:
        """For templates. Bytes that are no UTF-8 stay what they are, so that a signature over them can be checked."""
        raw = self.raw.decode(errors="surrogateescape")
        return {"raw": raw, "body": self.body, "query": self.query, "headers": self.headers, SECRETS: secrets}


def opened(push: Push, mapping: MappingFile, secrets: Mapping[str, str]) -> Push:
    """With its body read. Raises Malformed, and Unauthorized for what is not encrypted with our key."""
    body = _form(push.raw) if mapping.format == "form" else _json(push.raw)
    if mapping.decrypt:
        body = _json(_decrypted(mapping.decrypt, body, secrets))
    return replace(push, body=body)


def _json(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Malformed("the body is not JSON") from error


def _form(content: bytes) -> dict[str, str]:
    try:
        fields = parse_qs(content.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise Malformed("the body is not a form") from error
    return {name: values[0] for name, values in fields.items()}


def _decrypted(decrypt: Decrypt, body: Any, secrets: Mapping[str, str]) -> bytes:
    """Every failure is the same one: whoever guesses learns nothing."""
    key = hashlib.sha256(decrypt.key.fill({SECRETS: secrets}).encode()).digest()
    try:
        sealed = base64.b64decode(decrypt.at.text(body), validate=True)
        decryptor = Cipher(algorithms.AES(key), modes.CBC(sealed[:BLOCK])).decryptor()
        padded = decryptor.update(sealed[BLOCK:]) + decryptor.finalize()
        unpadder = PKCS7(BLOCK * 8).unpadder()
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError as error:
        raise Unauthorized("the body is not encrypted with this channel's key") from error
