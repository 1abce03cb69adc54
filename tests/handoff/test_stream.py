"""The desk, live, over a real socket: the in-process transport of httpx cannot stream."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import uvicorn

from core.conversation import lease, outbox
from handoff import queue, stream
from tests.handoff.world import PASSWORD, World


@pytest.fixture
async def server(world: World) -> AsyncIterator[str]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(world.app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
        served = uvicorn.Server(config)
        task = asyncio.create_task(served.serve(sockets=[listening]))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        served.should_exit = True
        await task


@pytest.fixture
async def live(world: World, server: str) -> AsyncIterator[tuple[httpx.AsyncClient, asyncio.Queue[Any]]]:
    """A signed-in client and the events of its stream, as (name, data)."""
    await world.add_agent("xiaowang", name="小王")
    async with httpx.AsyncClient(base_url=server, headers={"X-Kefu-Desk": "1"}, trust_env=False) as client:
        await client.post("/api/desk/login", json={"username": "xiaowang", "password": PASSWORD})
        events: asyncio.Queue[Any] = asyncio.Queue()
        reading = asyncio.create_task(read_events(client, events))
        assert await anext_of(events, "queue") == {}
        yield client, events
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading


async def read_events(client: httpx.AsyncClient, events: asyncio.Queue[Any]) -> None:
    async with client.stream("GET", "/api/desk/stream", timeout=None) as response:
        name = ""
        async for line in response.aiter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                events.put_nowait((name, json.loads(line.removeprefix("data: "))))
    events.put_nowait(("end", None))


async def anext_of(events: asyncio.Queue[Any], wanted: str) -> Any:
    async with asyncio.timeout(10):
        while True:
            name, data = await events.get()
            if name == wanted:
                return data


async def test_the_page_is_told_of_everything(world: World, live: tuple[httpx.AsyncClient, asyncio.Queue[Any]]) -> None:
    client, events = live
    handoff = await world.hand_over("甲")
    await anext_of(events, "queue")
    await anext_of(events, "queue")  # once more, now that the new conversation is followed

    said = await world.say("甲", "在吗")
    await world.bus.publish(f"conversation.{said.conversation_id}", {"kind": "messages"})
    told = await anext_of(events, "message")
    assert (told["handoff_id"], told["message"]["text"]) == (handoff.id, "在吗")

    await client.post(f"/api/desk/handoffs/{handoff.id}/take")
    assert await anext_of(events, "owner") == {"handoff_id": handoff.id, "status": "taken", "taken_by": "小王"}
    await client.post(f"/api/desk/handoffs/{handoff.id}/reply", json={"client_id": "c1", "text": "我在"})
    while (told := await anext_of(events, "message"))["message"]["author"] != "agent":
        pass
    assert told["message"]["text"] == "我在"
    await client.post(f"/api/desk/handoffs/{handoff.id}/close", json={"resolution": "solved"})
    assert (await anext_of(events, "owner"))["status"] == "closed"


async def test_signing_out_ends_the_stream(
    live: tuple[httpx.AsyncClient, asyncio.Queue[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, events = live
    await client.post("/api/desk/logout")
    await anext_of(events, "end")


async def test_an_open_page_is_a_sign_of_life_and_survives_silence(
    world: World, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "BEAT_SECONDS", 0.05)
    agent = await world.add_agent("xiaoli")
    events: asyncio.Queue[Any] = asyncio.Queue()
    async with httpx.AsyncClient(base_url=server, headers={"X-Kefu-Desk": "1"}, trust_env=False) as client:
        await client.post("/api/desk/login", json={"username": "xiaoli", "password": PASSWORD})
        reading = asyncio.create_task(read_events(client, events))
        await anext_of(events, "queue")
        await world.bus.redis.zadd("kefu:desk:seen", {agent.id: 0})
        async with asyncio.timeout(5):
            while await world.presence.available() == 0:
                await asyncio.sleep(0.02)
        await world.hand_over("乙")
        await anext_of(events, "queue")
        reading.cancel()


async def test_a_handover_is_announced_to_the_customers_page(world: World) -> None:
    said = await world.say("甲", "人工")
    async with world.bus.subscribe(f"conversation.{said.conversation_id}") as heard:
        async with world.database.begin() as conn:
            change = await queue.do_request(
                conn,
                said.conversation_id,
                reason="explicit_wish",
                decision={},
                summary={},
                priority=0,
                agents_available=1,
            )
        await queue.announce(world.bus, change)
        kinds = [(await anext(heard))[1]["kind"] for _ in range(2)]
    assert kinds == ["messages", "owner"]
    async with world.database.connect() as conn:
        assert (await lease.read(conn, said.conversation_id)).owner == "queue"


async def test_the_page_is_told_what_did_not_reach_the_customer_and_what_is_sent_again(
    world: World, live: tuple[httpx.AsyncClient, asyncio.Queue[Any]]
) -> None:
    client, events = live
    handoff = await world.hand_over("甲")
    await client.post(f"/api/desk/handoffs/{handoff.id}/take")
    reply = {"client_id": "c1", "text": "我在"}
    sent = (await client.post(f"/api/desk/handoffs/{handoff.id}/reply", json=reply)).json()["message"]
    while (await anext_of(events, "message"))["message"]["id"] != sent["id"]:
        pass

    async with world.database.begin() as conn:
        await outbox.do_mark_undelivered(conn, [sent["id"]], "refused")
    await world.bus.publish("desk", {"conversation_id": handoff.conversation_id})
    told = await anext_of(events, "delivery")
    assert (told["handoff_id"], told["message"]["id"]) == (handoff.id, sent["id"])
    assert "取消关注" in told["message"]["undelivered"]

    await client.post(f"/api/desk/handoffs/{handoff.id}/messages/{sent['id']}/resend")
    assert (await anext_of(events, "delivery"))["message"]["undelivered"] is None
