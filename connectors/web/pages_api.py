"""What the chat page and the widget speak: a session, messages, and a stream that can be resumed (SSE)."""

import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, Field, StringConstraints
from sse_starlette import EventSourceResponse, ServerSentEvent

from connectors import metrics
from connectors.delivered import Delivered
from connectors.feed import Feed, OwnerState
from connectors.intake import MAX_TEXT, Intake
from connectors.limits import Limits
from connectors.media import MediaStore
from connectors.tokens import Tokens, Visitor
from connectors.web.media_api import ID, Uploads
from core.bus import Bus
from core.conversation import transcript
from core.conversation.message import Inbound, Proof
from core.storage.database import Database

CHANNEL = "web"
PAGE_SIZE = 50
MEDIA_AT_ONCE = 9
LAST_SEQ = 2**31 - 1  # what the column holds

MediaId = Annotated[str, StringConstraints(pattern=ID)]
Authorization = Annotated[str, Header(description="Bearer <token of the session>")]

MemberCard = Callable[[str], Awaitable[dict[str, Any] | None]]


class SessionRequest(BaseModel):
    """`token`: a visitor's own from an earlier session; `member_token`: signed by the shop after its login."""

    token: str | None = None
    member_token: str | None = None


class PageMessage(BaseModel):
    """`client_id` is made by the page; the same one again is the same message.

    `media_ids`: what this visitor uploaded before; the text may be empty then. `title`: the name of an uploaded file.
    """

    client_id: str = Field(min_length=1, max_length=64)
    text: str = Field("", max_length=MAX_TEXT)
    payload: str | None = Field(None, max_length=2000)
    media_ids: list[MediaId] = Field([], max_length=MEDIA_AT_ONCE)
    title: str | None = Field(None, max_length=200)


def router(
    database: Database,
    bus: Bus,
    intake: Intake,
    tokens: Tokens,
    delivered: Delivered,
    limits: Limits,
    media: MediaStore,
    uploads: Uploads,
    *,
    owner_state: OwnerState,
    member_card: MemberCard,
    brand: dict[str, str],
    phone_codes: bool,
) -> APIRouter:
    """`phone_codes`: a visitor may prove a phone number."""
    api = APIRouter(prefix="/api/web", tags=["Web chat"])
    feed = Feed(database, bus, owner_state)

    async def conversation_of(visitor: Visitor) -> str:
        return await intake.open(CHANNEL, visitor.sender, visitor.member_id)

    @api.post("/session")
    async def open_session(request: SessionRequest) -> dict[str, Any]:
        """Open a conversation, or go on with one. A member goes on with the member's own, wherever it was begun."""
        visitor, proofs = _who(request, tokens)
        conversation_id = await intake.open(CHANNEL, visitor.sender, visitor.member_id, proofs)
        return {
            "token": tokens.visitor_token(visitor),
            "conversation_id": conversation_id,
            "member": await member_card(visitor.member_id) if visitor.member_id else None,
            "brand": brand,
            "owner": await owner_state(conversation_id),
            "phone_codes": phone_codes,
        }

    @api.get("/messages")
    async def read_messages(
        authorization: Authorization,
        before: Annotated[int, Query(ge=1, le=LAST_SEQ)] = LAST_SEQ,
        limit: Annotated[int, Query(ge=1, le=200)] = PAGE_SIZE,
    ) -> dict[str, Any]:
        conversation_id = await conversation_of(tokens.bearer(authorization))
        async with database.connect() as conn:
            page = await transcript.read(conn, conversation_id, before=before, limit=limit + 1, for_customer=True)
        shown = page[-limit:]
        delivered.mark(CHANNEL, (m.id for m in shown if m.direction == "out" and m.channel == CHANNEL))
        return {
            "messages": [media.with_links(message.as_json()) for message in shown],
            "has_more": len(page) > limit,
        }

    @api.post("/messages", status_code=202)
    async def post_message(body: PageMessage, authorization: Authorization) -> dict[str, Any]:
        began = time.perf_counter()
        visitor = tokens.bearer(authorization)
        await limits.check(CHANNEL, visitor.sender)
        inbound = Inbound(
            CHANNEL,
            f"{visitor.sender}:{body.client_id}",
            visitor.sender,
            body.text,
            body.payload,
            visitor.member_id,
            attachments=await uploads.attachments(visitor.sender, body.media_ids, body.title),
        )
        message = await intake.accept(inbound)
        metrics.acknowledged(CHANNEL, time.perf_counter() - began)
        return {"message": media.with_links(message.as_json())}

    @api.get("/stream", response_class=EventSourceResponse)
    async def stream(
        authorization: Authorization,
        after: Annotated[int, Query(ge=0, le=LAST_SEQ)] = 0,
        last_event_id: Annotated[int | None, Header(ge=0, le=LAST_SEQ)] = None,
    ) -> EventSourceResponse:
        """Server-sent events `message` (its id is the message's seq), `typing` and `owner`.

        `moved` is the last one: the customer was linked to another conversation, which has to be read anew.
        """
        conversation_id = await conversation_of(tokens.bearer(authorization))
        return EventSourceResponse(_events(conversation_id, last_event_id or after))

    async def _events(conversation_id: str, cursor: int) -> AsyncIterator[ServerSentEvent]:
        async for item in feed.follow(conversation_id, cursor):
            message = item.data
            if item.kind != "message":
                yield _sse(item.kind, item.data)
                continue
            if message["author"] != "customer" and message["channel"] == CHANNEL:
                delivered.mark(CHANNEL, [message["id"]])
            yield _sse("message", media.with_links(message), id=message["seq"])

    return api


def _who(request: SessionRequest, tokens: Tokens) -> tuple[Visitor, tuple[Proof, ...]]:
    """A member's visits are apart from a visitor's: after logging out, the next one at this browser sees nothing."""
    if request.member_token:
        proofs = tokens.member_proofs(request.member_token)
        member_id = proofs[0].value
        return Visitor(f"member:{member_id}", member_id), proofs
    if request.token:
        return tokens.visitor(request.token), ()
    return Visitor(f"visitor:{uuid.uuid4().hex}", None), ()


def _sse(event: str, data: dict[str, Any], id: int | None = None) -> ServerSentEvent:
    return ServerSentEvent(orjson.dumps(data).decode(), event=event, id=None if id is None else str(id))
