"""Calls to the deployment's own services: JSON, signed with the key that it signs its members' tokens with."""

import hashlib
import hmac
from typing import Any

import httpx
import orjson

from core.errors import Unavailable

SIGNATURE_HEADER = "X-Kefu-Signature"


class Hook:
    """The signature is the hex HMAC-SHA256 of the body."""

    def __init__(self, url: str, key: str, client: httpx.AsyncClient) -> None:
        self._url = url
        self._key = key.encode()
        self._client = client

    async def __call__(self, content: dict[str, Any]) -> None:
        """Raises Unavailable when it is not answered with a 2xx."""
        body = orjson.dumps(content)
        signature = hmac.new(self._key, body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: signature}
        try:
            (await self._client.post(self._url, content=body, headers=headers)).raise_for_status()
        except httpx.HTTPError as error:
            raise Unavailable(f"the hook does not answer: {error!r}") from error
