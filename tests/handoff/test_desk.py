"""The desk through HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from httpx import AsyncClient

from core.conversation import lease, log, outbox, transcript
from core.errors import Unavailable
from tests.handoff.world import World, sign_in


async def read_transcript(world: World, conversation_id: str) -> list[tuple[str, str | None]]:
    async with world.database.connect() as conn:
        return [(message.author, message.text) for message in await transcript.read(conn, conversation_id)]


async def owner_of(world: World, conversation_id: str) -> str:
    async with world.database.connect() as conn:
        return (await lease.read(conn, conversation_id)).owner


async def test_a_conversation_is_taken_answered_and_closed(world: World, desk: AsyncClient) -> None:
    handoff = await world.hand_over("林晓", member_id="M0001", vip=True)
    assert await owner_of(world, handoff.conversation_id) == "queue"

    shown = (await desk.get("/api/desk/queue")).json()
    (card,) = shown["waiting"]
    assert shown["agents_available"] == 1
    assert card["customer"] == {"name": "林晓", "level": "金卡", "vip": True}
    assert (card["reason"], card["reason_label"]) == ("explicit_wish", "客户要求人工")
    assert (card["last_text"], card["unread"], card["status"]) == ("转人工", 1, "waiting")

    detail = (await desk.post(f"/api/desk/handoffs/{handoff.id}/take")).json()
    assert detail["handoff"]["status"] == "taken" and detail["handoff"]["taken_by"] == "小王"
    assert detail["facts"]["member"]["name"] == "林晓" and detail["facts"]["points"] == 320
    wish = next(item for item in detail["decision"]["evidence"] if item["signal"] == "explicit_wish")
    assert wish["fired"] and wish["decisive"] and wish["label"] == "要人工的意愿"
    assert await owner_of(world, handoff.conversation_id) == f"agent:{detail['handoff']['taken_by_id']}"

    answer = await desk.post(f"/api/desk/handoffs/{handoff.id}/reply", json={"client_id": "c1", "text": "我来处理"})
    assert answer.json()["message"]["author_name"] == "小王"

    closed = await desk.post(
        f"/api/desk/handoffs/{handoff.id}/close", json={"resolution": "solved", "note": "已补发优惠券"}
    )
    assert closed.json()["handoff"]["status"] == "closed"
    assert await owner_of(world, handoff.conversation_id) == "bot"
    shown = (await desk.get("/api/desk/queue")).json()
    assert not shown["waiting"] and not shown["mine"]
    assert [(card["id"], card["note"]) for card in shown["recent"]] == [(handoff.id, "已补发优惠券")]

    said = await read_transcript(world, handoff.conversation_id)
    assert [author for author, _ in said] == ["customer", "system", "system", "agent", "system"]
    assert "马上就到您" in (said[1][1] or "") and "小王" in (said[2][1] or "") and "已结束" in (said[4][1] or "")
    async with world.database.connect() as conn:
        events = [event.type for event in await log.read(conn, handoff.conversation_id)]
    assert events == ["handoff.requested", "handoff.taken", "handoff.closed"]


async def test_vip_first_then_oldest(world: World, desk: AsyncClient) -> None:
    ids = {}
    for name, vip in (("甲", False), ("乙", False), ("丙", True)):
        ids[name] = (await world.hand_over(name, vip=vip)).id
    shown = (await desk.get("/api/desk/queue")).json()
    assert [card["id"] for card in shown["waiting"]] == [ids["丙"], ids["甲"], ids["乙"]]


async def test_only_one_of_many_agents_takes_a_conversation(world: World, desk: AsyncClient) -> None:
    handoff = await world.hand_over("甲")
    desks = [desk]
    for username in ("xiaoli", "xiaozhang"):
        await world.add_agent(username)
        desks.append(await sign_in(world, username))
    path = f"/api/desk/handoffs/{handoff.id}/take"
    answers = await asyncio.gather(*(each.post(path) for each in desks))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    lost = next(answer for answer in answers if answer.status_code == 409)
    assert lost.json()["error"]["code"] == "conflict" and "已经接入" in lost.json()["error"]["message"]
    winner = next(i for i, answer in enumerate(answers) if answer.status_code == 200)
    assert (await desks[winner].post(path)).status_code == 200
    loser = desks[(winner + 1) % 3]
    for verb, body in (("reply", {"client_id": "c", "text": "你好"}), ("close", {"resolution": "solved"})):
        assert (await loser.post(f"/api/desk/handoffs/{handoff.id}/{verb}", json=body)).status_code == 403
    assert len((await loser.get("/api/desk/queue")).json()["others"]) == 1


async def test_a_repeated_reply_is_sent_once(world: World, desk: AsyncClient) -> None:
    handoff = await world.hand_over("甲")
    await desk.post(f"/api/desk/handoffs/{handoff.id}/take")
    path, body = f"/api/desk/handoffs/{handoff.id}/reply", {"client_id": "c1", "text": "您好"}
    first, *others = await asyncio.gather(*(desk.post(path, json=body) for _ in range(4)))
    assert {answer.json()["message"]["id"] for answer in others} == {first.json()["message"]["id"]}
    assert first.json()["message"]["client_id"] == "c1"
    said = await read_transcript(world, handoff.conversation_id)
    assert said.count(("agent", "您好")) == 1


async def test_nobody_replies_before_taking_or_after_closing(world: World, desk: AsyncClient) -> None:
    handoff = await world.hand_over("甲")
    path, body = f"/api/desk/handoffs/{handoff.id}/reply", {"client_id": "c1", "text": "您好"}
    assert (await desk.post(path, json=body)).status_code == 409
    await desk.post(f"/api/desk/handoffs/{handoff.id}/take")
    assert (await desk.post(path, json={"client_id": "c2", "text": "  "})).status_code == 422
    await desk.post(f"/api/desk/handoffs/{handoff.id}/close", json={"resolution": "unreachable"})
    assert (await desk.post(path, json={"client_id": "c3", "text": "您好"})).status_code == 409
    again = await desk.post(f"/api/desk/handoffs/{handoff.id}/close", json={"resolution": "solved"})
    assert again.json()["handoff"]["resolution"] == "unreachable"
    assert (await desk.post("/api/desk/handoffs/none/take")).status_code == 404


async def test_the_desk_works_while_the_shop_is_down(world: World, desk: AsyncClient) -> None:
    handoff = await world.hand_over("林晓", member_id="M0001")
    world.facts.error = Unavailable("down")
    detail = (await desk.get(f"/api/desk/handoffs/{handoff.id}")).json()
    assert detail["facts"] is None and "查不到" in detail["facts_missing"]


async def test_tickets_from_a_handoff(world: World, desk: AsyncClient) -> None:
    handoff = await world.hand_over("甲")
    await desk.post(f"/api/desk/handoffs/{handoff.id}/take")
    body = {"subject": "补发赠品", "body": "少发一份赠品", "priority": "high"}
    ticket = (await desk.post(f"/api/desk/handoffs/{handoff.id}/ticket", json=body)).json()["ticket"]
    assert ticket["number"].startswith("T") and ticket["status"] == "open"
    detail = (await desk.get(f"/api/desk/handoffs/{handoff.id}")).json()
    assert [each["number"] for each in detail["tickets"]] == [ticket["number"]]

    changed = await desk.patch(f"/api/desk/tickets/{ticket['id']}", json={"status": "solved"})
    assert changed.json()["ticket"]["status"] == "solved"
    assert (await desk.get("/api/desk/tickets?status=open")).json() == {"tickets": []}
    assert len((await desk.get("/api/desk/tickets")).json()["tickets"]) == 1
    assert (await desk.patch(f"/api/desk/tickets/{ticket['id']}", json={"status": "gone"})).status_code == 422
    assert (await desk.patch("/api/desk/tickets/none", json={"status": "solved"})).status_code == 404


async def test_an_analyst_reads_masked_and_changes_nothing(world: World) -> None:
    handoff = await world.hand_over("林晓", "我的电话13812342201", member_id="M0001")
    await world.add_agent("fenxi", role="analyst")
    desk = await sign_in(world, "fenxi")
    detail = (await desk.get(f"/api/desk/handoffs/{handoff.id}")).json()
    assert detail["messages"][0]["text"] == "我的电话138****2201"
    assert detail["handoff"]["customer"]["name"] == "林**" and detail["facts"] is None
    assert "13812342201" not in (await desk.get("/api/desk/queue")).text
    calls: list[tuple[str, Any]] = [
        (f"handoffs/{handoff.id}/take", None),
        (f"handoffs/{handoff.id}/reply", {"client_id": "c", "text": "您好"}),
        (f"handoffs/{handoff.id}/close", {"resolution": "solved"}),
        (f"handoffs/{handoff.id}/ticket", {"subject": "a", "body": "b"}),
        ("status", {"available": True}),
    ]
    for path, body in calls:
        assert (await desk.post(f"/api/desk/{path}", json=body)).status_code == 403
    assert await world.presence.available() == 0


async def test_an_administrator_steps_in_and_closes_what_an_agent_left(world: World, desk: AsyncClient) -> None:
    handoff = await world.hand_over("甲")
    await desk.post(f"/api/desk/handoffs/{handoff.id}/take")
    await world.add_agent("boss", role="admin")
    boss = await sign_in(world, "boss")
    answer = await boss.post(f"/api/desk/handoffs/{handoff.id}/reply", json={"client_id": "c1", "text": "我来跟进"})
    assert answer.json()["message"]["author_name"] == "boss"
    closed = await boss.post(f"/api/desk/handoffs/{handoff.id}/close", json={"resolution": "follow_up"})
    assert closed.json()["handoff"]["resolution"] == "follow_up"


@pytest.mark.parametrize("path", ["queue", "me", "handoffs/x", "tickets", "stream"])
async def test_the_desk_is_closed_to_strangers(world: World, path: str) -> None:
    answer = await world.client().get(f"/api/desk/{path}")
    assert answer.status_code == 401
    assert answer.json() == {"error": {"code": "unauthorized", "message": "请先登录"}}


async def test_what_did_not_reach_the_customer_is_shown_and_sent_again(world: World, desk: AsyncClient) -> None:
    handoff = await world.hand_over("林晓")
    await desk.post(f"/api/desk/handoffs/{handoff.id}/take")
    reply = {"client_id": "c1", "text": "我来处理"}
    sent = (await desk.post(f"/api/desk/handoffs/{handoff.id}/reply", json=reply)).json()["message"]
    assert sent["undelivered"] is None
    async with world.database.begin() as conn:
        await outbox.do_mark_undelivered(conn, [sent["id"]], "window_closed")
    shown = (await desk.get(f"/api/desk/handoffs/{handoff.id}")).json()["messages"][-1]
    assert "超过平台的回复时限" in shown["undelivered"]
    assert [card["undelivered"] for card in (await desk.get("/api/desk/queue")).json()["mine"]] == [1]
    address = f"/api/desk/handoffs/{handoff.id}/messages/{sent['id']}/resend"
    for _ in range(2):
        again = await desk.post(address)
        assert (again.status_code, again.json()["message"]["undelivered"]) == (200, None)
    async with world.database.connect() as conn:
        queued = await outbox.waiting(conn, "web", "林晓")
        assert [message.text for message in queued][-1] == "我来处理"
    assert (await desk.post(address.replace(sent["id"], "none"))).status_code == 404
