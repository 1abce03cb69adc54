"""What goes out: each message as one call or a few, in the shapes that the mapping gives them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from redis.exceptions import RedisError

from connectors.media import MediaStore
from connectors.protocol import Pace, Parcel, TryAgain
from connectors.texts import numbered, split, split_characters
from connectors.webhook.client import WebhookApi
from connectors.webhook.mapping import Mapping
from connectors.wechat.pictures import Pictures
from core.conversation.message import Attachment, Message, new_id

TEXT, BUTTONS, IMAGE = "text", "buttons", "image"


class WebhookCourier:
    """`Courier` of one channel. A parcel's body says which shape it has and what fills it."""

    def __init__(self, name: str, mapping: Mapping, api: WebhookApi, media: MediaStore, pictures: Pictures) -> None:
        self.name = name
        self.pace = Pace(**mapping.pace.model_dump())
        self._send = mapping.send
        self._api = api
        self._media = media
        self._pictures = pictures

    async def pack(self, messages: Sequence[Message]) -> list[Parcel]:
        parcels: list[Parcel] = []
        try:
            for message in messages:
                parcels += await self._packed(message)
        except RedisError as error:
            raise TryAgain(f"pictures cannot be kept: {error}") from error
        return parcels

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

    async def _packed(self, message: Message) -> list[Parcel]:
        packing = _Packing(message.id)
        has_buttons = bool(message.buttons) and self._send.buttons is not None
        pieces = self._pieces((message.text or "") if has_buttons else numbered(message.text, message.buttons))
        for piece in pieces[: -1 if has_buttons else None]:
            packing.put(TEXT, text=piece)
        if has_buttons:
            buttons = [asdict(button) for button in message.buttons]
            packing.put(BUTTONS, text=pieces[-1] if pieces else "", buttons=buttons)
        if message.image:
            await self._put_image(packing, message.image)
        for attachment in message.attachments:
            await self._put_attachment(packing, attachment)
        if not packing.parcels:
            packing.put("nothing")  # nothing in it that can be shown; it is done all the same
        return packing.parcels

    async def _put_attachment(self, packing: "_Packing", attachment: Attachment) -> None:
        url = self._media.link(attachment.media_id) if attachment.media_id else attachment.url
        if attachment.kind == "image" and url:
            await self._put_image(packing, url, attachment.media_id)
            return
        for piece in self._pieces("\n".join(part for part in (attachment.title, url) if part)):
            packing.put(TEXT, text=piece)

    async def _put_image(self, packing: "_Packing", url: str, media_id: str | None = None) -> None:
        """An image that the vendor cannot show is a link."""
        image_id = None
        if self._needs_upload:
            stored = self._pictures.stored(media_id) if media_id else self._pictures.elsewhere(url)
            image_id = await stored
        if self._send.image is None or (self._needs_upload and image_id is None):
            packing.put(TEXT, text=url)
        else:
            packing.put(IMAGE, image_url=url, image_id=image_id or "")

    @property
    def _needs_upload(self) -> bool:
        return bool(self._send.image and "image_id" in self._send.image.names)

    def _pieces(self, text: str) -> list[str]:
        limit = self._send.text_limit
        if not text:
            return []
        if limit and limit.bytes:
            return split(text, limit.bytes)
        return split_characters(text, limit.characters) if limit and limit.characters else [text]


@dataclass
class _Packing:
    """The parcels of one message. Each has an id of its own, the same one whenever the message is packed again."""

    message_id: str
    parcels: list[Parcel] = field(default_factory=list)

    def put(self, shape: str, **values: object) -> None:
        parcel_id = f"{self.message_id}-{len(self.parcels)}"
        self.parcels.append(Parcel({"shape": shape, "id": parcel_id, **values}, (self.message_id,)))
