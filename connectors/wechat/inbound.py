"""A WeChat push as an `Inbound`: what was said, sent or done, in our words."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from connectors.bodies import Malformed
from connectors.wechat.pushes import Push
from core.conversation.message import Allowance, Attachment, Inbound, Kind

GREET = "/greet"
AFTER_MESSAGE = Allowance(5, 48 * 3600)
AFTER_EVENT = Allowance(3, 60)
AFTER_ENTERING = Allowance(2, 60)  # a mini-program's chat
MAX_ID = 96
SCANNED_TO_FOLLOW = "qrscene_"


@dataclass(frozen=True, slots=True)
class Heard:
    """`media_id` is WeChat's own id of the first attachment, to be fetched within three days.

    `menu_id` says which button of a menu that we sent was pressed.
    """

    inbound: Inbound
    media_id: str | None = None
    menu_id: str | None = None


def hear(channel: str, push: Push) -> Heard | None:
    """None for what needs no answer: reports, links followed, customers who leave. Raises Malformed."""
    kind = push.get("MsgType").lower()
    if kind == "event":
        return _event(channel, push)
    reader = _MESSAGES.get(kind)
    return reader(_inbound(channel, push, AFTER_MESSAGE), push) if reader else None


def _inbound(channel: str, push: Push, allowance: Allowance) -> Inbound:
    sender = push.get("FromUserName")
    if not 1 <= len(sender) <= MAX_ID:
        raise Malformed("the push does not say who it is from")
    return Inbound(channel, _vendor_id(push), sender, "", allowance=allowance, numbered=True)


def _vendor_id(push: Push) -> str:
    """WeChat's id of the message; an event has none and is known by who, when and what."""
    event = ":".join(push.get(name) for name in ("FromUserName", "CreateTime", "Event"))
    known = push.get("MsgId") or event
    return known if len(known) <= MAX_ID else hashlib.sha256(known.encode(errors="surrogatepass")).hexdigest()


def _text(inbound: Inbound, push: Push) -> Heard:
    return Heard(replace(inbound, text=push.get("Content")), menu_id=push.get("bizmsgmenuid") or None)


def _media(kind: Kind) -> Callable[[Inbound, Push], Heard]:
    def read(inbound: Inbound, push: Push) -> Heard:
        attachment = Attachment(kind, url=_web_address(push.get("PicUrl")))
        heard = replace(inbound, text=push.get("Recognition"), attachments=(attachment,))
        return Heard(heard, media_id=push.get("MediaId") or None)

    return read


def _location(inbound: Inbound, push: Push) -> Heard:
    try:
        position = float(push.get("Location_X")), float(push.get("Location_Y"))
    except ValueError as error:
        raise Malformed("the place has no position") from error
    if not (abs(position[0]) <= 90 and abs(position[1]) <= 180):
        raise Malformed("the place is not on earth")
    attachment = Attachment("location", title=push.get("Label") or None, position=position)
    return Heard(replace(inbound, attachments=(attachment,)))


def _link(inbound: Inbound, push: Push) -> Heard:
    attachment = Attachment("link", url=_web_address(push.get("Url")), title=push.get("Title") or None)
    return Heard(replace(inbound, attachments=(attachment,)))


def _mini_program_card(inbound: Inbound, push: Push) -> Heard:
    page = {"app_id": push.get("AppId"), "page_path": push.get("PagePath")}
    attachment = Attachment("link", title=push.get("Title") or "小程序卡片")
    return Heard(replace(inbound, attachments=(attachment,), metadata=page))


def _event(channel: str, push: Push) -> Heard | None:
    key = push.get("EventKey")
    match push.get("Event").lower():
        case "subscribe" if key.startswith(SCANNED_TO_FOLLOW):
            scene = {"scene": key.removeprefix(SCANNED_TO_FOLLOW)}
            return _happened(channel, push, "扫码关注了公众号", GREET, AFTER_EVENT, scene)
        case "subscribe":
            return _happened(channel, push, "关注了公众号", GREET, AFTER_EVENT)
        case "scan":
            return _happened(channel, push, "扫描了二维码", GREET, AFTER_EVENT, {"scene": key})
        case "user_enter_tempsession":
            return _happened(channel, push, "进入了客服会话", GREET, AFTER_ENTERING)
        case "click" if key.startswith("/"):
            return _happened(channel, push, "点击了菜单", key, AFTER_EVENT)
        case "click":
            return Heard(replace(_inbound(channel, push, AFTER_EVENT), text=key))
    return None


def _happened(
    channel: str, push: Push, text: str, payload: str, allowance: Allowance, metadata: dict[str, Any] | None = None
) -> Heard:
    inbound = _inbound(channel, push, allowance)
    return Heard(replace(inbound, text=text, payload=payload, event=True, metadata=metadata or {}))


def _web_address(url: str) -> str | None:
    """Agents open it, so it must be an address of the web and nothing else."""
    return url if url.startswith(("https://", "http://")) else None


_MESSAGES: dict[str, Callable[[Inbound, Push], Heard]] = {
    "text": _text,
    "image": _media("image"),
    "voice": _media("voice"),
    "video": _media("video"),
    "shortvideo": _media("video"),
    "location": _location,
    "link": _link,
    "miniprogrampage": _mini_program_card,
}
