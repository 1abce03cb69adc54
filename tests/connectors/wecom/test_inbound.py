"""What a WeCom application pushes, as WeCom's documents show it, and as nobody should send it."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.bodies import Malformed
from connectors.wechat.pushes import Push, parse
from connectors.wecom.inbound import hear

PAYLOADS = Path(__file__).parent / "payloads"
NAMES = ("MsgType", "Event", "EventKey", "FromUserName", "CreateTime", "MsgId", "Content", "MediaId", "Location_X")
KINDS = st.sampled_from(
    ["text", "event", "image", "voice", "location", "link", "click", "enter_agent", "subscribe", ""]
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("text", {"text": "我的订单到哪了", "vendor_id": "1234567890123456", "event": False}),
        ("subscribe", {"payload": "/greet", "vendor_id": "zhangsan:1348831860:subscribe", "event": True}),
        ("enter_agent", {"payload": "/greet", "vendor_id": "zhangsan:day 15611:enter_agent", "event": True}),
        ("click", {"payload": "/track_logistics", "event": True}),
        ("click_text", {"text": "怎么退货", "payload": None, "event": False}),
    ],
)
def test_what_is_said_and_done(name: str, expected: dict[str, Any]) -> None:
    heard = hear("wecom", parse((PAYLOADS / f"{name}.xml").read_bytes()))
    assert heard
    assert (heard.inbound.channel, heard.inbound.sender) == ("wecom", "zhangsan")
    assert heard.inbound.numbered and heard.inbound.allowance is None
    assert {field: getattr(heard.inbound, field) for field in expected} == expected


@pytest.mark.parametrize(
    ("name", "kind", "media_id"),
    [
        ("image", "image", "media_id"),
        ("voice", "voice", "media_id"),
        ("video", "video", "media_id"),
        ("location", "location", None),
        ("link", "link", None),
    ],
)
def test_what_comes_along(name: str, kind: str, media_id: str | None) -> None:
    heard = hear("wecom", parse((PAYLOADS / f"{name}.xml").read_bytes()))
    assert heard
    assert [attachment.kind for attachment in heard.inbound.attachments] == [kind]
    assert heard.media_id == media_id


def test_who_leaves_is_not_answered() -> None:
    assert hear("wecom", parse((PAYLOADS / "unsubscribe.xml").read_bytes())) is None


def test_opening_the_application_counts_once_a_day() -> None:
    def opened(at: int) -> str:
        fields = {"MsgType": "event", "Event": "enter_agent", "FromUserName": "lisi", "CreateTime": str(at)}
        heard = hear("wecom", Push(fields, "xml"))
        assert heard
        return heard.inbound.vendor_id

    midnight = 1_763_740_800  # in Shanghai
    assert opened(midnight) == opened(midnight + 86_399)
    assert opened(midnight - 1) != opened(midnight) != opened(midnight + 86_400)


@given(st.dictionaries(st.sampled_from(NAMES), KINDS | st.text() | st.integers().map(str)))
def test_any_fields_are_read_or_refused(fields: dict[str, str]) -> None:
    try:
        heard = hear("wecom", Push(fields, "xml"))
    except Malformed:
        return
    if heard:
        assert heard.inbound.sender
        assert len(heard.inbound.vendor_id) <= 128
