"""What messages become on their way out, and that the vendor takes it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Response

from connectors.fakes import wechat as fake
from connectors.fakes.wechat_rules import Platform
from connectors.media import MediaStore
from connectors.wechat.channel import WechatChannel
from connectors.wechat.courier import WechatCourier
from core.bus import Bus
from core.conversation.message import Attachment, Button, Message, new_id
from core.storage.database import Database
from tests.contracts.connectors.wechat import account

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
OPEN_ID = "oia2TjuEGTNoeX76QEjQNrcURxG8"
CHOICES = (Button("查订单", "/order_status"), Button("转人工", "/human_agent"), Button("人工", "/human_agent"))


@dataclass
class Sending:
    platform: Platform
    courier: WechatCourier
    media: MediaStore
    bus: Bus

    async def shown(self, *messages: Message) -> list[dict[str, Any]]:
        """What the customer sees of these, and that every message is named by a parcel."""
        parcels = await self.courier.pack(messages)
        assert {message.id for message in messages} == {name for parcel in parcels for name in parcel.message_ids}
        before = len(self.platform.customer(OPEN_ID).bubbles)
        for parcel in parcels:
            await self.courier.send(OPEN_ID, parcel)
        bubbles = self.platform.customer(OPEN_ID).bubbles[before:]
        kept = [{"text": b.text, "buttons": b.buttons, "picture": b.picture, "link": b.link} for b in bubbles]
        return [{name: value for name, value in one.items() if value} for one in kept]


@pytest.fixture(params=["official", "mini"])
async def sending(request: pytest.FixtureRequest, tmp_path: Path, data_key: str, bus: Bus) -> AsyncIterator[Sending]:
    await bus.redis.flushdb()
    database = Database(f"sqlite:///{tmp_path}/kefu.db", data_key)
    await database.migrate()
    platform = Platform(account(request.param))
    platform.wrote(OPEN_ID)
    app = fake.create(platform)

    @app.get("/pictures/cup.png")
    async def cup() -> Response:
        return Response(PNG)

    media = MediaStore(database, "secret", public_url="https://kefu.example")
    channel = WechatChannel("wechat", platform.account, bus.redis, media, httpx.ASGITransport(app=app))
    yield Sending(platform, channel.courier, media, bus)
    await channel.aclose()
    await database.close()


def said(text: str | None = None, **more: Any) -> Message:
    message = Message(
        new_id(),
        "c1",
        1,
        "out",
        "bot",
        None,
        text,
        (),
        None,
        None,
        "wechat",
        OPEN_ID,
        "queued",
        None,
        datetime.now(UTC),
    )
    return replace(message, **more)


async def test_short_texts_share_a_message(sending: Sending) -> None:
    assert await sending.shown(said("一"), said("二"), said("三")) == [{"text": "一\n\n二\n\n三"}]


async def test_texts_too_long_together_stay_apart(sending: Sending) -> None:
    one, other = "甲" * 400, "乙" * 400
    assert await sending.shown(said(one), said(other)) == [{"text": one}, {"text": other}]


async def test_a_long_text_is_cut_at_a_sentence(sending: Sending) -> None:
    sentence = "七天内降价可以退差价。"
    shown = [part["text"] for part in await sending.shown(said(sentence * 150))]
    assert "".join(shown) == sentence * 150
    assert all(part.endswith("。") and len(part.encode()) <= 2048 for part in shown)


async def test_buttons_are_a_menu_or_a_list_and_join_the_text_before(sending: Sending) -> None:
    [shown] = await sending.shown(said("您好"), said("请选择", buttons=CHOICES))
    if sending.platform.account.variant == "mini":
        assert shown["text"].startswith("您好\n\n请选择\n1. 查订单\n2. 转人工")
    else:
        assert shown["text"] == "您好\n\n请选择"
        assert [title for _id, title in shown["buttons"]] == ["查订单", "转人工", "人工"]


async def test_a_long_text_with_buttons_keeps_them_together(sending: Sending) -> None:
    shown = await sending.shown(said("长" * 1360, buttons=CHOICES))
    assert sum(part["text"].count("长") for part in shown) == 1360
    assert "人工" in str(shown[-1])


async def test_a_stored_picture_is_uploaded_once(sending: Sending) -> None:
    kept = await sending.media.put(PNG)
    picture = said("看图", attachments=(Attachment("image", media_id=kept.id),))
    first, again = await sending.shown(picture), await sending.shown(picture)
    assert first == again
    assert [set(part) for part in first] == [{"text"}, {"picture"}]
    assert sending.platform.media[first[1]["picture"]][0] == PNG


async def test_a_picture_of_the_web_is_uploaded(sending: Sending) -> None:
    [shown] = await sending.shown(said(image="http://shop.example/pictures/cup.png"))
    assert sending.platform.media[shown["picture"]][0] == PNG


@pytest.mark.parametrize("url", ["http://shop.example/missing.png", "http://shop.example:99999999/", "no address"])
async def test_a_picture_that_cannot_be_had_is_a_link(sending: Sending, url: str) -> None:
    assert await sending.shown(said(image=url)) == [{"text": url}]


async def test_a_file_is_a_link_that_is_signed(sending: Sending) -> None:
    kept = await sending.media.put(b"%PDF-1.4\n" + bytes(40))
    [shown] = await sending.shown(said(attachments=(Attachment("file", media_id=kept.id, title="说明书.pdf"),)))
    assert shown["text"].startswith(f"说明书.pdf\nhttps://kefu.example/media/{kept.id}?")


async def test_a_link_has_its_title(sending: Sending) -> None:
    link = Attachment("link", url="https://shop.example/7", title="保温杯")
    assert await sending.shown(said(attachments=(link,))) == [{"text": "保温杯", "link": "https://shop.example/7"}]


async def test_what_wechat_cannot_show_is_done_with(sending: Sending) -> None:
    assert await sending.shown(said(custom={"chart": [1, 2]})) == []


async def test_the_typing_sign_is_shown_and_never_fails(sending: Sending) -> None:
    await sending.courier.typing(OPEN_ID)
    assert sending.platform.customer(OPEN_ID).typing_until > sending.platform.clock()
    for _ in range(2):
        await sending.courier.typing(OPEN_ID)  # 45081
    sending.platform.state = "down"
    await sending.courier.typing(OPEN_ID)
