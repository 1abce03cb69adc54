"""What goes out by the customer-service API (客服消息): few messages, for WeChat counts them."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from connectors.media import MediaStore
from connectors.pictures import Pictures
from connectors.protocol import DeliveryFailed, Pace, Parcel, TryAgain
from connectors.texts import numbered, split
from connectors.wechat.client import WechatApi
from connectors.wechat.menus import Menus
from connectors.wechat.settings import Variant
from core.conversation.message import Attachment, Button, Message

TEXT_BYTES = 2048
BETWEEN = "\n\n"
OWN = "wechat"  # in a reply's `custom`: a message of WeChat's own, e.g. a mini-program's card


class WechatCourier:
    """`Courier` of one account."""

    pace = Pace()

    def __init__(
        self, name: str, variant: Variant, api: WechatApi, media: MediaStore, pictures: Pictures, menus: Menus
    ) -> None:
        self.name = name
        self._variant = variant
        self._api = api
        self._media = media
        self._pictures = pictures
        self._menus = menus

    async def pack(self, messages: Sequence[Message]) -> list[Parcel]:
        """Texts that wait together share a parcel while they fit, for only five may follow on what the customer said.

        After an outage answers to several questions wait: apart, all but five would be refused.
        """
        packing = _Packing()
        try:
            for message in messages:
                await self._add(packing, message)
        except RedisError as error:
            raise TryAgain(f"menus and pictures cannot be kept: {error}") from error
        packing.close()
        return packing.parcels

    async def send(self, recipient: str, parcel: Parcel) -> None:
        if parcel.body:
            await self._api.send({"touser": recipient} | parcel.body)

    async def typing(self, recipient: str) -> None:
        with contextlib.suppress(DeliveryFailed):
            await self._api.typing(recipient)

    async def _add(self, packing: "_Packing", message: Message) -> None:
        before = len(packing.parcels)
        has_menu = bool(message.buttons) and self._variant == "official"
        text = (message.text or "") if has_menu else numbered(message.text, message.buttons)
        if text:
            packing.say(text, message, room=TEXT_BYTES - (_menu_bytes(message.buttons) if has_menu else 0))
        if has_menu:
            ids = await self._menus.ids(message.buttons)
            packing.offer(list(zip(ids, (button.title for button in message.buttons), strict=True)), message)
        if message.image:
            await self._add_picture(packing, await self._pictures.elsewhere(message.image), message.image, message)
        for attachment in message.attachments:
            await self._add_attachment(packing, attachment, message)
        own = (message.custom or {}).get(OWN)
        if isinstance(own, dict) and "msgtype" in own:
            packing.put(own, message)
        if before == len(packing.parcels) and not packing.names(message):
            packing.put({}, message)  # nothing in it that WeChat shows; it is done all the same

    async def _add_attachment(self, packing: "_Packing", attachment: Attachment, message: Message) -> None:
        if attachment.media_id and attachment.kind == "image":
            vendor_id = await self._pictures.stored(attachment.media_id)
            await self._add_picture(packing, vendor_id, self._media.link(attachment.media_id), message)
        elif attachment.kind == "link" and attachment.url and attachment.title:
            packing.put(self._link(attachment.title, attachment.url), message)
        else:
            url = self._media.link(attachment.media_id) if attachment.media_id else attachment.url
            packing.say("\n".join(part for part in (attachment.title, url) if part), message)

    async def _add_picture(self, packing: "_Packing", vendor_id: str | None, url: str, message: Message) -> None:
        """A picture that WeChat cannot show is a link."""
        if vendor_id is None:
            packing.say(url, message)
        else:
            packing.put({"msgtype": "image", "image": {"media_id": vendor_id}}, message)

    def _link(self, title: str, url: str) -> dict[str, object]:
        if self._variant == "mini":
            return {"msgtype": "link", "link": {"title": title, "description": "", "url": url, "thumb_url": ""}}
        article = {"title": title, "description": "", "url": url, "picurl": ""}
        return {"msgtype": "news", "news": {"articles": [article]}}


@dataclass
class _Packing:
    """Parcels so far, and a text that the next one may join."""

    parcels: list[Parcel] = field(default_factory=list)
    _text: str = ""
    _ids: list[str] = field(default_factory=list)

    def names(self, message: Message) -> bool:
        return message.id in self._ids

    def say(self, text: str, message: Message, room: int = TEXT_BYTES) -> None:
        """`room`: how many bytes the last piece may have."""
        joined = self._text + BETWEEN + text
        if self._text and len(joined.encode()) <= room:
            self._text = joined
        else:
            self.close()
            *full, self._text = split(text, room)
            self.parcels += [_text_parcel(piece, (message.id,)) for piece in full]
        if message.id not in self._ids:
            self._ids.append(message.id)

    def offer(self, choices: list[tuple[str, str]], message: Message) -> None:
        """A menu under the text that is open."""
        menu = {
            "head_content": self._text,
            "list": [{"id": name, "content": title} for name, title in choices],
            "tail_content": "",
        }
        ids = tuple(dict.fromkeys([*self._ids, message.id]))
        self.parcels.append(Parcel({"msgtype": "msgmenu", "msgmenu": menu}, ids))
        self._text, self._ids = "", []

    def put(self, body: dict[str, object], message: Message) -> None:
        self.close()
        self.parcels.append(Parcel(body, (message.id,)))

    def close(self) -> None:
        if self._text:
            self.parcels.append(_text_parcel(self._text, tuple(self._ids)))
        self._text, self._ids = "", []


def _text_parcel(text: str, ids: tuple[str, ...]) -> Parcel:
    return Parcel({"msgtype": "text", "text": {"content": text}}, ids)


def _menu_bytes(buttons: Sequence[Button]) -> int:
    return sum(len(button.title.encode()) + 1 for button in buttons)
