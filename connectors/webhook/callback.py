"""Where the vendor pushes to: verified, stored, acknowledged."""

import asyncio
import contextlib
import time
from collections.abc import Callable

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.background import BackgroundTasks

from connectors import metrics
from connectors.bodies import Malformed, read_body
from connectors.intake import Intake
from connectors.limits import TOO_FAST, Limits
from connectors.protocol import DeliveryFailed
from connectors.webhook.courier import WebhookCourier
from connectors.webhook.fetching import Fetching
from connectors.webhook.inbound import Heard, hear, pushed
from connectors.webhook.pushes import Push, opened
from connectors.webhook.receiving import Answer
from connectors.webhook.settings import WebhookSettings
from connectors.webhook.templates import CannotFill
from connectors.webhook.verify import verify
from core.conversation.message import Inbound
from core.errors import InvalidInput

logger = structlog.get_logger()


class Callback:
    """One channel's pushes. The courier tells a customer whose message cannot be taken."""

    def __init__(
        self,
        channel: str,
        settings: WebhookSettings,
        intake: Intake,
        limits: Limits,
        fetching: Fetching,
        courier: WebhookCourier,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._channel = channel
        self._mapping = settings.mapping
        self._secrets = settings.plain_secrets
        self._intake = intake
        self._limits = limits
        self._fetching = fetching
        self._courier = courier
        self._clock = clock

    def router(self) -> APIRouter:
        api = APIRouter(tags=["Webhook"])
        path = f"/channels/{self._channel}/callback"

        @api.post(path, response_class=Response)
        async def receive(request: Request) -> Response:
            """What customers say and do."""
            began = time.monotonic()
            came = Push(await read_body(request), dict(request.query_params), request.headers)
            push = opened(came, self._mapping, self._secrets)
            if self._is_challenge("POST", push.body):
                return self._confirm(push)
            verify(self._mapping.verify, push, self._secrets, self._clock())
            background = BackgroundTasks()
            await self._take_all(push, background)
            response = self._answer(self._mapping.acknowledge, push)
            response.background = background
            metrics.acknowledged(self._channel, time.monotonic() - began)
            return response

        if self._mapping.challenge and self._mapping.challenge.method == "GET":

            @api.get(path, response_class=Response)
            async def confirm(request: Request) -> Response:
                """The vendor's check of our address."""
                push = Push(b"", dict(request.query_params), request.headers)
                if not self._is_challenge("GET", push.query):
                    raise Malformed("this is not how the vendor checks an address")
                return self._confirm(push)

        return api

    def _is_challenge(self, method: str, content: object) -> bool:
        challenge = self._mapping.challenge
        if challenge is None or challenge.method != method:
            return False
        return challenge.when is None or challenge.when.holds(content)

    def _confirm(self, push: Push) -> Response:
        challenge = self._mapping.challenge
        assert challenge
        verify(challenge.verify or self._mapping.verify, push, self._secrets, self._clock())
        return self._answer(challenge.answer, push)

    def _answer(self, answer: Answer, push: Push) -> Response:
        values = push.values(self._secrets)
        try:
            if answer.content:
                return JSONResponse(answer.content.fill(values), answer.status)
            text = answer.text.fill(values) if answer.text else ""
        except CannotFill as error:
            raise Malformed(str(error)) from error
        return PlainTextResponse(text, answer.status, headers={"X-Content-Type-Options": "nosniff"})

    async def _take_all(self, push: Push, background: BackgroundTasks) -> None:
        """In the order in which they stand in the push; what cannot be had at once is fetched for all together."""
        heard = [one for message in pushed(self._mapping, push) if (one := self._heard(message))]
        allowed = [one for one in heard if await self._may_write(one, background)]
        for inbound in await asyncio.gather(*map(self._fetching.add, allowed)):
            await self._take(inbound, background)

    def _heard(self, message: object) -> Heard | None:
        try:
            return hear(self._channel, self._mapping, message)
        except Malformed as error:  # signed by the vendor: it would only be sent again
            logger.warning("a push makes no sense", channel=self._channel, error=error.message)
            return None

    async def _may_write(self, heard: Heard, background: BackgroundTasks) -> bool:
        sender = heard.inbound.sender
        if await self._limits.allow(self._channel, sender):
            return True
        if await self._limits.may_notify(self._channel, sender):
            background.add_task(self._tell, sender, TOO_FAST)
        return False

    async def _take(self, inbound: Inbound, background: BackgroundTasks) -> None:
        try:
            await self._intake.accept(inbound)
        except InvalidInput as error:
            background.add_task(self._tell, inbound.sender, error.message)

    async def _tell(self, sender: str, text: str) -> None:
        with contextlib.suppress(DeliveryFailed):
            await self._courier.say(sender, text)
