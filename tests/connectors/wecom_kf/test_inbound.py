"""What `kf/sync_msg` lists, as WeCom's documents show it, and as nobody should send it."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.bodies import Malformed
from connectors.wecom_kf.inbound import Entered, Failed, Said, StateChanged, Written, account_of, hear

ITEMS = json.loads((Path(__file__).parent / "payloads" / "sync_msg.json").read_text())["msg_list"]
SENDER = "wkAJ2GCAAA:wmAJ2GCAAA"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
)
KINDS = st.sampled_from(["text", "image", "location", "link", "event", "miniprogram", "business_card", "hologram"])
EVENTS = st.sampled_from(["enter_session", "msg_send_fail", "session_status_change", "boom"])
PART_NAMES = [
    *("content", "menu_id", "media_id", "latitude", "longitude", "name", "url", "open_kfid", "external_userid"),
    *("event_type", "welcome_code", "fail_msgid", "fail_type", "scene", "userid"),
]
PARTS = st.dictionaries(st.sampled_from(PART_NAMES), JSON | st.just("wk1") | EVENTS) | JSON


def heard(place: int) -> Any:
    return hear("wecom_kf", ITEMS[place])


def test_messages_of_customers() -> None:
    text, image, voice, place, link, card = (heard(n) for n in range(6))
    assert (text.inbound.text, text.menu_id, text.inbound.sender) == ("hello world", "101", SENDER)
    assert text.inbound.received_at.timestamp() == 1615478585
    assert (text.inbound.allowance.count, text.inbound.allowance.seconds) == (5, 172800)
    assert [one.inbound.attachments[0].kind for one in (image, voice, place, link, card)] == [
        "image",
        "voice",
        "location",
        "link",
        "link",
    ]
    assert image.media_id == "2iSLeVyqzk4eX0IB5kTi9Ljfa2rt9dwfq5WKRQ4Nvvgw"
    assert place.inbound.attachments[0].position == (23.106021881103516, 113.320503234863)
    assert link.inbound.attachments[0].url == "https://shop.example/1"
    assert account_of(SENDER) == ("wkAJ2GCAAA", "wmAJ2GCAAA")


def test_events_and_words_of_wecoms_people() -> None:
    entered = heard(6)
    assert isinstance(entered, Entered)
    assert (entered.inbound.payload, entered.inbound.event, entered.welcome_code) == ("/greet", True, "aaaaaa")
    assert heard(7) == Failed("FAIL_MSGID", "refused")
    assert heard(8) == StateChanged(SENDER)
    written = heard(9)
    assert isinstance(written, Written)
    assert (written.text, written.by, written.vendor_id) == ("您好，我是张三", "zhangsan", "m10")
    assert heard(10) is None
    assert heard(11) is None


@given(
    st.fixed_dictionaries(
        {"origin": st.sampled_from([3, 4, 5]) | JSON, "msgtype": KINDS | JSON, "msgid": st.text() | st.just("m1")},
        optional={
            "send_time": st.integers() | JSON,
            "open_kfid": st.just("wk1") | JSON,
            "external_userid": st.just("wm1") | JSON,
            "servicer_userid": JSON,
            "text": PARTS,
            "image": PARTS,
            "location": PARTS,
            "link": PARTS,
            "event": PARTS,
            "miniprogram": PARTS,
            "business_card": PARTS,
        },
    )
)
def test_any_item_is_read_or_refused(item: dict[str, Any]) -> None:
    try:
        found = hear("wecom_kf", item)
    except Malformed:
        return
    if isinstance(found, Said | Entered):
        assert 1 <= len(found.inbound.sender) <= 160
        assert 1 <= len(found.inbound.vendor_id) <= 128
        assert "\0" not in found.inbound.text
        found.inbound.text.encode()
    if isinstance(found, Written):
        assert len(found.by) <= 64
