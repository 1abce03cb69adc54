"""A customer who comes by several channels, as the desk shows them; and links that were wrong."""

from __future__ import annotations

import pytest
from httpx import AsyncClient

from core.conversation import identity, inbox, log
from core.conversation.message import Inbound, Proof
from handoff import queue
from handoff.record import Handoff
from tests.handoff.world import World, sign_in

MEMBER = Proof("member", "M0001")
OTHER = Proof("member", "M0002")
UNION = Proof("unionid", "u1")


async def write(world: World, channel: str, sender: str, text: str, *proofs: Proof) -> str:
    async with world.database.begin() as conn:
        inbound = Inbound(channel, f"{channel}:{sender}:{text}", sender, text, proofs=proofs)
        return (await inbox.do_accept(conn, inbound)).message.conversation_id


async def joined(world: World) -> Handoff:
    """A visitor of the mini-program who proves to be the member of the app, and asks for a person there."""
    await write(world, "app", "a", "查订单", MEMBER)
    await write(world, "miniprogram", "o", "在吗", UNION)
    await write(world, "wechat", "w", "公众号里也是我", UNION)
    conversation_id = await write(world, "miniprogram", "o", "是我", MEMBER)
    async with world.database.begin() as conn:
        change = await queue.do_request(
            conn, conversation_id, reason="explicit_wish", decision={}, summary={}, priority=0, agents_available=1
        )
    return change.handoff


@pytest.fixture
async def boss(world: World) -> AsyncClient:
    await world.add_agent("boss", "admin")
    return await sign_in(world, "boss")


async def test_a_linked_customer_is_one_thread_with_all_channels(world: World, desk: AsyncClient) -> None:
    handoff = await joined(world)
    detail = (await desk.get(f"/api/desk/handoffs/{handoff.id}")).json()
    assert [(m["text"], m["channel_label"]) for m in detail["earlier"]] == [
        ("在吗", "微信小程序"),
        ("公众号里也是我", "微信公众号"),
    ]
    assert [m["text"] for m in detail["messages"]][:2] == ["查订单", "是我"]
    assert detail["handoff"]["channel_label"] == "微信小程序"
    shown = {way["channel_label"]: way["link"] and way["link"]["kind_label"] for way in detail["channels"]}
    assert shown == {"App": None, "微信小程序": "会员登录", "微信公众号": "会员登录"}
    assert [way["link"]["id"] for way in detail["channels"] if way["link"]] == [
        None,
        None,
    ]  # nothing for an agent to undo


async def test_what_was_said_as_another_member_is_not_shown(world: World, desk: AsyncClient) -> None:
    await write(world, "miniprogram", "o", "我是一号", MEMBER)
    await write(world, "app", "a", "我也是一号", MEMBER)
    conversation_id = await write(world, "miniprogram", "o", "我是二号", OTHER)
    async with world.database.begin() as conn:
        change = await queue.do_request(
            conn, conversation_id, reason="explicit_wish", decision={}, summary={}, priority=0, agents_available=1
        )
    detail = (await desk.get(f"/api/desk/handoffs/{change.handoff.id}")).json()
    assert detail["earlier"] == []
    assert [way["channel"] for way in detail["channels"]] == ["miniprogram"]


async def test_an_administrator_undoes_a_link_and_answers_go_to_who_is_left(world: World, boss: AsyncClient) -> None:
    handoff = await joined(world)
    await boss.post(f"/api/desk/handoffs/{handoff.id}/take")
    detail = (await boss.get(f"/api/desk/handoffs/{handoff.id}")).json()
    (link_id,) = {way["link"]["id"] for way in detail["channels"] if way["link"]}
    async with world.bus.subscribe(f"conversation.{handoff.conversation_id}") as events:
        for _ in range(2):
            assert (await boss.post(f"/api/desk/links/{link_id}/undo")).status_code == 204
        assert (await anext(events))[1] == {"kind": "moved"}

    detail = (await boss.get(f"/api/desk/handoffs/{handoff.id}")).json()
    assert [way["channel"] for way in detail["channels"]] == ["app"]
    assert detail["earlier"] == []
    reply = {"client_id": "c1", "text": "只给会员看"}
    sent = (await boss.post(f"/api/desk/handoffs/{handoff.id}/reply", json=reply)).json()["message"]
    assert sent["channel"] == "app"
    async with world.database.connect() as conn:
        assert await identity.find(conn, "miniprogram", "o") != handoff.conversation_id
        unlinked = await log.read(conn, handoff.conversation_id, types=["identity.unlinked"])
    assert [event.data["by"].partition(":")[0] for event in unlinked] == ["agent"]


@pytest.mark.parametrize("role", ["agent", "analyst"])
async def test_nobody_else_undoes_links_or_reads_their_ids(world: World, role: str, boss: AsyncClient) -> None:
    handoff = await joined(world)
    await world.add_agent("somebody", role)  # type: ignore[arg-type]
    somebody = await sign_in(world, "somebody")
    address = f"/api/desk/handoffs/{handoff.id}"
    (link_id,) = {way["link"]["id"] for way in (await boss.get(address)).json()["channels"] if way["link"]}
    shown = await somebody.get(address)
    assert link_id not in shown.text
    assert (await somebody.post(f"/api/desk/links/{link_id}/undo")).status_code == 403
    assert (await boss.post("/api/desk/links/none/undo")).status_code == 404
