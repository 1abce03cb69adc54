"""Delivery: what the outbox holds for channels that push goes to their vendors, in order, retried, counted.

One customer is served by one process at a time (`addressee`), one parcel after the other: a parcel is marked before the
next one goes. Killed between the vendor's answer and the mark, the next process sends that one again; a vendor that
knows our message id drops it, with others at most this one message is seen twice.

A vendor that is down holds up its channel: after a failure all its customers wait, longer each time, and then one of
them tries first.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field

import structlog
from limits.aio.storage import Storage

from connectors import metrics
from connectors.limits import counters
from connectors.pace import Gate
from connectors.protocol import Courier, Parcel, TryAgain, Undeliverable
from core.bus import Bus
from core.conversation import addressee, outbox
from core.conversation.message import Message, new_id
from core.storage.database import Database

CLAIM_SECONDS = 20.0  # longer than any one call to a vendor
BATCH = 500
GATHER_SECONDS = 0.02  # wake-ups that come together look around once

Address = tuple[str, str]
"""Channel and sender."""

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: to wait after a first failure, at most, and between looks for what a lost wake-up left behind."""

    first: float = 2.0
    longest: float = 60.0
    look_around: float = 2.0

    def after(self, failures: int) -> float:
        """Doubled each time, and drawn, so that not everybody comes back at once."""
        wait: float = min(self.longest, self.first * 2.0 ** min(failures, 16))
        return wait * random.uniform(0.75, 1.0)


@dataclass
class Held:
    """A customer whose messages nobody else sends now: for a channel that answers within the vendor's own request."""

    _database: Database
    address: Address
    gone_out: list[str] = field(default_factory=list)

    async def waiting(self) -> list[Message]:
        async with self._database.connect() as conn:
            return await outbox.waiting(conn, *self.address)

    def delivered(self, message_ids: Iterable[str]) -> None:
        """These have gone out; marked when the hold ends."""
        self.gone_out.extend(message_ids)


@dataclass
class _Channel:
    courier: Courier
    gate: Gate
    failures: int = 0
    closed_until: float = 0.0  # time.monotonic()

    @property
    def is_open(self) -> bool:
        return time.monotonic() >= self.closed_until


class Delivery:
    def __init__(
        self,
        database: Database,
        bus: Bus,
        couriers: Sequence[Courier],
        storage: Storage | None = None,
        patience: Patience | None = None,
    ) -> None:
        """`storage`: where the pace is counted, for all processes together; by default in the bus's Redis."""
        self._database = database
        self._bus = bus
        storage = storage or counters(bus.redis)
        self._channels = {c.name: _Channel(c, Gate(c.name, c.pace, storage)) for c in couriers}
        self._patience = patience or Patience()
        self._name = new_id()
        self._rounds: dict[Address, asyncio.Task[None]] = {}
        self._held: set[Address] = set()
        self._signs: set[asyncio.Task[None]] = set()
        self._wake_up = asyncio.Event()

    async def run(self) -> None:
        """Deliver until cancelled; what is under way is then sent by the next process."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._listen())
                group.create_task(self._look_around())
        finally:
            for task in self._rounds.values():
                task.cancel()
            await asyncio.gather(*self._rounds.values(), return_exceptions=True)

    @contextlib.asynccontextmanager
    async def hold(self, channel: str, sender: str) -> AsyncIterator[Held | None]:
        """Keep a customer's messages from being sent by anybody else; None while somebody does that already."""
        name = new_id()
        async with self._database.begin(durable=False) as conn:
            claim = await addressee.do_claim(conn, channel, sender, name, CLAIM_SECONDS)
        if claim is None:
            yield None
            return
        held = Held(self._database, (channel, sender))
        self._held.add(held.address)
        try:
            yield held
        finally:
            self._held.discard(held.address)
            async with self._database.begin(durable=bool(held.gone_out)) as conn:
                await outbox.do_mark_delivered(conn, held.gone_out)
                await addressee.do_release(conn, channel, sender, name, failures=claim.failures)
            if held.gone_out:
                metrics.delivered(channel, len(held.gone_out))
            self._wake_up.set()

    async def _listen(self) -> None:
        async with self._bus.subscribe("conversation.*") as stream:
            async for _topic, data in stream:
                match data.get("kind"):
                    case "messages" if any(m["channel"] in self._channels for m in data["messages"]):
                        self._wake_up.set()
                    case "typing" if data.get("channel") in self._channels and data.get("sender"):
                        self._show_typing((data["channel"], data["sender"]))

    async def _look_around(self) -> None:
        while True:
            ready = [name for name, channel in self._channels.items() if channel.is_open]
            async with self._database.connect() as conn:
                found = await addressee.due(conn, ready, BATCH) if ready else []
            for address in found:
                self._start(address)
            if len(found) == BATCH and self._rounds:
                await asyncio.wait(self._rounds.values(), timeout=self._patience.look_around)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience.look_around):
                    await self._wake_up.wait()
                    await asyncio.sleep(GATHER_SECONDS)
            self._wake_up.clear()

    def _start(self, address: Address) -> None:
        channel = self._channels[address[0]]
        trying = channel.failures and any(name == address[0] for name, _sender in self._rounds)
        if address in self._rounds or trying:
            return
        task = asyncio.create_task(self._serve(channel, address), name=f"delivery to {address}")
        self._rounds[address] = task
        task.add_done_callback(lambda done: self._end(address, done))

    def _end(self, address: Address, done: asyncio.Task[None]) -> None:
        del self._rounds[address]
        self._wake_up.set()  # for what was queued while the claim was given back, or while the channel was closed
        if not done.cancelled() and (error := done.exception()):
            logger.error("delivery broke", channel=address[0], exc_info=error)

    def _show_typing(self, address: Address) -> None:
        """Unless the answer goes out within the vendor's own request: then it is there as soon as the sign."""
        if address not in self._held:
            sign = asyncio.create_task(self._channels[address[0]].courier.typing(address[1]))
            self._signs.add(sign)
            sign.add_done_callback(self._signs.discard)

    async def _serve(self, channel: _Channel, address: Address) -> None:
        """Send what waits for one customer, and give the claim back whatever happens."""
        async with channel.gate.place():
            if not channel.is_open:
                return
            async with self._database.begin(durable=False) as conn:
                claim = await addressee.do_claim(conn, *address, self._name, CLAIM_SECONDS)
            if claim is None:
                return
            failures = claim.failures + 1
            wait: float | None = self._patience.after(claim.failures)
            try:
                await self._send_waiting(channel, address)
                failures, wait = 0, None
            except TryAgain as error:
                logger.warning("delivery failed", channel=address[0], error=error.message)
                if error.everybody:
                    self._close(channel, error.after)
                    failures, wait = claim.failures, None
                else:
                    wait = error.after or wait
            finally:
                async with self._database.begin(durable=False) as conn:
                    await addressee.do_release(conn, *address, self._name, failures=failures, wait=wait)

    def _close(self, channel: _Channel, after: float | None) -> None:
        """The vendor cannot be reached: its whole channel waits."""
        if channel.is_open:
            channel.closed_until = time.monotonic() + (after or self._patience.after(channel.failures))
            channel.failures += 1

    async def _send_waiting(self, channel: _Channel, address: Address) -> None:
        while messages := await self._waiting(address):
            parcels = await self._packed(channel, address, messages)
            for place, parcel in enumerate(parcels):
                later = {message_id for other in parcels[place + 1 :] for message_id in other.message_ids}
                if not await self._send(channel, address, parcel, later):
                    break

    async def _packed(self, channel: _Channel, address: Address, messages: Sequence[Message]) -> list[Parcel]:
        """What cannot even be packed is given up by itself: what waits with it still goes."""
        try:
            return await channel.courier.pack(messages)
        except Undeliverable as error:
            if len(messages) > 1:
                return await self._packed(channel, address, messages[:1])
            await self._give_up(address, [messages[0].id], error)
            return []

    async def _send(self, channel: _Channel, address: Address, parcel: Parcel, later: set[str]) -> bool:
        """Send one parcel and mark it; False when what follows must be packed anew."""
        async with self._database.begin(durable=False) as conn:
            claim = await addressee.do_claim(conn, *address, self._name, CLAIM_SECONDS)
        if claim is None:
            raise TryAgain("another process sends to this customer", everybody=False)
        try:
            if not claim.is_open:
                raise Undeliverable(outbox.WINDOW_CLOSED, "the vendor's time for answers has run out")
            if claim.allowance_left is not None and claim.allowance_left <= 0:
                raise Undeliverable(outbox.QUOTA, "the vendor allows no more messages until the customer writes")
            await channel.gate.pass_through(address[1])
            await channel.courier.send(address[1], parcel)
        except Undeliverable as error:
            await self._give_up(address, parcel.message_ids, error)
            return False
        channel.failures = 0
        async with self._database.begin() as conn:
            await addressee.do_spend(conn, *address)
            await outbox.do_mark_delivered(conn, set(parcel.message_ids) - later)
        metrics.delivered(address[0], len(set(parcel.message_ids) - later))
        return True

    async def _waiting(self, address: Address) -> list[Message]:
        async with self._database.connect() as conn:
            return await outbox.waiting(conn, *address)

    async def _give_up(self, address: Address, message_ids: Iterable[str], error: Undeliverable) -> None:
        logger.warning("undelivered", channel=address[0], failure=error.failure, error=error.message)
        async with self._database.begin() as conn:
            given_up = await outbox.do_mark_undelivered(conn, message_ids, error.failure)
        for message in given_up:
            metrics.undelivered(address[0], error.failure)
            await self._bus.publish("desk", {"conversation_id": message.conversation_id})
