"""Pushes as WeChat's documentation shows them, and what becomes of them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.bodies import Malformed
from connectors.wechat.inbound import Heard, hear
from connectors.wechat.pushes import Push, parse
from core.conversation.message import Allowance, Attachment, Inbound

PAYLOADS = Path(__file__).with_name("payloads")
SENDER = "oia2TjuEGTNoeX76QEjQNrcURxG8"
TWO_DAYS = Allowance(5, 172800)
A_MINUTE = Allowance(3, 60)


def heard(name: str) -> Heard | None:
    return hear("wechat", parse((PAYLOADS / name).read_bytes()))


def said(name: str) -> Inbound:
    found = heard(name)
    assert found
    assert (found.inbound.channel, found.inbound.sender, found.inbound.numbered) == ("wechat", SENDER, True)
    return found.inbound


@pytest.mark.parametrize("name", ["text.xml", "text.json"])
def test_text(name: str) -> None:
    inbound = said(name)
    assert (inbound.text, inbound.vendor_id, inbound.event) == ("this is a test 你好", "1234567890123456", False)
    assert inbound.allowance == TWO_DAYS


def test_a_choice_of_a_menu_names_the_button() -> None:
    found = heard("menu_choice.xml")
    assert found
    assert (found.inbound.text, found.menu_id) == ("满意", "101")


@pytest.mark.parametrize("name", ["image.xml", "image.json"])
def test_image(name: str) -> None:
    found = heard(name)
    assert found
    assert found.inbound.attachments == (Attachment("image", url="http://mmbiz.qpic.cn/mmbiz/L4qjYtOibum/0"),)
    assert (found.inbound.text, found.media_id) == ("", "media_id_1")


@pytest.mark.parametrize(
    ("name", "kind", "text", "media_id"),
    [
        ("voice_recognised.xml", "voice", "我的快递到哪了。", "media_id_2"),
        ("voice.xml", "voice", "", "media_id_3"),
        ("video.xml", "video", "", "media_id_4"),
        ("shortvideo.xml", "video", "", "media_id_5"),
    ],
)
def test_recordings(name: str, kind: str, text: str, media_id: str) -> None:
    found = heard(name)
    assert found
    assert [attachment.kind for attachment in found.inbound.attachments] == [kind]
    assert (found.inbound.text, found.media_id) == (text, media_id)


def test_location() -> None:
    place = Attachment("location", title="广州市天河区", position=(23.134521, 113.358803))
    assert said("location.xml").attachments == (place,)


def test_link() -> None:
    link = Attachment("link", url="https://mp.weixin.qq.com/s/abc", title="公众平台官网链接")
    assert said("link.xml").attachments == (link,)


def test_a_link_that_is_no_web_address_is_not_passed_on() -> None:
    push = parse((PAYLOADS / "link.xml").read_bytes().replace(b"https://mp.weixin", b"javascript:alert(1)//"))
    found = hear("wechat", push)
    assert found
    assert found.inbound.attachments[0].url is None


def test_a_mini_programs_card() -> None:
    inbound = said("miniprogrampage.json")
    assert inbound.attachments == (Attachment("link", title="保温杯"),)
    assert inbound.metadata == {"app_id": "wxb11529c136998cb6", "page_path": "pages/goods?id=7"}


@pytest.mark.parametrize(
    ("name", "text", "payload", "allowance", "metadata"),
    [
        ("subscribe.xml", "关注了公众号", "/greet", A_MINUTE, {}),
        ("subscribe_by_scan.xml", "扫码关注了公众号", "/greet", A_MINUTE, {"scene": "123123"}),
        ("scan.xml", "扫描了二维码", "/greet", A_MINUTE, {"scene": "123123"}),
        ("click_payload.xml", "点击了菜单", "/human_agent", A_MINUTE, {}),
        ("user_enter_tempsession.json", "进入了客服会话", "/greet", Allowance(2, 60), {}),
    ],
)
def test_events(name: str, text: str, payload: str, allowance: Allowance, metadata: dict[str, Any]) -> None:
    inbound = said(name)
    assert inbound.event
    assert (inbound.text, inbound.payload) == (text, payload)
    assert (inbound.allowance, inbound.metadata) == (allowance, metadata)
    assert inbound.vendor_id.startswith(f"{SENDER}:1395658920:")


def test_a_menu_key_of_words_is_as_if_typed() -> None:
    inbound = said("click.xml")
    assert (inbound.text, inbound.payload, inbound.event, inbound.allowance) == ("我的订单", None, False, A_MINUTE)


@pytest.mark.parametrize("name", ["view.xml", "unsubscribe.xml", "location_report.xml", "scancode.xml"])
def test_what_needs_no_answer_is_left_alone(name: str) -> None:
    assert heard(name) is None


def test_events_of_one_second_differ_by_kind() -> None:
    assert said("subscribe.xml").vendor_id != said("scan.xml").vendor_id


@given(st.binary(max_size=400))
def test_no_bytes_break_the_parser(body: bytes) -> None:
    survive(body)


NAMES = st.sampled_from(
    ["MsgType", "FromUserName", "Content", "Event", "EventKey", "MsgId", "Location_X", "Location_Y", "MediaId", "Url"]
)
KINDS = st.sampled_from(["text", "image", "voice", "location", "link", "event", "subscribe", "CLICK"])
VALUES = st.one_of(KINDS, st.text(max_size=50), st.integers(), st.floats(), st.none(), st.lists(st.integers()))


@given(st.dictionaries(NAMES, VALUES))
def test_no_fields_break_it_as_json(fields: dict[str, Any]) -> None:
    survive(json.dumps(fields).encode())


@given(st.dictionaries(NAMES, VALUES))
def test_no_fields_break_it_as_xml(fields: dict[str, Any]) -> None:
    survive(f"<xml>{''.join(f'<{name}>{value}</{name}>' for name, value in fields.items())}</xml>".encode())


def survive(body: bytes) -> None:
    """It is read, left alone, or refused by the one error there is for it."""
    try:
        push = parse(body)
        assert isinstance(push, Push)
        found = hear("wechat", push)
    except Malformed:
        return
    if found:
        assert 1 <= len(found.inbound.sender) <= 96
        assert 1 <= len(found.inbound.vendor_id) <= 96
