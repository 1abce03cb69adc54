"""Demo only: logging in as a member of the demo shop. A real shop signs its members' tokens itself."""

from fastapi import APIRouter
from pydantic import BaseModel

from actions.backends.members import Members
from connectors.tokens import Tokens


class DemoMember(BaseModel):
    member_id: str
    name: str
    level: str
    note: str


class DemoLogin(BaseModel):
    member_id: str


def router(members: Members, tokens: Tokens, shown: list[DemoMember]) -> APIRouter:
    api = APIRouter(prefix="/api/demo", tags=["Demo"])

    @api.get("/members")
    async def list_members() -> dict[str, list[DemoMember]]:
        return {"members": shown}

    @api.post("/login")
    async def log_in(login: DemoLogin) -> dict[str, str]:
        member = await members.get(login.member_id)
        return {"member_token": tokens.member_token(member.id)}

    return api
