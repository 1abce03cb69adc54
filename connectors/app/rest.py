"""The app's REST side: say, read on from the last seq that was seen, upload."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, Field, StringConstraints

from connectors.app.customer import Customers
from connectors.feed import OwnerState
from connectors.intake import MAX_TEXT
from connectors.limits import Limits
from connectors.media import MediaStore
from connectors.web.media_api import ID, Uploaded, Uploads
from core.conversation import transcript
from core.storage.database import Database

PREFIX = "/channels/app"
MEDIA_AT_ONCE = 9

MediaId = Annotated[str, StringConstraints(pattern=ID)]
Authorization = Annotated[str | None, Header(description="Bearer <token signed by the app's own server>")]


class AppMessage(BaseModel):
    """`id` is made by the app; the same one again is the same message. `media_ids`: uploaded before."""

    id: str = Field(min_length=1, max_length=64)
    text: str = Field("", max_length=MAX_TEXT)
    payload: str | None = Field(None, max_length=2000)
    media_ids: list[MediaId] = Field([], max_length=MEDIA_AT_ONCE)
    title: str | None = Field(None, max_length=200)


def router(
    database: Database,
    customers: Customers,
    limits: Limits,
    media: MediaStore,
    uploads: Uploads,
    owner_state: OwnerState,
) -> APIRouter:
    api = APIRouter(prefix=PREFIX, tags=["App"])

    @api.post("/messages", status_code=202)
    async def say(body: AppMessage, authorization: Authorization = None) -> dict[str, Any]:
        """Stored before it is acknowledged. The answer comes over the socket, or with the next read."""
        customer = customers.known_by(authorization)
        attachments = await uploads.attachments(customer.sender, body.media_ids, body.title)
        message = await customers.say(customer, body.id, body.text, body.payload, attachments)
        return {"message": media.with_links(message.as_json())}

    @api.get("/messages")
    async def read(
        authorization: Authorization = None,
        after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> dict[str, Any]:
        """Messages after the last seq that was seen; everything up to it counts as delivered."""
        customer = customers.known_by(authorization)
        conversation_id = await customers.conversation(customer)
        if after:
            await customers.seen(customer, conversation_id, after)
        async with database.connect() as conn:
            page = await transcript.read(conn, conversation_id, after=after, limit=limit + 1, for_customer=True)
        return {
            "conversation_id": conversation_id,
            "messages": [media.with_links(message.as_json()) for message in page[:limit]],
            "has_more": len(page) > limit,
            "owner": await owner_state(conversation_id),
        }

    @api.post("/media", status_code=201, openapi_extra=_RAW_BODY)
    async def upload(request: Request, authorization: Authorization = None) -> Uploaded:
        """The body is the file itself. What comes back is named in `media_ids` of a message."""
        customer = customers.known_by(authorization)
        await limits.check_upload(customer.sender)
        return await uploads.take(customer.sender, await request.body())

    return api


_RAW_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
