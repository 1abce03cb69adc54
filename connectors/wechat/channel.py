"""One account, put together: the courier that sends, and the router for what comes."""

import httpx
from fastapi import APIRouter
from redis.asyncio import Redis

from connectors.attachments import Attachments
from connectors.delivery import Delivery
from connectors.intake import Intake
from connectors.limits import Limits
from connectors.media import MediaStore
from connectors.pictures import Pictures
from connectors.wechat.callback import Callback, OwnerOf
from connectors.wechat.client import WechatApi
from connectors.wechat.courier import WechatCourier
from connectors.wechat.details import Details
from connectors.wechat.menus import Menus
from connectors.wechat.settings import WechatSettings
from core.bus import Bus

OFFICIAL = "wechat"
MINI_PROGRAM = "miniprogram"


class WechatChannel:
    """`channel` names the account within Kefu. `transport`: where requests go in tests, to WeChat and the web."""

    def __init__(
        self,
        channel: str,
        settings: WechatSettings,
        redis: Redis,
        media: MediaStore,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._channel = channel
        self._settings = settings
        self._api = WechatApi(settings, redis, transport)
        self._menus = Menus(settings.app_id, redis)
        self._pictures = Pictures(f"wechat:{settings.app_id}", self._api, media, redis, transport)
        self._attachments = Attachments(channel, settings.app_secret.get_secret_value(), self._api, media)
        self._details = Details(settings, redis, self._api, self._attachments, self._menus)
        self.courier = WechatCourier(channel, settings.variant, self._api, media, self._pictures, self._menus)

    def router(self, intake: Intake, delivery: Delivery, bus: Bus, limits: Limits, owner_of: OwnerOf) -> APIRouter:
        """`/channels/<channel>/callback`, to be entered as WeChat's 服务器地址, and `/channels/<channel>/media/…`."""
        callback = Callback(self._channel, self._settings, intake, delivery, bus, self._details, limits, owner_of)
        api = APIRouter()
        api.include_router(callback.router())
        api.include_router(self._attachments.router())
        return api

    async def aclose(self) -> None:
        await self._api.aclose()
        await self._pictures.aclose()
