"""A push as `Inbound`s: what was said, sent or done, found by the mapping's paths."""

import hashlib
from dataclasses import dataclass
from math import isfinite
from typing import Any

from connectors.bodies import Malformed
from connectors.webhook.mapping import Mapping
from connectors.webhook.pushes import Push
from connectors.webhook.receiving import AttachmentAt, Message
from core.conversation.message import Allowance, Attachment, Inbound, Proof

MAX_ID = 96
WHOLE, HEADERS = "_body", "_headers"  # the names of the whole body and of the headers, in lower case, in each message


@dataclass(frozen=True, slots=True)
class Heard:
    """`media_ids` are the vendor's, one for each attachment; None where it has none."""

    inbound: Inbound
    media_ids: tuple[str | None, ...] = ()


def pushed(mapping: Mapping, push: Push) -> list[Any]:
    """The messages of a push, as they came."""
    found = mapping.messages.find(push.body) if mapping.messages else push.body
    around = {WHOLE: push.body, HEADERS: {name.lower(): value for name, value in push.headers.items()}}
    listed = found if mapping.messages and isinstance(found, list) else [found]
    return [one | around if isinstance(one, dict) else one for one in listed]


def hear(channel: str, mapping: Mapping, message: Any) -> Heard | None:
    """None for what the mapping ignores. Raises Malformed when it is taken but lacks its id or sender."""
    known = next((one for one in mapping.receive if one.when is None or one.when.holds(message)), None)
    return _read(channel, known, message) if known else None


def _read(channel: str, known: Message, message: Any) -> Heard:
    sender, vendor_id = known.sender.text(message), known.id.text(message)
    if not 1 <= len(sender) <= MAX_ID:
        raise Malformed(f"{known.sender.source!r} does not say who it is from")
    if not vendor_id:
        raise Malformed(f"{known.id.source!r} has no id of the message")
    attachments = [_attachment(at, message) for at in known.attachments if at.when is None or at.when.holds(message)]
    unionid = known.unionid.text(message) if known.unionid else ""
    allowance = known.allowance
    inbound = Inbound(
        channel=channel,
        vendor_id=_short(vendor_id),
        sender=sender,
        text=known.event.text if known.event else (known.text.text(message) if known.text else ""),
        payload=known.event.payload if known.event else (known.payload and known.payload.text(message)) or None,
        attachments=tuple(attachment for attachment, _media_id in attachments),
        proofs=(Proof("unionid", unionid),) if unionid else (),
        allowance=Allowance(allowance.count, allowance.seconds) if allowance else None,
        event=known.event is not None,
        numbered=True,
    )
    return Heard(inbound, tuple(media_id for _attachment, media_id in attachments))


def _attachment(at: AttachmentAt, message: Any) -> tuple[Attachment, str | None]:
    url = at.url.text(message) if at.url else ""
    title = at.title.text(message) if at.title else ""
    media_id = at.media_id.text(message) if at.media_id else ""
    return Attachment(at.kind, url=_web_address(url), title=title or None, position=_position(at, message)), (
        media_id or None
    )


def _position(at: AttachmentAt, message: Any) -> tuple[float, float] | None:
    if at.latitude is None or at.longitude is None:
        return None
    try:
        position = float(at.latitude.text(message)), float(at.longitude.text(message))
    except ValueError:
        return None
    on_earth = all(map(isfinite, position)) and abs(position[0]) <= 90 and abs(position[1]) <= 180
    return position if on_earth else None


def _web_address(url: str) -> str | None:
    """Agents open it, so it must be an address of the web and nothing else."""
    return url if url.startswith(("https://", "http://")) else None


def _short(vendor_id: str) -> str:
    return vendor_id if len(vendor_id) <= MAX_ID else hashlib.sha256(vendor_id.encode()).hexdigest()
