"""Pictures that we send: uploaded to the vendor once, and known there for three days."""

from typing import Protocol

import httpx
import structlog
from redis.asyncio import Redis

from connectors.media import Media, MediaStore
from connectors.protocol import Undeliverable
from core.bus import PREFIX
from core.errors import InvalidInput, NotFound

KEPT_SECONDS = 3 * 24 * 3600 - 3600  # the vendors' three days, less the time that a message may wait
TAKEN = frozenset({"image/jpeg", "image/png", "image/gif", "image/bmp"})
MAX_BYTES = 10 * 1024 * 1024
TIMEOUT_SECONDS = 8.0

logger = structlog.get_logger()


class Uploads(Protocol):
    """The vendor's API, as far as it is needed here."""

    async def upload(self, content: bytes, filename: str, content_type: str) -> str:
        """The vendor's id of a picture."""
        ...


class Pictures:
    """`account`: whose pictures they are at the vendor; part of the keys in Redis."""

    def __init__(
        self,
        account: str,
        api: Uploads,
        media: MediaStore,
        redis: Redis,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._prefix = f"{PREFIX}picture:{account}:"
        self._api = api
        self._media = media
        self._redis = redis
        self._web = httpx.AsyncClient(timeout=TIMEOUT_SECONDS, transport=transport)

    async def aclose(self) -> None:
        await self._web.aclose()

    async def stored(self, media_id: str) -> str | None:
        """The vendor's id of a stored picture; None when it is gone or of a type that is not taken. Raises TryAgain."""
        known = await self._redis.get(self._prefix + media_id)
        if isinstance(known, bytes):
            return known.decode()
        try:
            media, content = await self._media.get(media_id)
        except NotFound:
            return None
        return await self._uploaded(media, content) if media.type in TAKEN else None

    async def elsewhere(self, url: str) -> str | None:
        """The vendor's id of a picture of the web; None when it cannot be had. Raises TryAgain."""
        if not url.startswith(("https://", "http://")):
            return None
        try:
            kept = await self._media.put(await self._content(url))
        except (httpx.HTTPError, httpx.InvalidURL, InvalidInput):
            return None
        return await self.stored(kept.id)

    async def _content(self, url: str) -> bytes:
        async with self._web.stream("GET", url) as response:
            response.raise_for_status()
            content = bytearray()
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > MAX_BYTES:
                    raise InvalidInput("the picture is too big")
        return bytes(content)

    async def _uploaded(self, media: Media, content: bytes) -> str | None:
        try:
            vendor_id = await self._api.upload(content, media.filename, media.type)
        except Undeliverable as error:
            logger.warning("the vendor does not take a picture", error=error.message)
            return None
        await self._redis.set(self._prefix + media.id, vendor_id, ex=KEPT_SECONDS)
        return vendor_id
