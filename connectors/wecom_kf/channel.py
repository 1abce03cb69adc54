"""微信客服, put together: the courier that sends, the router that is told, and what runs beside them."""

import asyncio
import time
from typing import Annotated

import httpx
import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse, Response

from connectors import metrics
from connectors.attachments import Attachments
from connectors.bodies import read_body
from connectors.intake import Intake
from connectors.limits import Limits
from connectors.media import MediaStore
from connectors.pictures import Pictures
from connectors.wechat.crypto import Stamp
from connectors.wechat.menus import Menus
from connectors.wecom.callback import Callback, Text, stamp
from connectors.wecom.client import WeComClient
from connectors.wecom_kf.codes import Codes
from connectors.wecom_kf.courier import WeComKfCourier
from connectors.wecom_kf.customers import Customers
from connectors.wecom_kf.feed import Feed
from connectors.wecom_kf.inbound import MAX_ID
from connectors.wecom_kf.puller import Puller
from connectors.wecom_kf.sessions import GiveAway, Sessions
from connectors.wecom_kf.settings import WeComKfSettings
from core.bus import Bus
from core.storage.database import Database

logger = structlog.get_logger()


class WeComKfChannel:
    """`channel` names it within Kefu. `transport`: where requests go in tests, to WeCom and the web."""

    def __init__(
        self,
        channel: str,
        settings: WeComKfSettings,
        database: Database,
        bus: Bus,
        intake: Intake,
        media: MediaStore,
        limits: Limits,
        give_away: GiveAway,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        secret, redis = settings.secret.get_secret_value(), bus.redis
        name = f"wecom_kf:{settings.corp_id}"
        self._channel = channel
        self._client = WeComClient(
            redis, name, corp_id=settings.corp_id, secret=secret, api_url=settings.api_url, transport=transport
        )
        self._pictures = Pictures(name, self._client, media, redis, transport)
        self._attachments = Attachments(channel, secret, self._client, media)
        self._callback = Callback(settings)
        menus, codes = Menus(name, redis), Codes(redis, channel)
        self.courier = WeComKfCourier(channel, self._client, media, self._pictures, menus, codes, redis)
        self._sessions = Sessions(channel, self._client, database, bus, codes, settings.people, give_away)
        customers = Customers(self._client, redis) if settings.ask_unionid else None
        feed = Feed(
            channel,
            self._client,
            database,
            bus,
            intake,
            limits,
            self._sessions,
            self._attachments,
            menus,
            codes,
            self.courier.sent,
            customers,
        )
        self._puller = Puller(channel, self._client, database, bus, feed.take, settings.poll_seconds)

    def router(self) -> APIRouter:
        """`/channels/<channel>/callback`, to be entered as 回调URL, and `…/media/…`."""
        api = APIRouter(tags=["微信客服"])
        path = f"/channels/{self._channel}/callback"

        @api.get(path, response_class=PlainTextResponse)
        async def check(stamped: Annotated[Stamp, Depends(stamp)], echostr: Text) -> Response:
            """WeCom's check of our address: answered with what was encrypted, and nothing else."""
            return PlainTextResponse(self._callback.echo(stamped, echostr))

        @api.post(path, response_class=Response)
        async def receive(request: Request, stamped: Annotated[Stamp, Depends(stamp)]) -> Response:
            """WeCom says that something happened at an account; what, is fetched after this is answered."""
            began = time.monotonic()
            push = self._callback.open(stamped, await read_body(request))
            account = push.get("OpenKfId")
            if push.get("Event") == "kf_msg_or_event" and 1 <= len(account) <= MAX_ID:
                await self._puller.wake(account, push.get("Token"))
            else:
                logger.info("a push of another kind", channel=self._channel, kind=push.get("Event")[:MAX_ID])
            metrics.acknowledged(self._channel, time.monotonic() - began)
            return Response()

        api.include_router(self._attachments.router())
        return api

    async def run(self) -> None:
        """Fetch what happens and keep sessions settled, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._puller.run())
            group.create_task(self._sessions.run())

    async def aclose(self) -> None:
        await self._client.aclose()
        await self._pictures.aclose()
