"""Where WeChat pushes to: verified, stored, acknowledged within 5 s, and answered at once when the answer is ready."""

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from connectors import metrics
from connectors.answers import answered
from connectors.bodies import Malformed, read_body
from connectors.delivery import Delivery, Held
from connectors.intake import Intake
from connectors.limits import TOO_FAST, Limits
from connectors.wechat import replies
from connectors.wechat.crypto import Envelope, Signature, Stamp
from connectors.wechat.details import Details
from connectors.wechat.inbound import hear
from connectors.wechat.patience import Patience
from connectors.wechat.pushes import Push, parse
from connectors.wechat.settings import WechatSettings
from core.bus import Bus
from core.conversation.inbox import Accepted
from core.conversation.lease import BOT
from core.conversation.message import Message
from core.conversation.states import DONE
from core.errors import InvalidInput

OwnerOf = Callable[[str], Awaitable[str]]

logger = structlog.get_logger()


class Callback:
    """One account's pushes. `owner_of` says who holds a conversation (`core.conversation.lease`)."""

    def __init__(
        self,
        channel: str,
        settings: WechatSettings,
        intake: Intake,
        delivery: Delivery,
        bus: Bus,
        details: Details,
        limits: Limits,
        owner_of: OwnerOf,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._channel = channel
        self._settings = settings
        self._intake = intake
        self._delivery = delivery
        self._bus = bus
        self._details = details
        self._limits = limits
        self._patience = Patience()
        self._owner_of = owner_of
        self._clock = clock
        self._signature = Signature(settings.token.get_secret_value(), settings.max_skew_seconds, clock)
        key = settings.aes_key
        self._envelope = Envelope(key.get_secret_value(), settings.app_id) if key else None
        to_official = settings.variant == "official"  # a mini-program's pushes take no text as their answer
        self._speaks = to_official and settings.passive_seconds > 0
        self._gives_away = settings.people == "wechat"

    def router(self) -> APIRouter:
        api = APIRouter(tags=["WeChat"])
        path = f"/channels/{self._channel}/callback"

        @api.get(path, response_class=PlainTextResponse)
        async def check(signature: str = "", timestamp: str = "", nonce: str = "", echostr: str = "") -> Response:
            """WeChat's check of our address: answered as it came."""
            self._signature.check(Stamp(signature, timestamp, nonce))
            return PlainTextResponse(echostr, headers={"X-Content-Type-Options": "nosniff"})

        @api.post(path, response_class=Response)
        async def receive(
            request: Request, signature: str = "", timestamp: str = "", nonce: str = "", msg_signature: str = ""
        ) -> Response:
            """What customers say and do. Answers within 5 s."""
            began = time.monotonic()
            body = await read_body(request)
            push = self._open(body, Stamp(signature, timestamp, nonce), msg_signature)
            response = await self._take(push, began, request)
            metrics.acknowledged(self._channel, time.monotonic() - began)
            return response

        return api

    def _open(self, body: bytes, stamp: Stamp, msg_signature: str) -> Push:
        """The push, verified. With a key only what is encrypted counts: what stands beside it in the clear is not."""
        if self._envelope is None:
            self._signature.check(stamp)
            push = parse(body)
            if "Encrypt" in push.fields:
                raise Malformed("the push is encrypted, and no key is set")
            return push
        sealed = parse(body).get("Encrypt")
        self._signature.check(replace(stamp, signature=msg_signature), sealed)
        return parse(self._envelope.open(sealed))

    async def _take(self, push: Push, began: float, request: Request) -> Response:
        try:
            heard = hear(self._channel, push)
        except Malformed as error:  # signed by WeChat: it would only be sent again, and the customer see an error
            logger.warning("a push makes no sense", channel=self._channel, error=error.message)
            heard = None
        if heard is None:
            return _success()
        sender = heard.inbound.sender
        if not await self._limits.allow(self._channel, sender):
            return self._say(push, TOO_FAST) if await self._limits.may_notify(self._channel, sender) else _success()
        try:
            accepted = await self._intake.store(await self._details.add(heard))
        except InvalidInput as error:
            return self._say(push, error.message)
        return await self._answer(push, accepted, began, request)

    async def _answer(self, push: Push, accepted: Accepted, began: float, request: Request) -> Response:
        message = accepted.message
        is_done = message.status == DONE  # a repeat: the answer may be waiting
        if not self._speaks or (self._patience.is_over and not is_done):
            return await self._without_answer(push, accepted, began)
        async with AsyncExitStack() as stack:
            held = await stack.enter_async_context(self._delivery.hold(message.channel, message.sender))
            if held is None:
                return await self._without_answer(push, accepted, began)
            is_over = await self._turn(accepted, began)
            if await self._is_given_away(accepted):
                return self._transfer(push)
            if not is_over or await request.is_disconnected():
                return _success()
            waiting = await held.waiting()
            content = replies.one_text(waiting)
            if content is None:
                return _success()
            return _Passive(self._say(push, content), held, waiting, stack.pop_all())

    async def _without_answer(self, push: Push, accepted: Accepted, began: float) -> Response:
        """Delivery sends the answer; there may still be people to give the customer to."""
        if self._gives_away and not self._patience.is_over:
            await self._turn(accepted, began)
        else:
            await self._intake.announce(accepted)
        return self._transfer(push) if await self._is_given_away(accepted) else _success()

    async def _turn(self, accepted: Accepted, began: float) -> bool:
        """Tell of the message; whether its answer is there in time."""
        async with self._bus.subscribe(f"conversation.{accepted.message.conversation_id}") as events:
            await self._intake.announce(accepted)
            left = self._settings.passive_seconds - (time.monotonic() - began)
            return await self._patience.wait(
                lambda seconds: answered(events, accepted.message, seconds), max(left, 0.0)
            )

    async def _is_given_away(self, accepted: Accepted) -> bool:
        return self._gives_away and await self._owner_of(accepted.message.conversation_id) != BOT

    def _transfer(self, push: Push) -> Response:
        return self._reply(push, replies.transfer(push, self._clock(), self._settings.people_account))

    def _say(self, push: Push, content: str) -> Response:
        """Tell the customer why a message is not taken, where that costs nothing."""
        return self._reply(push, replies.text(push, content, self._clock())) if self._speaks else _success()

    def _reply(self, push: Push, fields: replies.Fields) -> Response:
        content = replies.render(fields, push.format)
        if self._envelope:
            content = replies.seal(content, push.format, self._envelope, self._signature)
        return Response(content, media_type=f"application/{push.format}")


def _success() -> Response:
    return PlainTextResponse(replies.SUCCESS)


class _Passive(Response):
    """An answer that carries messages: they count as delivered once it is written, else delivery takes them."""

    def __init__(self, answer: Response, held: Held, messages: Sequence[Message], stack: AsyncExitStack) -> None:
        super().__init__(bytes(answer.body), media_type=answer.media_type)
        self._held = held
        self._messages = messages
        self._stack = stack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._stack:
            await super().__call__(scope, receive, send)
            self._held.delivered(message.id for message in self._messages)
