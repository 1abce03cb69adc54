"""The mapping files that are shipped, driven by captured payloads."""

import pytest

from connectors.webhook.inbound import hear, pushed
from connectors.webhook.mapping import Mapping
from connectors.webhook.pushes import Push
from core.conversation.message import Allowance, Attachment, Inbound, Proof
from tests.connectors.webhook.vendor import example, payload

CUSTOMER = "ou_84aad35d084aa403a838cf73ee18467"
MESSAGE = "om_5ce6d572455d361153b7cb51da133945"


def heard(mapping: Mapping, name: str) -> list[Inbound]:
    found = [hear("a-channel", mapping, one) for one in pushed(mapping, Push(b"", {}, {}, payload(name)))]
    return [one.inbound for one in found if one]


def test_feishu_a_text() -> None:
    [said] = heard(example("feishu"), "feishu_text")
    assert (said.vendor_id, said.sender, said.text, said.attachments) == (MESSAGE, CUSTOMER, "这双鞋能退吗", ())


def test_feishu_a_rich_text_is_its_words() -> None:
    [said] = heard(example("feishu"), "feishu_post")
    assert said.text == "订单没到，看这里"


@pytest.mark.parametrize(
    ("name", "media_id", "attachment"),
    [
        ("feishu_image", "img_7ea74629-9191-4176-998c-2e603c9c5e8g", Attachment("image")),
        ("feishu_file", "file_v2_00c6c2", Attachment("file", title="发票.pdf")),
        ("feishu_location", None, Attachment("location", title="朝阳区望京街道", position=(39.996, 116.4813))),
    ],
)
def test_feishu_what_comes_beside_words(name: str, media_id: str | None, attachment: Attachment) -> None:
    found = hear("feishu", example("feishu"), payload(name))
    assert found
    assert (found.inbound.text, found.inbound.attachments, found.media_ids) == ("", (attachment,), (media_id,))


def test_feishu_a_pressed_button() -> None:
    [said] = heard(example("feishu"), "feishu_card")
    assert (said.sender, said.text, said.payload, said.event) == (CUSTOMER, "转人工", "/human_agent", False)


def test_feishu_a_chat_opened_for_the_first_time_and_again() -> None:
    [said] = heard(example("feishu"), "feishu_entered")
    assert (said.sender, said.payload, said.event) == (CUSTOMER, "/greet", True)
    again = payload("feishu_entered")
    again["event"]["last_message_id"] = MESSAGE
    assert hear("feishu", example("feishu"), again) is None


@pytest.mark.parametrize("change", [{"chat_type": "group"}, {"message_type": "text", "content": "{"}])
def test_feishu_a_group_is_not_ours_and_a_broken_content_is_empty(change: dict[str, str]) -> None:
    push = payload("feishu_text")
    push["event"]["message"] |= change
    found = hear("feishu", example("feishu"), push)
    assert found is None if "chat_type" in change else found and found.inbound.text == ""


def test_own_system_a_list_of_messages() -> None:
    first, place, opened = heard(example("own_system"), "own_system")
    assert (first.text, first.proofs) == ("我的订单到哪了", (Proof("unionid", "o6_bmasdasdsad6_2sgVt7hMZOPfL"),))
    assert first.allowance == Allowance(5, 172800)
    assert (place.vendor_id, place.sender) == ("1003", "77")
    assert place.attachments == (
        Attachment("location", title="人民广场", position=(31.23, 121.47)),
        Attachment("link", title="坏链接"),
    )
    assert (opened.text, opened.payload, opened.event) == ("打开了会话", "/greet", True)
