"""What is written as the answer to a push."""

import xml.etree.ElementTree as ET
from typing import Literal

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.wechat import replies
from connectors.wechat.pushes import Push

FIELDS = {"ToUserName": "gh_7f083739789a", "FromUserName": "oia2TjuEGTNoeX76QEjQNrcURxG8"}


def push(format: Literal["xml", "json"] = "xml") -> Push:
    return Push(FIELDS, format)


@pytest.mark.parametrize("account", [None, "kf2001@gh_7f083739789a"])
def test_a_transfer_names_the_account_if_there_is_one(account: str | None) -> None:
    root = ET.fromstring(replies.render(replies.transfer(push(), 1395658920.5, account), "xml"))
    assert root.findtext("ToUserName") == FIELDS["FromUserName"]
    assert root.findtext("FromUserName") == FIELDS["ToUserName"]
    assert root.findtext("CreateTime") == "1395658920"
    assert root.findtext("MsgType") == "transfer_customer_service"
    assert root.findtext("TransInfo/KfAccount") == account


def test_a_push_in_json_is_answered_in_json() -> None:
    written = orjson.loads(replies.render(replies.transfer(push("json"), 1395658920, "kf2001@x"), "json"))
    assert written["TransInfo"] == {"KfAccount": "kf2001@x"}


@given(st.text(st.characters(codec="utf-8"), max_size=200))
@example("]]>\r\x00\x0b\ufffe\uffff&<😀")
def test_every_text_is_well_formed(content: str) -> None:
    written = replies.render(replies.text(push(), content, 1), "xml")
    shown = "".join(c for c in content if (c >= " " or c in "\n\t") and c not in "\ufffe\uffff")
    assert (ET.fromstring(written).findtext("Content") or "") == shown
