"""Keeps a session at WeCom and the conversation with us at one (`states`)."""

from typing import Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors.protocol import DeliveryFailed, TryAgain
from connectors.wecom.client import WeComClient
from connectors.wecom_kf.codes import Codes
from connectors.wecom_kf.inbound import account_of
from connectors.wecom_kf.settings import People
from connectors.wecom_kf.states import State, settle
from core.bus import Bus
from core.conversation import identity, lease
from core.storage.database import Database

CODE_SECONDS = 48 * 3600.0

logger = structlog.get_logger()


class GiveAway(Protocol):
    """Lets `owner` have a conversation; what our own desk had of it ends. Runs in the caller's transaction."""

    async def __call__(self, conn: AsyncConnection, conversation_id: str, owner: str) -> None: ...


class Sessions:
    def __init__(
        self,
        channel: str,
        client: WeComClient,
        database: Database,
        bus: Bus,
        codes: Codes,
        people: People,
        give_away: GiveAway,
    ) -> None:
        self._channel = channel
        self._client = client
        self._database = database
        self._bus = bus
        self._codes = codes
        self._people = people
        self._give_away = give_away

    async def run(self) -> None:
        """Follow the owners of conversations until cancelled."""
        async with self._bus.subscribe("conversation.*") as events:
            async for topic, data in events:
                if data.get("kind") != "owner" or self._people == "kefu":
                    continue  # our own desk speaks in the same state as the bot
                async with self._database.connect() as conn:
                    senders = await identity.senders(conn, topic.partition(".")[2], self._channel)
                for sender in senders:
                    await self.settle(sender)

    async def settle(self, sender: str) -> None:
        """Bring both together. Never fails: the customer's next message tries again."""
        async with self._database.connect() as conn:
            conversation_id = await identity.find(conn, self._channel, sender)
            if conversation_id is None:
                return
            held = await lease.read(conn, conversation_id)
        try:
            step = settle(await self._state(sender), held.owner, self._people)
            if step.owner:
                await self._change_owner(conversation_id, held, step.owner)
            if step.state is not None:
                await self._change_state(sender, step.state)
        except DeliveryFailed as error:
            logger.warning("a session's state is not settled", channel=self._channel, error=error.message)

    async def _state(self, sender: str) -> State:
        account, customer = account_of(sender)
        answer = await self._client.call("kf/service_state/get", {"open_kfid": account, "external_userid": customer})
        try:
            return State(answer["service_state"])
        except (KeyError, ValueError) as error:
            raise TryAgain("WeCom's answer holds no state of the session") from error

    async def _change_state(self, sender: str, state: State) -> None:
        account, customer = account_of(sender)
        session = {"open_kfid": account, "external_userid": customer, "service_state": int(state)}
        answer = await self._client.call("kf/service_state/trans", session)
        if code := answer.get("msg_code"):
            await self._codes.put(sender, str(code), CODE_SECONDS)

    async def _change_owner(self, conversation_id: str, held: lease.Lease, owner: str) -> None:
        async with self._database.begin() as conn:
            if await lease.read(conn, conversation_id) != held:
                return  # it changed hands meanwhile; that is settled on its own
            await self._give_away(conn, conversation_id, owner)
        logger.info("a conversation changes hands as WeCom says", conversation_id=conversation_id, owner=owner)
        await self._bus.publish(
            f"conversation.{conversation_id}", {"kind": "owner", "conversation_id": conversation_id}
        )
        await self._bus.publish("desk", {"conversation_id": conversation_id})
