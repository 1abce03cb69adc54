"""Demo only: logging in as a member of the demo shop, on the page or inside a channel. A real shop signs these tokens
itself, on its own server."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from actions.backends.members import Members
from connectors import identity_api
from connectors.identity_api import Linked
from connectors.intake import Intake
from connectors.tokens import Tokens


class DemoMember(BaseModel):
    member_id: str
    name: str
    level: str
    note: str


class DemoLogin(BaseModel):
    member_id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")


class DemoLink(DemoLogin):
    """`sender` is the customer of the channel; for WeChat the openid."""

    channel: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    sender: str = Field(pattern=r"^[A-Za-z0-9_:.@-]{1,160}$")


def router(members: Members, tokens: Tokens, intake: Intake, shown: list[DemoMember]) -> APIRouter:
    api = APIRouter(prefix="/api/demo", tags=["Demo"])

    @api.get("/members")
    async def list_members() -> dict[str, list[DemoMember]]:
        return {"members": shown}

    @api.post("/login")
    async def log_in(login: DemoLogin) -> dict[str, str]:
        member = await members.get(login.member_id)
        return {"member_token": tokens.member_token(member.id)}

    @api.post("/link")
    async def link(login: DemoLink) -> Linked:
        """Somebody has logged in inside a channel: the member's conversation goes on there."""
        member = await members.get(login.member_id)
        token = tokens.link_token(member.id, login.channel, login.sender)
        return await identity_api.linked(intake, tokens, token)

    return api
