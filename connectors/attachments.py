"""What customers send beside words: fetched from the vendor and kept, at once or when somebody first looks at it."""

import asyncio
from dataclasses import replace
from typing import Protocol

import structlog
from fastapi import APIRouter
from fastapi.responses import RedirectResponse
from itsdangerous import BadSignature, URLSafeSerializer

from connectors.media import MediaStore
from connectors.protocol import DeliveryFailed
from core.conversation.message import Attachment
from core.errors import InvalidInput, NotFound, Unavailable

logger = structlog.get_logger()


class Downloads(Protocol):
    """The vendor's API, as far as it is needed here."""

    async def download(self, media_id: str) -> bytes:
        """Raises DeliveryFailed."""
        ...


class Attachments:
    """`secret` signs the links to what could not be fetched in time; vendors keep it for three days."""

    def __init__(self, channel: str, secret: str, api: Downloads, media: MediaStore) -> None:
        self._path = f"/channels/{channel}/media"
        self._links = URLSafeSerializer(secret, salt=self._path)
        self._api = api
        self._media = media

    async def keep(self, attachment: Attachment, vendor_id: str, seconds: float) -> Attachment:
        """With the content in our store. When the vendor is slow or down, with a link that fetches it later."""
        try:
            async with asyncio.timeout(seconds):
                kept = await self._media.put(await self._api.download(vendor_id))
        except (TimeoutError, DeliveryFailed) as error:
            logger.warning("an attachment is left for later", kind=attachment.kind, error=str(error))
            return replace(attachment, url=f"{self._path}/{self._links.dumps(vendor_id)}")
        except InvalidInput as error:
            logger.warning("an attachment is not kept", kind=attachment.kind, error=error.message)
            return replace(attachment, title=attachment.title or error.message)
        return replace(attachment, media_id=kept.id, url=None)

    def router(self) -> APIRouter:
        api = APIRouter(tags=["Media"])

        @api.get(self._path + "/{link}", status_code=307, response_class=RedirectResponse)
        async def late(link: str) -> RedirectResponse:
            """What could not be fetched when it came."""
            try:
                vendor_id = self._links.loads(link)
            except BadSignature as error:
                raise NotFound("没有这个文件") from error
            try:
                kept = await self._media.put(await self._api.download(str(vendor_id)))
            except DeliveryFailed as error:
                raise Unavailable(f"暂时无法从顾客所在的渠道取回文件: {error.message}") from error
            return RedirectResponse(self._media.path(kept.id))

        return api
