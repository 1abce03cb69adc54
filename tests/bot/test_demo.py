"""The demo's login inside a channel: what a shop's server does there."""

import json
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from bot import demo, edges
from connectors.intake import Intake
from connectors.tokens import Tokens
from core.bus import Bus
from core.conversation import identity
from core.conversation.message import Proof
from core.errors import NotFound
from core.storage.database import Database


class OneMember:
    async def get(self, member_id: str) -> Any:
        if member_id != "m1":
            raise NotFound("没有这位会员")
        return SimpleNamespace(id="m1")


@pytest.fixture
async def client(database: Database, bus: Bus) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    edges.install(app)
    members: Any = OneMember()
    app.include_router(demo.router(members, Tokens("secret"), Intake(database, bus), []))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://kefu") as client:
        yield client


async def test_who_logs_in_inside_wechat_goes_on_in_the_members_conversation(
    client: httpx.AsyncClient, database: Database
) -> None:
    async with database.begin() as conn:
        web = await identity.do_open(conn, "web", "visitor", "m1", (Proof("member", "m1"),))
        wechat = await identity.do_open(conn, "wechat", "oOpenId")
    body = {"member_id": "m1", "channel": "wechat", "sender": "oOpenId"}
    answer = await client.post("/api/demo/link", json=body)
    assert answer.json() == {"conversation_id": web}
    async with database.connect() as conn:
        assert await identity.find(conn, "wechat", "oOpenId") == web
        [link] = await identity.links_of(conn, web)
    assert (link.kind, link.from_conversation) == ("member", wechat)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"member_id": "m2"}, 404),
        ({"member_id": "\ud800"}, 422),
        ({"sender": ""}, 422),
        ({"sender": "o\u0000"}, 422),
        ({"channel": "We Chat"}, 422),
    ],
)
async def test_what_is_no_login_links_nobody(
    client: httpx.AsyncClient, database: Database, change: dict[str, str], status: int
) -> None:
    body = {"member_id": "m1", "channel": "wechat", "sender": "oOpenId"} | change
    headers = {"Content-Type": "application/json"}
    assert (await client.post("/api/demo/link", content=json.dumps(body), headers=headers)).status_code == status
    async with database.connect() as conn:
        assert await identity.links_of(conn) == []
        assert await identity.find(conn, "wechat", "oOpenId") is None
