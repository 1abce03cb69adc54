"""What messages become on their way out, and what the vendor's answers mean."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.media import MediaStore
from connectors.protocol import DeliveryFailed, TryAgain, Undeliverable
from connectors.texts import split_characters
from connectors.webhook.channel import WebhookChannel
from connectors.webhook.mapping import Mapping
from core.bus import Bus
from core.conversation.message import Attachment, Button, Message, new_id
from core.storage.database import Database
from tests.connectors.webhook.vendor import Vendor, example, mapping, settings, small

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
OK = httpx.Response(200, json={"code": 0})
BUTTONS = (Button("查订单", "/order_status"), Button("转人工", "/human_agent"))


def message(text: str | None = None, **more: Any) -> Message:
    blank = Message(
        id=new_id(),
        conversation_id="c",
        seq=1,
        direction="out",
        author="bot",
        author_name=None,
        text=text,
        buttons=(),
        image=None,
        custom=None,
        channel="a-channel",
        sender="u1",
        status="queued",
        reply_to=None,
        created_at=datetime.now(UTC),
    )
    return replace(blank, **more)


class Desk:
    """Sends messages through a channel."""

    def __init__(self, redis: Any, media: MediaStore) -> None:
        self.redis = redis
        self.media = media

    async def send(self, mapped: Mapping, vendor: Vendor, *messages: Message, to: str = "u1") -> list[dict[str, Any]]:
        """The bodies of the calls that send."""
        channel = WebhookChannel("a-channel", settings(mapped), self.redis, self.media, vendor)
        try:
            for parcel in await channel.courier.pack(messages):
                await channel.courier.send(to, parcel)
        finally:
            await channel.aclose()
        return [
            json.loads(one.content) for one in vendor.asked if one.url.path in ("/send", "/open-apis/im/v1/messages")
        ]


@pytest.fixture
async def desk(tmp_path: Path, data_key: str, bus: Bus) -> AsyncIterator[Desk]:
    database = Database(f"sqlite:///{tmp_path}/kefu.db", data_key)
    await database.migrate()
    await bus.redis.flushdb()
    yield Desk(bus.redis, MediaStore(database, "secret", public_url="https://kefu.example"))
    await database.close()


def feishu(request: httpx.Request) -> httpx.Response:
    if request.url.path.endswith("/tenant_access_token/internal"):
        return httpx.Response(200, json={"code": 0, "tenant_access_token": "t-1", "expire": 7200})
    if request.url.path.endswith("/images"):
        assert b'name="image_type"\r\n\r\nmessage' in request.content
        assert PNG in request.content
        return httpx.Response(200, json={"code": 0, "data": {"image_key": "img_1"}})
    assert request.headers["Authorization"] == "Bearer t-1"
    assert str(request.url) == "https://open.feishu.cn/open-apis/im/v1/messages?receive_id_type=open_id"
    return OK


async def test_feishu_text_card_and_image(desk: Desk) -> None:
    kept = await desk.media.put(PNG)
    said = message('他说"好"\n', buttons=BUTTONS, attachments=(Attachment("image", media_id=kept.id),))
    text = message("第一")
    first, card, image = await desk.send(example("feishu"), Vendor(feishu), text, said, to="ou_1")
    assert first == {"receive_id": "ou_1", "uuid": f"{text.id}-0", "msg_type": "text", "content": '{"text": "第一"}'}
    assert (card["msg_type"], card["uuid"]) == ("interactive", f"{said.id}-0")
    shown, row = json.loads(card["content"])["elements"]
    assert shown["text"]["content"] == said.text
    assert [button["value"] for button in row["actions"]] == [
        {"title": "查订单", "payload": "/order_status"},
        {"title": "转人工", "payload": "/human_agent"},
    ]
    assert (image["msg_type"], json.loads(image["content"])) == ("image", {"image_key": "img_1"})


def sending(**changes: Any) -> Mapping:
    """The small mapping, its `send` changed."""
    return mapping(send=small()["send"] | changes)


async def test_a_message_packed_again_has_the_same_ids(desk: Desk) -> None:
    said = message("长" * 200)
    limited = sending(text_limit={"characters": 50})
    first = await desk.send(limited, Vendor(lambda _: OK), said)
    assert [one["id"] for one in first] == [f"{said.id}-{n}" for n in range(4)]
    assert first == await desk.send(limited, Vendor(lambda _: OK), said)


async def test_what_has_no_shape_is_said_in_words(desk: Desk) -> None:
    kept = await desk.media.put(PNG)
    said = message("选一个", buttons=BUTTONS, image="https://shop.example/a.png")
    file = message(attachments=(Attachment("image", media_id=kept.id), Attachment("link", url="https://a.example")))
    nothing = message(custom={"a": 1})
    bodies = await desk.send(sending(), Vendor(lambda _: OK), said, file, nothing)
    menu, picture, link, other = (body["text"] for body in bodies)
    assert menu == "选一个\n1. 查订单\n2. 转人工\n回复数字即可选择"
    assert picture == "https://shop.example/a.png"
    assert link.startswith(f"https://kefu.example/media/{kept.id}?")
    assert other == "https://a.example"


async def test_where_the_vendor_counts_texts_that_wait_go_together(desk: Desk) -> None:
    counted = [{"id": "id", "sender": "sender", "text": "text", "allowance": {"count": 5, "seconds": 60}}]
    texts = [message("一"), message("二"), message("三")]
    [body] = await desk.send(mapping(receive=counted), Vendor(lambda _: OK), *texts)
    assert body["text"] == "一\n\n二\n\n三"


NASTY = 'a"},{"x":"{{ secrets.token }}\r\nX-Evil: 1&b=c/../?#%'


async def test_what_customers_write_stays_a_value(desk: Desk) -> None:
    mapped = sending(
        url="https://vendor.example/to/{{ recipient }}?id={{ id }}",
        headers={"X-To": "to {{ recipient }}"},
        body={"to": "{{ recipient }}"},
        text={"content": {"$json": {"text": "{{ text }}"}}, "said": "he said {{ text }}"},
    )
    vendor = Vendor(lambda _: OK)
    await desk.send(mapped, vendor, message(NASTY), to=NASTY)
    [request] = vendor.asked
    body = json.loads(request.content)
    assert body["to"] == NASTY
    assert json.loads(body["content"]) == {"text": NASTY}
    assert body["said"] == f"he said {NASTY}"
    assert (request.url.host, list(request.url.params)) == ("vendor.example", ["id"])
    assert request.url.raw_path.startswith(b"/to/a%22%7D%2C%7B%22x%22%3A%22%7B%7B%20secrets")
    assert request.headers["X-To"].startswith('to a"},{"x":"{{ secrets.token }}%0D%0AX-Evil')
    assert "X-Evil" not in request.headers


async def test_a_form(desk: Desk) -> None:
    vendor = Vendor(lambda _: OK)
    mapped = sending(encoding="form", text={"text": "{{ text }}", "more": {"n": 1}}, body={})
    channel = WebhookChannel("a-channel", settings(mapped), desk.redis, desk.media, vendor)
    [parcel] = await channel.courier.pack([message("a&b=c")])
    await channel.courier.send("u1", parcel)
    await channel.aclose()
    assert vendor.asked[0].content == b"text=a%26b%3Dc&more=%7B%22n%22%3A1%7D"


ANSWERS = {
    "success": "code == `0`",
    "code": "code",
    "token_refused": [40001],
    "try_again": [-1],
    "busy": ["slow"],
    "undeliverable": {45015: "window_closed"},
}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx.Response(200, json={"code": 45015}), Undeliverable("window_closed", "")),
        (httpx.Response(400, json={"code": "45015"}), Undeliverable("window_closed", "")),
        (httpx.Response(200, json={"code": 7}), Undeliverable("rejected", "")),
        (httpx.Response(404, text="not here"), Undeliverable("rejected", "")),
        (httpx.Response(302, headers={"Location": "http://127.0.0.1/"}), Undeliverable("rejected", "")),
        (httpx.Response(200, json={"code": -1}), TryAgain("")),
        (httpx.Response(200, json={"code": "slow"}), TryAgain("", everybody=False)),
        (httpx.Response(200, json={"code": 40001}), TryAgain("", after=60)),
        (httpx.Response(401), TryAgain("", after=60)),
        (httpx.Response(429, headers={"Retry-After": "7"}), TryAgain("", after=7)),
        (httpx.Response(503), TryAgain("")),
        (httpx.Response(200, text="<html>maintenance</html>"), TryAgain("")),
    ],
)
async def test_what_an_answer_means(desk: Desk, answer: httpx.Response, expected: DeliveryFailed) -> None:
    with pytest.raises(type(expected)) as raised:
        await desk.send(mapping(answers=ANSWERS), Vendor(lambda _: answer), message("你好"))
    told = {name: value for name, value in vars(raised.value).items() if name != "message"}
    assert told == {name: value for name, value in vars(expected).items() if name != "message"}


async def test_a_vendor_that_cannot_be_reached_is_tried_again(desk: Desk) -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("no answer", request=request)

    with pytest.raises(TryAgain):
        await desk.send(mapping(), Vendor(away), message("你好"))


TOKEN = {
    "url": "https://vendor.example/token",
    "body": {"key": "{{ secrets.key }}"},
    "path": "token",
    "lifetime": "ttl",
}


def logged_in(**token: Any) -> Mapping:
    send = small()["send"] | {"headers": {"Authorization": "Bearer {{ token }}"}}
    return mapping(send=send, token=TOKEN | token)


async def test_a_token_is_fetched_once_and_anew_when_refused(desk: Desk) -> None:
    tokens = iter(["old", "new"])
    good = ["old"]

    def vendor(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            assert json.loads(request.content) == {"key": "the key"}
            return httpx.Response(200, json={"token": next(tokens), "ttl": 7200})
        return httpx.Response(200 if request.headers["Authorization"] == f"Bearer {good[0]}" else 401)

    asked = Vendor(vendor)
    await desk.send(logged_in(), asked, message("一"), message("二"))
    good[0] = "new"
    await desk.send(logged_in(), asked, message("三"))
    assert [one.url.path for one in asked.asked] == ["/token", "/send", "/send", "/send", "/token", "/send"]


@pytest.mark.parametrize("answer", [httpx.Response(403), httpx.Response(200, json={"error": "no such key"})])
async def test_wrong_settings_lose_no_message(desk: Desk, answer: httpx.Response) -> None:
    with pytest.raises(TryAgain):
        await desk.send(logged_in(), Vendor(lambda _: answer), message("你好"))


@given(st.text(max_size=400), st.integers(min_value=4, max_value=60))
def test_texts_are_cut_by_characters_and_make_up_the_whole(text: str, limit: int) -> None:
    pieces = split_characters(text, limit)
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= limit for piece in pieces) or pieces == [""]
