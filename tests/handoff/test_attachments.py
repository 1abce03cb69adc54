"""Pictures, recordings and places at the desk: shown with a link, named in words, hidden from analysts."""

from __future__ import annotations

from typing import Any

from core.conversation import inbox
from core.conversation.message import Attachment, Inbound, new_id
from handoff.api import router
from handoff.words import in_words
from tests.handoff.world import World, sign_in

SENT = (
    Attachment("image", media_id="a" * 64),
    Attachment("location", title="林晓家，解放路1号，电话13812345678", position=(31.2, 121.5)),
)


def linked(message: dict[str, Any]) -> dict[str, Any]:
    shown = [each | {"url": each["media_id"] and "/media/signed"} for each in message["attachments"]]
    return message | {"attachments": shown}


async def send(world: World, sender: str) -> None:
    async with world.database.begin() as conn:
        await inbox.do_accept(conn, Inbound("web", new_id(), sender, "", attachments=SENT))


async def test_an_agent_sees_what_came_and_an_analyst_only_that_it_came(world: World) -> None:
    world.app.router.routes.clear()
    world.app.include_router(
        router(world.database, world.bus, world.presence, world.facts, secure=False, with_links=linked)
    )
    await world.add_agent("xiaowang")
    await world.add_agent("fenxi", role="analyst")
    handoff = await world.hand_over("林晓")
    await send(world, "林晓")

    agent = await sign_in(world, "xiaowang")
    (card,) = (await agent.get("/api/desk/queue")).json()["waiting"]
    assert card["last_text"] == "[图片] [位置：林晓家，解放路1号，电话13812345678]"
    picture, place = (await agent.get(f"/api/desk/handoffs/{handoff.id}")).json()["messages"][-1]["attachments"]
    assert (picture["kind"], picture["url"]) == ("image", "/media/signed")
    assert (place["position"], place["url"]) == ([31.2, 121.5], None)

    analyst = await sign_in(world, "fenxi")
    picture, place = (await analyst.get(f"/api/desk/handoffs/{handoff.id}")).json()["messages"][-1]["attachments"]
    assert (picture["kind"], picture["url"], picture["media_id"]) == ("image", None, None)
    assert place["position"] is None
    assert "13812345678" not in place["title"]


def test_what_came_is_put_in_words() -> None:
    assert in_words("屏幕碎了", SENT[:1]) == "[图片] 屏幕碎了"
    assert in_words(None) == ""
