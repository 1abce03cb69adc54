"""What we answer to a push itself (被动回复): one text, or the customer given to the platform's own desk."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from connectors.texts import numbered
from connectors.wechat.crypto import Envelope, Signature
from connectors.wechat.pushes import Format, Push
from core.conversation.message import Message

SUCCESS = b"success"
TEXT_BYTES = 2048

_NOT_XML = re.compile("[^\t\n -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Fields = Mapping[str, Any]
"""By WeChat's names; a value is a text, a number, or fields again."""


def text(push: Push, content: str, now: float) -> Fields:
    return _to_sender(push, now) | {"MsgType": "text", "Content": content}


def transfer(push: Push, now: float, account: str | None = None) -> Fields:
    """`account`: one of the platform's desk; otherwise it chooses."""
    fields = _to_sender(push, now) | {"MsgType": "transfer_customer_service"}
    return fields | {"TransInfo": {"KfAccount": account}} if account else fields


def one_text(messages: Sequence[Message]) -> str | None:
    """The messages as one text, their buttons numbered; None when that cannot be, or is longer than WeChat takes."""
    plain = all(not (m.image or m.attachments or m.custom) and (m.text or m.buttons) for m in messages)
    if not messages or not plain or sum(bool(m.buttons) for m in messages) > 1:
        return None
    joined = "\n\n".join(numbered(message.text, message.buttons) for message in messages)
    return joined if len(joined.encode()) <= TEXT_BYTES else None


def render(fields: Fields, format: Format) -> bytes:
    if format == "json":
        return orjson.dumps(fields)
    return f"<xml>{_xml(fields)}</xml>".encode()


def seal(content: bytes, format: Format, envelope: Envelope, signature: Signature) -> bytes:
    encrypt = envelope.seal(content)
    stamp = signature.stamp(encrypt)
    fields = {
        "Encrypt": encrypt,
        "MsgSignature": stamp.signature,
        "TimeStamp": int(stamp.timestamp),
        "Nonce": stamp.nonce,
    }
    return render(fields, format)


def _to_sender(push: Push, now: float) -> dict[str, Any]:
    names = {"ToUserName": push.get("FromUserName"), "FromUserName": push.get("ToUserName")}
    return names | {"CreateTime": int(now)}


def _xml(fields: Fields) -> str:
    return "".join(f"<{name}>{_value(value)}</{name}>" for name, value in fields.items())


def _value(value: Any) -> str:
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Mapping):
        return _xml(value)
    return f"<![CDATA[{_NOT_XML.sub('', value).replace(']]>', ']]]]><![CDATA[>')}]]>"
