"""What goes out: each message as one call or a few, in the shapes that the mapping gives them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from redis.exceptions import RedisError

from connectors.media import MediaStore
from connectors.pictures import Pictures
from connectors.protocol import Pace, Parcel, TryAgain
from connectors.texts import numbered, split, split_characters
from connectors.webhook.client import WebhookApi
from connectors.webhook.mapping import Mapping
from connectors.webhook.sending import TextLimit
from core.conversation.message import Attachment, Message, new_id

TEXT, BUTTONS, IMAGE, NOTHING = "text", "buttons", "image", "nothing"
BETWEEN = "\n\n"


class WebhookCourier:
    """`Courier` of one channel. A parcel's body says which shape it has and what fills it."""

    def __init__(self, name: str, mapping: Mapping, api: WebhookApi, media: MediaStore, pictures: Pictures) -> None:
        self.name = name
        self.pace = Pace(**mapping.pace.model_dump())
        self._send = mapping.send
        self._is_counted = any(message.allowance for message in mapping.receive)
        self._api = api
        self._media = media
        self._pictures = pictures

    async def pack(self, messages: Sequence[Message]) -> list[Parcel]:
        """Where the vendor counts what we send, texts that wait together share a parcel while they fit."""
        packing = _Packing(self._send.text_limit, joins=self._is_counted)
        try:
            for message in messages:
                await self._add(packing, message)
        except RedisError as error:
            raise TryAgain(f"pictures cannot be kept: {error}") from error
        packing.close()
        return packing.parcels

    async def send(self, recipient: str, parcel: Parcel) -> None:
        shapes = {TEXT: self._send.text, BUTTONS: self._send.buttons, IMAGE: self._send.image}
        shape = shapes.get(str(parcel.body.get("shape")))
        if shape:
            await self._api.send(shape, parcel.body | {"recipient": recipient})

    async def typing(self, recipient: str) -> None:
        """Not told by the mapping: few vendors can show it."""

    async def say(self, recipient: str, text: str) -> None:
        """Something that is in no conversation. Raises DeliveryFailed."""
        await self._api.send(self._send.text, {"recipient": recipient, "id": new_id(), "text": text})

    async def _add(self, packing: "_Packing", message: Message) -> None:
        if message.buttons and self._send.buttons:
            *before, text = _pieces(message.text or "", self._send.text_limit)
            for piece in before:
                packing.say(piece, message.id)
            packing.put(BUTTONS, message.id, text=text, buttons=[asdict(button) for button in message.buttons])
        elif text := numbered(message.text, message.buttons):
            packing.say(text, message.id)
        if message.image:
            await self._add_image(packing, message.id, message.image)
        for attachment in message.attachments:
            await self._add_attachment(packing, message.id, attachment)
        if not packing.names(message.id):
            packing.put(NOTHING, message.id)  # nothing in it that can be shown; it is done all the same

    async def _add_attachment(self, packing: "_Packing", message_id: str, attachment: Attachment) -> None:
        url = self._media.link(attachment.media_id) if attachment.media_id else attachment.url
        if attachment.kind == "image" and url:
            await self._add_image(packing, message_id, url, attachment.media_id)
        elif text := "\n".join(part for part in (attachment.title, url) if part):
            packing.say(text, message_id)

    async def _add_image(self, packing: "_Packing", message_id: str, url: str, media_id: str | None = None) -> None:
        """An image that the vendor cannot show is a link."""
        shape, image_id = self._send.image, None
        needs_id = shape is not None and "image_id" in shape.names
        if needs_id:
            image_id = await (self._pictures.stored(media_id) if media_id else self._pictures.elsewhere(url))
        if shape is None or (needs_id and image_id is None):
            packing.say(url, message_id)
        else:
            packing.put(IMAGE, message_id, image_url=url, image_id=image_id or "")


@dataclass
class _Packing:
    """Parcels so far, and a text that the next one may join.

    Each parcel has an id of its own, the same one whenever the same messages are packed again.
    """

    limit: TextLimit | None
    joins: bool
    parcels: list[Parcel] = field(default_factory=list)
    _text: str = ""
    _ids: list[str] = field(default_factory=list)

    def names(self, message_id: str) -> bool:
        return message_id in self._ids or any(message_id in parcel.message_ids for parcel in self.parcels)

    def say(self, text: str, message_id: str) -> None:
        joined = self._text + BETWEEN + text
        if self._text and self.joins and len(_pieces(joined, self.limit)) == 1:
            self._text = joined
        else:
            self.close()
            *full, self._text = _pieces(text, self.limit)
            for piece in full:
                self._append(TEXT, (message_id,), {"text": piece})
        if message_id not in self._ids:
            self._ids.append(message_id)

    def put(self, shape: str, message_id: str, **values: object) -> None:
        self.close()
        self._append(shape, (message_id,), values)

    def close(self) -> None:
        if self._text:
            self._append(TEXT, tuple(self._ids), {"text": self._text})
        self._text, self._ids = "", []

    def _append(self, shape: str, ids: tuple[str, ...], values: dict[str, object]) -> None:
        number = sum(ids[0] in parcel.message_ids for parcel in self.parcels)
        last = f"-{ids[-1][:8]}" if len(ids) > 1 else ""
        self.parcels.append(Parcel({"shape": shape, "id": f"{ids[0]}{last}-{number}", **values}, ids))


def _pieces(text: str, limit: TextLimit | None) -> list[str]:
    if limit and limit.bytes:
        return split(text, limit.bytes)
    return split_characters(text, limit.characters) if limit and limit.characters else [text]
