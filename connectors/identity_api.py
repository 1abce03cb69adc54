"""Verified links over HTTP: the shop says whose a channel's customer is, or a customer proves a phone number."""

from typing import Annotated

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, Field

from connectors.intake import Intake
from connectors.limits import Limits
from connectors.phone import PhoneCodes
from connectors.tokens import Tokens
from connectors.web.pages_api import CHANNEL as WEB

Authorization = Annotated[str, Header(description="Bearer <token of the session>")]


class LinkRequest(BaseModel):
    """`token` is signed by the shop: HS256, audience `kefu-link`; `channel` and `sender` the customer of a channel (for
    WeChat the openid), and what the shop has verified: `sub`, the id of the member who has logged in there, `unionid`
    and `phone_number`; at least one of them."""

    token: str = Field(max_length=4000)


class PhoneRequest(BaseModel):
    phone: str = Field(max_length=20)


class CodeRequest(PhoneRequest):
    code: str = Field(pattern=r"^\d{6}$")


class Linked(BaseModel):
    conversation_id: str


async def linked(intake: Intake, tokens: Tokens, token: str) -> Linked:
    """Raises Unauthorized for a token that the shop did not sign."""
    channel, sender, proofs = tokens.link(token)
    return Linked(conversation_id=await intake.open(channel, sender, proofs=proofs))


def router(intake: Intake, tokens: Tokens, codes: PhoneCodes, limits: Limits) -> APIRouter:
    api = APIRouter(prefix="/api/identity", tags=["Identity"])

    @api.post("/link")
    async def link(request: LinkRequest) -> Linked:
        """Whose a channel's customer is, says the shop: the conversation of whoever proved the same goes on there."""
        return await linked(intake, tokens, request.token)

    @api.post("/phone", status_code=202)
    async def send_code(body: PhoneRequest, request: Request, authorization: Authorization) -> dict[str, str]:
        """Send a code to a phone number, for a visitor of the chat page."""
        visitor = tokens.bearer(authorization)
        # Anybody may be a visitor, as often as they like: so it is the address that is counted.
        await limits.check_code(request.client.host if request.client else "")
        await codes.start(body.phone, visitor.sender)
        return {"status": "sent"}

    @api.post("/phone/verify")
    async def verify(request: CodeRequest, authorization: Authorization) -> Linked:
        """The right code links the visitor to whoever proved the same number elsewhere."""
        visitor = tokens.bearer(authorization)
        proof = await codes.verify(request.phone, visitor.sender, request.code)
        return Linked(conversation_id=await intake.open(WEB, visitor.sender, visitor.member_id, [proof]))

    return api
