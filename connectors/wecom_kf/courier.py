"""What goes out by 微信客服: `kf/send_msg`, and `kf/send_msg_on_event` where WeCom gave a code for it."""

from collections.abc import Sequence

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from connectors.media import MediaStore
from connectors.pictures import Pictures
from connectors.protocol import Pace, Parcel, TryAgain
from connectors.texts import numbered
from connectors.wechat.menus import Menus
from connectors.wecom.attempts import Attempt, Attempts
from connectors.wecom.client import WeComClient
from connectors.wecom.courier import shown
from connectors.wecom.errors import Refused
from connectors.wecom_kf.codes import Codes
from connectors.wecom_kf.inbound import account_of
from connectors.wecom_kf.packing import HEAD_BYTES, TEXT_BYTES, Body, Packing, takes_menu
from connectors.wecom_kf.sent import Sent
from core.conversation.message import Message

ON_EVENT = ("text", "msgmenu")

logger = structlog.get_logger()


class WeComKfCourier:
    pace = Pace()

    def __init__(
        self,
        name: str,
        client: WeComClient,
        media: MediaStore,
        pictures: Pictures,
        menus: Menus,
        codes: Codes,
        redis: Redis,
    ) -> None:
        self.name = name
        self._client = client
        self._media = media
        self._pictures = pictures
        self._menus = menus
        self._codes = codes
        self._attempts = Attempts(redis, name)
        self.sent = Sent(redis, name)

    async def pack(self, messages: Sequence[Message]) -> list[Parcel]:
        packing = Packing()
        for message in messages:
            await self._add(packing, message)
        packing.close()
        named = {message_id for parcel in packing.parcels for message_id in parcel.message_ids}
        # One that holds nothing for this channel is done all the same.
        return packing.parcels + [Parcel({}, (message.id,)) for message in messages if message.id not in named]

    async def send(self, recipient: str, parcel: Parcel) -> None:
        if not parcel.body:
            return
        account, customer = account_of(recipient)
        try:
            msg_id = await self.sent.fresh(str(parcel.body["msgid"]))
            await self.sent.remember(msg_id, parcel.message_ids)
            code = await self._codes.take(recipient) if parcel.body["msgtype"] in ON_EVENT else None
        except RedisError as error:
            raise TryAgain(f"it cannot be noted what is sent: {error}") from error
        content = parcel.body | {"msgid": msg_id}
        async with self._attempts.of(msg_id) as attempt:
            if attempt is Attempt.ARRIVED or (code and await self._greeted(content, code)):
                return
            await self._send({"touser": customer, "open_kfid": account} | content, attempt)

    async def typing(self, recipient: str) -> None:
        """微信客服 has no such sign."""

    async def _send(self, body: Body, attempt: Attempt) -> None:
        try:
            await self._client.call("kf/send_msg", body)
        except Refused as error:
            if attempt is Attempt.UNSURE and not error.is_known:
                logger.info("WeCom has this message already", msgid=body["msgid"], answer=error.message)
                return
            raise error.as_undeliverable() from error

    async def _greeted(self, content: Body, code: str) -> bool:
        """Whether it went out by the code. One that has run out costs nothing: there is the usual way."""
        try:
            await self._client.call("kf/send_msg_on_event", {"code": code} | content)
        except Refused as error:
            logger.info("a code is not good any more", error=error.message)
            return False
        return True

    async def _add(self, packing: Packing, message: Message) -> None:
        text, pictures = await shown(message, self._pictures, self._media)
        has_menu = takes_menu(message)
        if not has_menu:
            text = numbered(text, message.buttons)
        if text:
            packing.say(text, message, room=HEAD_BYTES if has_menu else TEXT_BYTES)
        if has_menu:
            ids = await self._menus.ids(message.buttons)
            packing.offer(list(zip(ids, (button.title for button in message.buttons), strict=True)), message)
        for picture in pictures:
            packing.put(picture, message)
