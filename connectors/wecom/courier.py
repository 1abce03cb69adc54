"""What goes out through a WeCom application (发送应用消息)."""

from collections.abc import Awaitable, Sequence

from redis.asyncio import Redis

from connectors.media import MediaStore
from connectors.pictures import Pictures
from connectors.protocol import Pace, Parcel, Undeliverable
from connectors.texts import numbered, split
from connectors.wecom.attempts import Attempt, Attempts
from connectors.wecom.client import WeComClient
from connectors.wecom.errors import Refused
from core.conversation.message import Attachment, Message

TEXT_BYTES = 2048
DUPLICATE_SECONDS = 300
EVERYBODY, SEPARATOR = "@all", "|"

Body = dict[str, object]


class WeComCourier:
    # WeCom takes 30 a minute for one member and drops what is more without a word.
    pace = Pace(per_second=50, per_customer_per_minute=25)

    def __init__(
        self, name: str, client: WeComClient, media: MediaStore, pictures: Pictures, redis: Redis, agent_id: int
    ) -> None:
        self.name = name
        self._client = client
        self._media = media
        self._pictures = pictures
        self._attempts = Attempts(redis, name)
        self._agent_id = agent_id

    async def pack(self, messages: Sequence[Message]) -> list[Parcel]:
        parcels = []
        for message in messages:
            text, pictures = await shown(message, self._pictures, self._media)
            bodies = [*_texts(numbered(text, message.buttons)), *pictures]
            # One that holds nothing for this channel is done all the same.
            named = [{"name": f"{message.id}:{place}"} | body for place, body in enumerate(bodies or [{}])]
            parcels += [Parcel(body, (message.id,)) for body in named]
        return parcels

    async def send(self, recipient: str, parcel: Parcel) -> None:
        if recipient == EVERYBODY or SEPARATOR in recipient:
            raise Undeliverable("refused", "the receiver is not one member")
        body = dict(parcel.body)
        async with self._attempts.of(str(body.pop("name"))) as attempt:
            if body and attempt is not Attempt.ARRIVED:
                await self._send(recipient, body, attempt)

    async def typing(self, recipient: str) -> None:
        """WeCom has no such sign."""

    async def _send(self, recipient: str, body: Body, attempt: Attempt) -> None:
        addressed: Body = {"touser": recipient, "agentid": self._agent_id} | body
        if attempt is Attempt.UNSURE:
            # Only then: WeCom drops every text that is the same as another, and the bot may well ask the same twice.
            addressed |= {"enable_duplicate_check": 1, "duplicate_check_interval": DUPLICATE_SECONDS}
        try:
            answer = await self._client.call("message/send", addressed)
        except Refused as error:
            raise error.as_undeliverable() from error
        if answer.get("invaliduser"):
            raise Undeliverable("refused", "the member may not use the application")
        if answer.get("unlicenseduser"):
            raise Undeliverable("no_permission", "the member has no licence for WeCom's interfaces")


async def shown(message: Message, pictures: Pictures, media: MediaStore) -> tuple[str, list[Body]]:
    """A message's text with links to all that is no picture, and its pictures. Raises TryAgain."""
    lines = [message.text] if message.text else []
    bodies: list[Body] = []
    images: list[tuple[str | None, str]] = []
    if message.image:
        images.append((await _taken(pictures.elsewhere(message.image)), message.image))
    for attachment in message.attachments:
        address = _address(attachment, media)
        if attachment.kind == "image" and attachment.media_id:
            images.append((await _taken(pictures.stored(attachment.media_id)), address))
        else:
            lines += [part for part in (attachment.title, address) if part]
    for media_id, address in images:
        if media_id:
            bodies.append({"msgtype": "image", "image": {"media_id": media_id}})
        else:  # WeCom cannot show it
            lines.append(address)
    return "\n".join(lines), bodies


async def _taken(upload: Awaitable[str | None]) -> str | None:
    """WeCom's id of a picture; None when it does not take it."""
    try:
        return await upload
    except Refused:
        return None


def _texts(text: str) -> list[Body]:
    return [{"msgtype": "text", "text": {"content": piece}} for piece in split(text, TEXT_BYTES) if piece.strip()]


def _address(attachment: Attachment, media: MediaStore) -> str:
    return media.link(attachment.media_id) if attachment.media_id else attachment.url or ""
