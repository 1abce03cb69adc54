"""A customer of the app, told by the token that the app's own server signed."""

import time
from dataclasses import dataclass

from connectors import metrics
from connectors.intake import Intake
from connectors.limits import Limits
from connectors.tokens import Tokens
from core.conversation import outbox
from core.conversation.message import Attachment, Inbound, Message, Proof
from core.errors import Unauthorized
from core.storage.database import Database

CHANNEL = "app"


@dataclass(frozen=True, slots=True)
class Customer:
    sender: str
    proofs: tuple[Proof, ...]


class Customers:
    """What REST and WebSocket both do."""

    def __init__(self, database: Database, intake: Intake, tokens: Tokens, limits: Limits) -> None:
        self._database = database
        self._intake = intake
        self._tokens = tokens
        self._limits = limits

    def known_by(self, authorization: str | None) -> Customer:
        """Raises Unauthorized."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthorized("请先登录")
        return Customer(*self._tokens.customer(token))

    async def conversation(self, customer: Customer) -> str:
        return await self._intake.open(CHANNEL, customer.sender, proofs=customer.proofs)

    async def say(
        self,
        customer: Customer,
        client_id: str,
        text: str,
        payload: str | None = None,
        attachments: tuple[Attachment, ...] = (),
    ) -> Message:
        """Store one message. The same `client_id` again gives the first one. Raises InvalidInput or TooMany."""
        began = time.perf_counter()
        await self._limits.check(CHANNEL, customer.sender)
        inbound = Inbound(
            CHANNEL,
            f"{customer.sender}:{client_id}",
            customer.sender,
            text,
            payload,
            attachments=attachments,
            proofs=customer.proofs,
        )
        message = await self._intake.accept(inbound)
        metrics.acknowledged(CHANNEL, time.perf_counter() - began)
        return message

    async def seen(self, customer: Customer, conversation_id: str, seq: int) -> None:
        """Everything up to `seq` has reached the customer."""
        async with self._database.begin(durable=False) as conn:
            await outbox.do_mark_seen(conn, CHANNEL, customer.sender, conversation_id, seq)
