"""What a push only hints at: the attachment's content, the button that was pressed, who the customer is elsewhere."""

import asyncio
from dataclasses import replace

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from connectors.attachments import Attachments
from connectors.protocol import DeliveryFailed
from connectors.wechat.client import WechatApi
from connectors.wechat.inbound import Heard
from connectors.wechat.menus import Menus
from connectors.wechat.settings import WechatSettings
from core.bus import PREFIX
from core.conversation.message import Attachment, Inbound, Proof

FETCH_SECONDS = 2.0  # of the five within which a push must be acknowledged
UNIONID_SECONDS = 24 * 3600

logger = structlog.get_logger()


class Details:
    def __init__(
        self, settings: WechatSettings, redis: Redis, api: WechatApi, attachments: Attachments, menus: Menus
    ) -> None:
        self._settings = settings
        self._redis = redis
        self._api = api
        self._attachments = attachments
        self._menus = menus

    async def add(self, heard: Heard) -> Inbound:
        """Takes 2 s at most, and never fails: a message goes in with what is known in time."""
        inbound = heard.inbound
        payload, attachments, proofs = await asyncio.gather(
            self._pressed(heard), self._fetched(heard), self._proofs(inbound.sender)
        )
        return replace(inbound, payload=payload or inbound.payload, attachments=attachments, proofs=proofs)

    async def _pressed(self, heard: Heard) -> str | None:
        try:
            return await self._menus.payload(heard.menu_id) if heard.menu_id else None
        except RedisError:
            return None  # then the button's title says it

    async def _fetched(self, heard: Heard) -> tuple[Attachment, ...]:
        attachments = heard.inbound.attachments
        if heard.media_id is None or not attachments:
            return attachments
        return (await self._attachments.keep(attachments[0], heard.media_id, FETCH_SECONDS), *attachments[1:])

    async def _proofs(self, open_id: str) -> tuple[Proof, ...]:
        if not self._settings.ask_unionid:
            return ()
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                union_id = await self._union_id(open_id)
        except (TimeoutError, DeliveryFailed, RedisError) as error:
            logger.warning("a unionid is not known", error=str(error))
            return ()
        return (Proof("unionid", union_id),) if union_id else ()

    async def _union_id(self, open_id: str) -> str:
        """Empty where there is none."""
        key = f"{PREFIX}wechat:{self._settings.app_id}:unionid:{open_id}"
        known = await self._redis.get(key)
        if isinstance(known, bytes):
            return known.decode()
        union_id = await self._api.union_id(open_id) or ""
        await self._redis.set(key, union_id, ex=UNIONID_SECONDS)
        return union_id
