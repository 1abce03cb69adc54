"""One channel, put together: the courier that sends, and the router for what comes."""

import httpx
from fastapi import APIRouter
from redis.asyncio import Redis

from connectors.attachments import Attachments
from connectors.intake import Intake
from connectors.limits import Limits
from connectors.media import MediaStore
from connectors.pictures import Pictures
from connectors.webhook.callback import Callback
from connectors.webhook.client import WebhookApi
from connectors.webhook.courier import WebhookCourier
from connectors.webhook.fetching import Fetching
from connectors.webhook.settings import WebhookSettings


class WebhookChannel:
    """`channel` names it within Kefu.

    `transport`: where requests go in tests, to the vendor and the web.
    """

    def __init__(
        self,
        channel: str,
        settings: WebhookSettings,
        redis: Redis,
        media: MediaStore,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._channel = channel
        self._settings = settings
        self._api = WebhookApi(channel, settings, redis, transport)
        self._pictures = Pictures(f"webhook:{channel}", self._api, media, redis, transport)
        secrets = "\0".join(f"{name}={value}" for name, value in sorted(settings.plain_secrets.items()))
        self._attachments = Attachments(channel, secrets, self._api, media)
        self.courier = WebhookCourier(channel, settings.mapping, self._api, media, self._pictures)

    def router(self, intake: Intake, limits: Limits) -> APIRouter:
        """`/channels/<channel>/callback`, to be entered at the vendor's, and `/channels/<channel>/media/…`."""
        fetching = Fetching(self._settings.mapping.media, self._attachments)
        api = APIRouter()
        api.include_router(Callback(self._channel, self._settings, intake, limits, fetching, self.courier).router())
        api.include_router(self._attachments.router())
        return api

    async def aclose(self) -> None:
        await self._api.aclose()
        await self._pictures.aclose()
