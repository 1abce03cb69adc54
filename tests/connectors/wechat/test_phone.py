"""The demo's phone: what is written on it is pushed to Kefu, and what comes back is shown."""

import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from connectors.fakes import wechat as fake
from connectors.fakes.wechat_logins import DemoLogins
from connectors.fakes.wechat_phone import Phones
from connectors.fakes.wechat_pushes import OUT_OF_ORDER, TRIES, Pushes
from connectors.fakes.wechat_rules import Platform
from connectors.wechat.crypto import Envelope
from connectors.wechat.pushes import Push, parse
from tests.contracts.connectors.wechat import AES_KEY, account

OPEN_ID = "oia2TjuEGTNoeX76QEjQNrcURxG8"
LIN = {"member_id": "m1", "name": "林晓", "level": "金卡", "note": "有一单退款"}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


@dataclass
class Kefu:
    """What was pushed, and what is answered; who logged in, if the demo shop is there."""

    answer: bytes | Exception = b"success"
    pushed: list[Push] = field(default_factory=list)
    shop: int = 200
    logged_in: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/demo/members":
            return httpx.Response(self.shop, json={"members": [LIN]})
        if request.url.path == "/api/demo/link":
            self.logged_in.append(json.loads(request.content))
            return httpx.Response(200, json={"conversation_id": "c1"})
        sealed = parse(request.content).get("Encrypt")
        self.pushed.append(parse(Envelope(AES_KEY, account().app_id).open(sealed)))
        if isinstance(self.answer, Exception):
            raise self.answer
        return httpx.Response(200, content=self.answer)


@pytest.fixture
def kefu() -> Kefu:
    return Kefu()


@pytest.fixture
async def phone(kefu: Kefu) -> AsyncIterator[httpx.AsyncClient]:
    platform = Platform(account())
    app = fake.create(platform)
    async with httpx.AsyncClient(transport=httpx.MockTransport(kefu)) as http:
        pushes, logins = Pushes(platform, "http://kefu/callback", http), DemoLogins("http://kefu", "wechat", http)
        app.include_router(Phones(platform, pushes, logins, "小满优选").router())
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://fake") as client:
            yield client


async def bubbles(phone: httpx.AsyncClient, count: int) -> list[dict[str, Any]]:
    """Everything shown, once there is that much."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        after = found[-1]["number"] if found else 0
        found += (await phone.get(f"/phone/{OPEN_ID}/bubbles", params={"after": after})).json()["bubbles"]
    return found


async def test_the_page_allows_its_own_script_and_nothing_else(phone: httpx.AsyncClient) -> None:
    page = await phone.get("/")
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        [content] = re.findall(f"<{tag}>(.*?)</{tag}>", page.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not re.search(r'\son\w+="|style="|innerHTML', page.text)


async def test_what_is_written_is_pushed(phone: httpx.AsyncClient, kefu: Kefu) -> None:
    await phone.post(f"/phone/{OPEN_ID}/text", json={"text": "在吗", "menu_id": "7"})
    await phone.post(f"/phone/{OPEN_ID}/picture", content=PNG)
    await phone.post(f"/phone/{OPEN_ID}/event", json={"event": "CLICK", "key": "我的订单"})
    assert [bubble["text"] for bubble in await bubbles(phone, 2)] == ["在吗", ""]
    while len(kefu.pushed) < 3:
        await phone.get("/")
    text, picture, click = sorted(kefu.pushed, key=lambda push: ["text", "image", "event"].index(push.get("MsgType")))
    assert (text.get("Content"), text.get("bizmsgmenuid"), text.get("FromUserName")) == ("在吗", "7", OPEN_ID)
    assert (await phone.get(picture.get("PicUrl"))).content == PNG
    assert (click.get("Event"), click.get("EventKey")) == ("CLICK", "我的订单")


@pytest.mark.parametrize("answer", [b"<html>", b"<xml><Encrypt>AAAA</Encrypt></xml>", b'"success"'])
async def test_an_answer_that_wechat_would_not_take_is_an_error_to_the_customer(
    phone: httpx.AsyncClient, kefu: Kefu, answer: bytes
) -> None:
    kefu.answer = answer
    await phone.post(f"/phone/{OPEN_ID}/text", json={"text": "在吗"})
    assert (await bubbles(phone, 2))[1]["text"] == OUT_OF_ORDER


async def test_a_push_without_an_answer_comes_three_times(phone: httpx.AsyncClient, kefu: Kefu) -> None:
    kefu.answer = httpx.ReadTimeout("slow")
    await phone.post(f"/phone/{OPEN_ID}/text", json={"text": "在吗"})
    assert (await bubbles(phone, 2))[1]["text"] == OUT_OF_ORDER
    assert len(kefu.pushed) == TRIES
    assert len({push.get("MsgId") for push in kefu.pushed}) == 1


@pytest.mark.parametrize("body", [b"", b"not a picture"])
async def test_what_is_no_picture_is_refused(phone: httpx.AsyncClient, body: bytes) -> None:
    assert (await phone.post(f"/phone/{OPEN_ID}/picture", content=body)).status_code == 422


async def test_a_customer_logs_in_as_a_member_of_the_demo_shop(phone: httpx.AsyncClient, kefu: Kefu) -> None:
    assert (await phone.get("/phone/members")).json() == {"members": [LIN]}
    assert (await phone.post(f"/phone/{OPEN_ID}/login", json={"member_id": "m1"})).status_code == 202
    assert kefu.logged_in == [{"member_id": "m1", "channel": "wechat", "sender": OPEN_ID}]
    news = (await phone.get(f"/phone/{OPEN_ID}/bubbles")).json()
    assert news["status"]["member"] == "m1"
    assert "林晓" in news["bubbles"][0]["text"]


async def test_nobody_logs_in_as_a_stranger_or_without_the_demo_shop(phone: httpx.AsyncClient, kefu: Kefu) -> None:
    assert (await phone.post(f"/phone/{OPEN_ID}/login", json={"member_id": "m2"})).status_code == 404
    kefu.shop = 404
    assert (await phone.get("/phone/members")).json() == {"members": []}
    assert (await phone.post(f"/phone/{OPEN_ID}/login", json={"member_id": "m1"})).status_code == 404
    assert kefu.logged_in == []
