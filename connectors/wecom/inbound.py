"""A push of a WeCom application as an `Inbound`. Messages look as an Official Account's do; events differ."""

from dataclasses import replace
from datetime import timedelta, timezone

from connectors.bodies import Malformed
from connectors.wechat.inbound import GREET, MAX_ID, Heard
from connectors.wechat.inbound import hear as hear_message
from connectors.wechat.pushes import Push
from core.conversation.message import Inbound

SHANGHAI = timezone(timedelta(hours=8))
DAY_SECONDS = 24 * 3600


def hear(channel: str, push: Push) -> Heard | None:
    """None for what needs no answer: members who leave, links followed, positions reported. Raises Malformed."""
    if push.get("MsgType").lower() == "event":
        return _event(channel, push)
    heard = hear_message(channel, push)
    # WeCom counts what it lets us send by the minute, not after each message.
    return replace(heard, inbound=replace(heard.inbound, allowance=None)) if heard else None


def _event(channel: str, push: Push) -> Heard | None:
    sender, key, event = push.get("FromUserName"), push.get("EventKey"), push.get("Event").lower()
    if not 1 <= len(sender) <= MAX_ID:
        raise Malformed("the push does not say who it is from")
    when = push.get("CreateTime")
    if not (when.isascii() and when.isdigit() and len(when) <= 12):
        raise Malformed("the push does not say when it was made")
    happened = Inbound(channel, f"{sender}:{when}:{event}", sender, "", event=True, numbered=True)
    match event:
        case "subscribe":
            return Heard(replace(happened, text="开始使用应用", payload=GREET))
        case "enter_agent":
            # Whoever opens the application again and again is greeted once a day: the others are repeats of the first.
            day = (int(when) + SHANGHAI.utcoffset(None).seconds) // DAY_SECONDS
            return Heard(replace(happened, vendor_id=f"{sender}:day {day}:{event}", text="打开了应用", payload=GREET))
        case "click" if key.startswith("/"):
            return Heard(replace(happened, text="点击了菜单", payload=key))
        case "click" if key:
            return Heard(replace(happened, text=key, event=False))
    return None
