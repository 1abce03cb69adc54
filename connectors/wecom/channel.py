"""One application, put together: the courier that sends, and the router for what comes."""

import time
from dataclasses import replace
from typing import Annotated

import httpx
import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse, Response
from redis.asyncio import Redis

from connectors import metrics
from connectors.attachments import Attachments
from connectors.bodies import Malformed, read_body
from connectors.intake import Intake
from connectors.limits import TOO_FAST, Limits
from connectors.media import MediaStore
from connectors.pictures import Pictures
from connectors.wechat.crypto import Stamp
from connectors.wechat.inbound import Heard
from connectors.wechat.pushes import Push
from connectors.wecom.callback import Callback, Text, stamp
from connectors.wecom.client import WeComClient
from connectors.wecom.courier import WeComCourier
from connectors.wecom.inbound import hear
from connectors.wecom.settings import WeComSettings
from core.conversation.message import Inbound
from core.errors import InvalidInput

FETCH_SECONDS = 2.0  # of the five within which a push must be acknowledged

logger = structlog.get_logger()


class WeComChannel:
    """`channel` names the application within Kefu. `transport`: where requests go in tests, to WeCom and the web."""

    def __init__(
        self,
        channel: str,
        settings: WeComSettings,
        redis: Redis,
        media: MediaStore,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        secret = settings.secret.get_secret_value()
        name = f"wecom:{settings.corp_id}:{settings.agent_id}"
        self._channel = channel
        self._client = WeComClient(
            redis, name, corp_id=settings.corp_id, secret=secret, api_url=settings.api_url, transport=transport
        )
        self._pictures = Pictures(name, self._client, media, redis, transport)
        self._attachments = Attachments(channel, secret, self._client, media)
        self._callback = Callback(settings)
        self.courier = WeComCourier(channel, self._client, media, self._pictures, redis, settings.agent_id)

    def router(self, intake: Intake, limits: Limits) -> APIRouter:
        """`/channels/<channel>/callback`, to be entered as the application's 接收消息服务器URL, and `…/media/…`."""
        api = APIRouter(tags=["WeCom"])
        path = f"/channels/{self._channel}/callback"

        @api.get(path, response_class=PlainTextResponse)
        async def check(stamped: Annotated[Stamp, Depends(stamp)], echostr: Text) -> Response:
            """WeCom's check of our address: answered with what was encrypted, and nothing else."""
            return PlainTextResponse(self._callback.echo(stamped, echostr))

        @api.post(path, response_class=Response)
        async def receive(request: Request, stamped: Annotated[Stamp, Depends(stamp)]) -> Response:
            """What members say and do. WeCom repeats whatever is not answered with 200 within 5 s."""
            began = time.monotonic()
            response = await self._take(intake, limits, self._callback.open(stamped, await read_body(request)))
            metrics.acknowledged(self._channel, time.monotonic() - began)
            return response

        api.include_router(self._attachments.router())
        return api

    async def aclose(self) -> None:
        await self._client.aclose()
        await self._pictures.aclose()

    async def _take(self, intake: Intake, limits: Limits, push: Push) -> Response:
        try:
            heard = hear(self._channel, push)
            if heard is None:
                return Response()
            if not await limits.allow(self._channel, heard.inbound.sender):
                is_told = await limits.may_notify(self._channel, heard.inbound.sender)
                return self._callback.reply(push, TOO_FAST) if is_told else Response()
            await intake.accept(await self._with_content(heard))
        except Malformed as error:  # signed by WeCom: it would only be sent again
            logger.warning("a push makes no sense", channel=self._channel, error=error.message)
        except InvalidInput as error:
            return self._callback.reply(push, error.message)
        return Response()

    async def _with_content(self, heard: Heard) -> Inbound:
        inbound = heard.inbound
        if heard.media_id is None or not inbound.attachments:
            return inbound
        kept = await self._attachments.keep(inbound.attachments[0], heard.media_id, FETCH_SECONDS)
        return replace(inbound, attachments=(kept,))
