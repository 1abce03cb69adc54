"""Logging in on the shop's pages inside WeChat: the demo shop has none, so Kefu does what they would do."""

import httpx
from pydantic import BaseModel

from core.errors import NotFound, Unavailable

SECONDS = 10.0


class Member(BaseModel):
    member_id: str
    name: str
    level: str
    note: str


class _Listed(BaseModel):
    members: list[Member]


class DemoLogins:
    """`channel` is the one that the phone's openids belong to."""

    def __init__(self, kefu_url: str, channel: str, http: httpx.AsyncClient) -> None:
        self._url = f"{kefu_url}/api/demo"
        self._channel = channel
        self._http = http

    async def members(self) -> list[Member]:
        """Whom one can log in as; nobody while Kefu is away, or with a shop other than the demo's."""
        try:
            answer = await self._http.get(f"{self._url}/members", timeout=SECONDS)
            answer.raise_for_status()
        except httpx.HTTPError:
            return []
        return _Listed.model_validate_json(answer.content).members

    async def log_in(self, open_id: str, member_id: str) -> Member:
        """Raises NotFound and Unavailable."""
        member = next((one for one in await self.members() if one.member_id == member_id), None)
        if member is None:
            raise NotFound("没有这位会员")
        who = {"member_id": member_id, "channel": self._channel, "sender": open_id}
        try:
            answer = await self._http.post(f"{self._url}/link", json=who, timeout=SECONDS)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise Unavailable(f"Kefu 没有接受登录: {error}") from error
        return member
