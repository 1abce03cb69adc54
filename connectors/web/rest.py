"""The REST channel as Rasa serves it: post a message, get the replies. Existing clients work unmodified."""

import hashlib
import uuid
from collections.abc import AsyncIterator
from typing import Any

import orjson
from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, Field

from connectors.answers import answered
from connectors.delivered import Delivered
from connectors.intake import Intake
from connectors.limits import Limits
from connectors.tokens import Tokens
from core.bus import Bus
from core.conversation import outbox
from core.conversation.message import Inbound, Message
from core.storage.database import Database

CHANNEL = "rest"
WAIT_SECONDS = 30.0


class Utterance(BaseModel):
    """`metadata.member_token` says which member this is; `metadata.message_id` makes a repeat safe."""

    sender: str = Field("default", min_length=1, max_length=64)
    message: str = Field(max_length=4000)
    metadata: dict[str, Any] | None = None


class RestReply(BaseModel):
    recipient_id: str
    text: str | None = None
    image: str | None = None
    buttons: list[dict[str, str]] | None = None
    custom: dict[str, Any] | None = None


def router(
    database: Database, bus: Bus, intake: Intake, tokens: Tokens, delivered: Delivered, limits: Limits
) -> APIRouter:
    api = APIRouter(tags=["Rasa REST"])

    @api.post("/webhooks/rest/webhook", response_model=list[RestReply], response_model_exclude_none=True)
    async def webhook(utterance: Utterance, stream: bool = False) -> Response:
        """One message in; everything that waits for this sender out, in order."""
        inbound = _inbound(utterance, tokens)
        await limits.check(CHANNEL, inbound.sender)
        accepted = await intake.store(inbound)
        conversation_id = accepted.message.conversation_id
        async with bus.subscribe(f"conversation.{conversation_id}") as events:
            await intake.announce(accepted)
            await answered(events, accepted.message, WAIT_SECONDS)
        async with database.connect() as conn:
            replies = delivered.outstanding(await outbox.waiting(conn, CHANNEL, accepted.message.sender))
        delivered.mark(CHANNEL, (reply.id for reply in replies))
        items = [item for reply in replies for item in as_rasa(reply, utterance.sender)]
        if stream:
            return StreamingResponse(_lines(items), media_type="application/x-ndjson")
        return Response(orjson.dumps(items), media_type="application/json")

    return api


def as_rasa(message: Message, recipient: str) -> list[dict[str, Any]]:
    """One of our messages in the shape of Rasa's REST answer."""
    items: list[dict[str, Any]] = []
    if message.text is not None:
        items.append({"recipient_id": recipient, "text": message.text})
        if message.buttons:
            items[0]["buttons"] = [{"title": b.title, "payload": b.payload} for b in message.buttons]
    if message.image:
        items.append({"recipient_id": recipient, "image": message.image})
    if message.custom:
        items.append({"recipient_id": recipient, "custom": message.custom})
    return items


def _inbound(utterance: Utterance, tokens: Tokens) -> Inbound:
    """A verified member has a conversation apart from whoever merely names the same sender."""
    metadata = utterance.metadata or {}
    token = metadata.get("member_token")
    member_id = tokens.member_id(str(token)) if token else None
    sender = f"member:{member_id}:{utterance.sender}" if member_id else f"visitor:{utterance.sender}"
    known = metadata.get("message_id")
    # Hashed, for a client's id may be of any length.
    vendor_id = hashlib.sha256(f"{sender}:{known}".encode()).hexdigest() if known else uuid.uuid4().hex
    return Inbound(CHANNEL, vendor_id, sender, utterance.message, member_id=member_id)


async def _lines(items: list[dict[str, Any]]) -> AsyncIterator[bytes]:
    for item in items:
        yield orjson.dumps(item) + b"\n"
