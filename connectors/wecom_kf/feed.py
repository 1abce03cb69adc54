"""What an account's list brings, taken in: messages to the bot, news of what we sent, words of WeCom's own people."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from connectors import metrics
from connectors.attachments import Attachments
from connectors.bodies import Malformed
from connectors.intake import Intake
from connectors.limits import TOO_FAST, Limits
from connectors.protocol import DeliveryFailed
from connectors.wechat.menus import Menus
from connectors.wecom.client import WeComClient
from connectors.wecom_kf.codes import Codes
from connectors.wecom_kf.customers import Customers
from connectors.wecom_kf.inbound import (
    WELCOME_SECONDS,
    Entered,
    Failed,
    Heard,
    Said,
    StateChanged,
    Written,
    account_of,
    hear,
)
from connectors.wecom_kf.sent import Sent
from connectors.wecom_kf.sessions import Sessions
from core.bus import Bus
from core.conversation import outbox
from core.conversation.message import Inbound, Message, Proof, Reply
from core.errors import InvalidInput
from core.storage.database import Database

FETCH_SECONDS = 10.0
HISTORY_SECONDS = 600.0  # what is older when an account is read for the first time was not said to us
LATE_SECONDS = 60.0  # what comes later has waited for us: it does not count as written too fast

logger = structlog.get_logger()


class Feed:
    def __init__(
        self,
        channel: str,
        client: WeComClient,
        database: Database,
        bus: Bus,
        intake: Intake,
        limits: Limits,
        sessions: Sessions,
        attachments: Attachments,
        menus: Menus,
        codes: Codes,
        sent: Sent,
        customers: Customers | None,
    ) -> None:
        self._channel = channel
        self._client = client
        self._database = database
        self._bus = bus
        self._intake = intake
        self._limits = limits
        self._sessions = sessions
        self._attachments = attachments
        self._menus = menus
        self._codes = codes
        self._sent = sent
        self._customers = customers

    async def take(self, items: Sequence[dict[str, Any]], *, is_new_account: bool) -> None:
        """Everything in its order. Raises Redis' errors, and the database's: then nothing counts as read."""
        now = datetime.now(UTC)
        begin = now - timedelta(seconds=HISTORY_SECONDS) if is_new_account else None
        listed = [heard for item in items if (heard := self._heard(item))]
        senders = {heard.inbound.sender for heard in listed if isinstance(heard, Said)}
        proofs = await self._customers.proofs(senders) if self._customers else {}
        settled: set[str] = set()
        for heard in listed:
            match heard:
                case Said():
                    if begin is None or heard.inbound.received_at >= begin:
                        await self._say(heard, proofs.get(heard.inbound.sender, ()), now, settled)
                case Entered():
                    await self._welcome(heard, now)
                case Failed():
                    await self._fail(heard)
                case StateChanged():
                    await self._sessions.settle(heard.sender)
                case Written():
                    await self._record(heard)

    async def _say(self, said: Said, proofs: tuple[Proof, ...], now: datetime, settled: set[str]) -> None:
        inbound = replace(said.inbound, proofs=proofs)
        sender = inbound.sender
        is_late = (now - inbound.received_at).total_seconds() > LATE_SECONDS
        if not (is_late or await self._limits.allow(self._channel, sender)):
            if await self._limits.may_notify(self._channel, sender):
                await self._tell(sender, TOO_FAST)
            return
        try:
            await self._intake.open(self._channel, sender, proofs=proofs)
            if sender not in settled:  # before the bot hears of it: somebody else may have the customer
                settled.add(sender)
                await self._sessions.settle(sender)
            await self._intake.accept(await self._complete(said, inbound))
        except InvalidInput as error:
            await self._tell(sender, error.message)

    async def _complete(self, said: Said, inbound: Inbound) -> Inbound:
        """With the attachment's content and the button that was pressed."""
        if said.menu_id:
            inbound = replace(inbound, payload=await self._menus.payload(said.menu_id))
        if said.media_id and inbound.attachments:
            kept = await self._attachments.keep(inbound.attachments[0], said.media_id, FETCH_SECONDS)
            inbound = replace(inbound, attachments=(kept,))
        return inbound

    async def _welcome(self, entered: Entered, now: datetime) -> None:
        left = WELCOME_SECONDS - (now - entered.inbound.received_at).total_seconds()
        if left > 0:
            await self._codes.put(entered.inbound.sender, entered.welcome_code, left)
            await self._intake.accept(entered.inbound)

    async def _fail(self, failed: Failed) -> None:
        message_ids = await self._sent.fail(failed.msg_id)
        async with self._database.begin() as conn:
            given_up = await outbox.do_mark_undelivered(conn, message_ids, failed.failure)
        for message in given_up:
            metrics.undelivered(self._channel, failed.failure)
            await self._bus.publish("desk", {"conversation_id": message.conversation_id})

    async def _record(self, written: Written) -> None:
        async with self._database.begin() as conn:
            message = await outbox.do_record(
                conn,
                self._channel,
                written.sender,
                Reply(text=written.text),
                author_name=written.by,
                vendor_id=written.vendor_id,
                created_at=written.at,
            )
        if message:
            await self._announce(message)

    async def _announce(self, message: Message) -> None:
        said = {"kind": "messages", "messages": [message.as_json()]}
        await self._bus.publish(f"conversation.{message.conversation_id}", said)
        await self._bus.publish("desk", {"conversation_id": message.conversation_id})

    async def _tell(self, sender: str, text: str) -> None:
        """Say something that is no part of the conversation, once, if it goes."""
        account, customer = account_of(sender)
        body = {"touser": customer, "open_kfid": account, "msgtype": "text", "text": {"content": text}}
        try:
            await self._client.call("kf/send_msg", body)
        except DeliveryFailed as error:
            logger.info("a customer was not told", channel=self._channel, error=error.message)

    def _heard(self, item: dict[str, Any]) -> Heard | None:
        try:
            return hear(self._channel, item)
        except Malformed as error:
            logger.warning("an item of the list makes no sense", channel=self._channel, error=error.message)
            return None
