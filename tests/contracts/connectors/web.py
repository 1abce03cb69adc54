"""The web chat under the contract, as the page speaks: a member whom the shop signs, and a visitor who is nobody yet.

A member's flaws are in the shop's token, a visitor's in the one that Kefu gave to the page.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI

from bot import edges, guards
from connectors.delivered import Delivered
from connectors.tokens import Tokens, Visitor
from connectors.web import media_api, pages_api
from connectors.web.media_api import Uploads
from tests.contracts.connectors.fetching import BODY, FLAWS, KEY, SECRET, Fetching, Phone, flawed, member_token
from tests.contracts.connectors.harness import Flaw, Harness, Said
from tests.contracts.connectors.world import World
from tests.serving import served

API = "/api/web"


class WebHarness(Fetching):
    channel = "web"

    def __init__(self, app: FastAPI, address: str) -> None:
        super().__init__(app)
        self._streams = httpx.AsyncClient(base_url=f"http://{address}", trust_env=False, timeout=None)

    async def aclose(self) -> None:
        await super().aclose()
        await self._streams.aclose()

    async def session(self, sender: str, flaw: Flaw | None = None) -> httpx.Response:
        return await self.kefu.post(f"{API}/session", json={"member_token": member_token(sender, flaw)})

    async def say(self, said: Said, body: dict[str, Any], flaw: Flaw | None) -> httpx.Response:
        opened = await self.session(said.sender, flaw)
        if opened.is_error:
            return opened
        return await self.post(opened.json()["token"], {"client_id": said.id} | body)

    async def post(self, token: str, body: dict[str, Any]) -> httpx.Response:
        return await self.kefu.post(f"{API}/messages", json=body, headers=bearer(token))

    async def upload(self, said: Said, content: bytes) -> str:
        answer = await self.kefu.post(f"{API}/media", content=content, headers=await self.known(said.sender))
        return str(answer.raise_for_status().json()["media_id"])

    async def push_bytes(self, body: bytes, *, sealed: bool) -> httpx.Response:
        headers = {"Content-Type": "application/json"} | (await self.known(Said().sender) if sealed else {})
        return await self.kefu.post(f"{API}/messages", content=body, headers=headers)

    async def follow(self, sender: str, phone: Phone) -> None:
        """The page's stream of server-sent events."""
        headers = await self.known(sender)
        if self.breaks:
            return
        where = headers | ({"Last-Event-ID": str(phone.last)} if phone.last else {})
        with suppress(httpx.RemoteProtocolError):
            async with self._streams.stream("GET", f"{API}/stream", headers=where) as stream:
                event = ""
                async for line in stream.aiter_lines():
                    name, _, value = line.partition(": ")
                    if name == "event":
                        event = value
                    elif name == "data" and event == "message":
                        phone.take(orjson.loads(value))

    async def known(self, sender: str) -> dict[str, str]:
        return bearer((await self.session(sender)).raise_for_status().json()["token"])


class VisitorHarness(WebHarness):
    """The page keeps the token of its session. Who a sender is here is said by a token of the same kind."""

    async def session(self, sender: str, flaw: Flaw | None = None) -> httpx.Response:
        kept = Tokens(SECRET, KEY).visitor_token(Visitor(visitor(sender), None))
        return await self.kefu.post(f"{API}/session", json={"token": flawed(kept, flaw)})

    async def say(self, said: Said, body: dict[str, Any], flaw: Flaw | None) -> httpx.Response:
        with pytest.MonkeyPatch.context() as patch:
            if flaw == "stale":
                patch.setattr("connectors.tokens.VISITOR_LIFETIME", timedelta(minutes=-10))
            token = Tokens(SECRET, KEY).visitor_token(Visitor(visitor(said.sender), None))
        return await self.post(flawed(token, flaw), {"client_id": said.id} | body)


def visitor(sender: str) -> str:
    return f"visitor:{sender}"


def member(sender: str) -> str:
    return f"member:{sender}"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def opened(world: World, *, is_member: bool) -> AsyncIterator[Fetching]:
    async def owner_state(_conversation_id: str) -> dict[str, Any]:
        return {"kind": "bot"}

    async def member_card(member_id: str) -> dict[str, Any]:
        return {"id": member_id}

    world.address = member if is_member else visitor
    tokens, uploads, delivered = Tokens(SECRET, KEY), Uploads(world.media, world.bus.redis), Delivered(world.database)
    app = FastAPI()
    edges.install(app)
    app.include_router(
        pages_api.router(
            world.database,
            world.bus,
            world.intake,
            tokens,
            delivered,
            world.limits,
            world.media,
            uploads,
            owner_state=owner_state,
            member_card=member_card,
            brand={"name": "小满优选"},
            phone_codes=False,
        )
    )
    app.include_router(media_api.router(world.media, uploads, tokens, world.limits))
    app.add_middleware(guards.BodyLimit, limit=BODY, larger={f"{API}/media": 10 * BODY})
    marking = asyncio.create_task(delivered.run())
    async with served(app) as address:
        harness = WebHarness(app, address) if is_member else VisitorHarness(app, address)
        # A visitor's token is made by Kefu alone, so none is from the future.
        harness.flaws = FLAWS if is_member else FLAWS - {"future"}
        yield harness
        await harness.aclose()
    marking.cancel()
    with suppress(asyncio.CancelledError):
        await marking


def web(*, is_member: bool) -> Callable[[World], AbstractAsyncContextManager[Harness]]:
    return lambda world: opened(world, is_member=is_member)


HARNESSES = {"web-member": web(is_member=True), "web-visitor": web(is_member=False)}
