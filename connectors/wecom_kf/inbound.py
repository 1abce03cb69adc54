"""What `kf/sync_msg` lists, in our words. Nothing here asks WeCom or the database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from connectors.bodies import Malformed
from connectors.wechat.inbound import GREET
from core.conversation.message import Allowance, Attachment, Inbound, Kind

AFTER_MESSAGE = Allowance(5, 48 * 3600)
WELCOME_SECONDS = 20.0
MAX_ID = 64
BETWEEN = ":"

CUSTOMER, SYSTEM, SERVICER = 3, 4, 5

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """A customer's message. `media_id`: WeCom's id of the attachment; `menu_id`: of the choice that was pressed."""

    inbound: Inbound
    media_id: str | None = None
    menu_id: str | None = None


@dataclass(frozen=True, slots=True)
class Entered:
    """A customer opened the chat and may be welcomed, once and within 20 s, by `welcome_code`."""

    inbound: Inbound
    welcome_code: str


@dataclass(frozen=True, slots=True)
class Failed:
    """What we sent did not arrive after all. `msg_id` is the one we gave it."""

    msg_id: str
    failure: str


@dataclass(frozen=True, slots=True)
class StateChanged:
    """Somebody took, passed on or ended the session in WeCom."""

    sender: str


@dataclass(frozen=True, slots=True)
class Written:
    """What one of WeCom's own people wrote to the customer. `by` is their user id."""

    sender: str
    text: str
    by: str
    vendor_id: str
    at: datetime


Heard = Said | Entered | Failed | StateChanged | Written


def hear(channel: str, item: Item) -> Heard | None:
    """None for what needs nothing from us. Raises Malformed."""
    origin, kind = item.get("origin"), item.get("msgtype")
    if origin == SYSTEM and kind == "event":
        return _event(channel, item, _part(item, "event"))
    if origin == SERVICER:
        by = _text(item, "servicer_userid")[:MAX_ID]
        return Written(_sender(item), _written(item), by, _id(item, "msgid"), _time(item))
    reader = _READERS.get(str(kind))
    if origin != CUSTOMER or reader is None:
        return None
    inbound = Inbound(channel, _id(item, "msgid"), _sender(item), "", allowance=AFTER_MESSAGE, numbered=True)
    return reader(replace(inbound, received_at=_time(item)), _part(item, str(kind)))


def account_of(sender: str) -> tuple[str, str]:
    """Our account (`open_kfid`) and the customer (`external_userid`)."""
    account, _, customer = sender.partition(BETWEEN)
    return account, customer


def _event(channel: str, item: Item, event: Item) -> Heard | None:
    match event.get("event_type"):
        case "enter_session" if code := _text(event, "welcome_code"):
            sender = _sender(event)
            inbound = Inbound(channel, _id(item, "msgid"), sender, "进入了会话", GREET, event=True, numbered=True)
            inbound = replace(inbound, allowance=Allowance(1, WELCOME_SECONDS), received_at=_time(item))
            return Entered(replace(inbound, metadata=_scene(event)), code)
        case "msg_send_fail":
            return Failed(_id(event, "fail_msgid"), _FAILURES.get(str(event.get("fail_type")), "rejected"))
        case "session_status_change":
            return StateChanged(_sender(event))
    return None


def _said_text(inbound: Inbound, part: Item) -> Said:
    return Said(replace(inbound, text=_text(part, "content")), menu_id=_text(part, "menu_id") or None)


def _media(kind: Kind) -> Callable[[Inbound, Item], Said]:
    def read(inbound: Inbound, part: Item) -> Said:
        return Said(replace(inbound, attachments=(Attachment(kind),)), media_id=_text(part, "media_id") or None)

    return read


def _location(inbound: Inbound, part: Item) -> Said:
    latitude, longitude = part.get("latitude"), part.get("longitude")
    if not (isinstance(latitude, int | float) and isinstance(longitude, int | float)):
        raise Malformed("the place has no position")
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise Malformed("the place is not on earth")
    title = " ".join(filter(None, (_text(part, "name"), _text(part, "address")))) or None
    attachment = Attachment("location", title=title, position=(float(latitude), float(longitude)))
    return Said(replace(inbound, attachments=(attachment,)))


def _link(inbound: Inbound, part: Item) -> Said:
    url = _text(part, "url")
    is_web = url.startswith(("https://", "http://"))  # agents open it
    attachment = Attachment("link", url=url if is_web else None, title=_text(part, "title") or None)
    return Said(replace(inbound, attachments=(attachment,)))


def _mini_program(inbound: Inbound, part: Item) -> Said:
    page = {"app_id": _text(part, "appid"), "page_path": _text(part, "pagepath")}
    attachment = Attachment("link", title=_text(part, "title") or "小程序卡片")
    return Said(replace(inbound, attachments=(attachment,), metadata=page))


def _card(inbound: Inbound, part: Item) -> Said:
    return Said(replace(inbound, attachments=(Attachment("link", title=f"名片 {_text(part, 'userid')}"),)))


def _written(item: Item) -> str:
    kind = item.get("msgtype")
    part = item.get(str(kind))
    text = _text(part, "content") if kind == "text" and isinstance(part, Mapping) else ""
    return text or _NAMES.get(str(kind), "[消息]")


def _scene(event: Item) -> dict[str, Any]:
    return {name: _text(event, name) for name in ("scene", "scene_param") if _text(event, name)}


def _sender(part: Item) -> str:
    return BETWEEN.join((_id(part, "open_kfid"), _id(part, "external_userid")))


def _id(part: Item, name: str) -> str:
    value = _text(part, name)
    if not 1 <= len(value) <= MAX_ID or (name == "open_kfid" and BETWEEN in value):
        raise Malformed(f"an item of the list has no {name}")
    return value


def _text(part: Item, name: str) -> str:
    value = part.get(name)
    # PostgreSQL keeps no NUL, and half of a pair of surrogates is no character.
    return value.replace("\0", "").encode(errors="ignore").decode() if isinstance(value, str) else ""


def _part(item: Item, name: str) -> Item:
    part = item.get(name)
    if not isinstance(part, Mapping):
        raise Malformed(f"an item of the list has no {name}")
    return part


def _time(item: Item) -> datetime:
    seconds = item.get("send_time")
    if not isinstance(seconds, int) or not 0 <= seconds < 2**33:
        raise Malformed("an item of the list has no send_time")
    return datetime.fromtimestamp(seconds, UTC)


_READERS: dict[str, Callable[[Inbound, Item], Said]] = {
    "text": _said_text,
    "image": _media("image"),
    "voice": _media("voice"),
    "video": _media("video"),
    "file": _media("file"),
    "location": _location,
    "link": _link,
    "miniprogram": _mini_program,
    "business_card": _card,
}
_NAMES = {
    "image": "[图片]",
    "voice": "[语音]",
    "video": "[视频]",
    "file": "[文件]",
    "link": "[链接]",
    "location": "[位置]",
}
_FAILURES = {
    "1": "no_permission",  # the account is deleted
    "2": "no_permission",  # the application is closed
    "4": "window_closed",
    "5": "window_closed",
    "6": "quota",
    "7": "no_permission",
    "8": "no_permission",
    "10": "refused",
    "11": "no_permission",
    "12": "no_permission",
}
