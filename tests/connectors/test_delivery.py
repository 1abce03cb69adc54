"""Delivery against a vendor in memory: order, outages, limits, quotas, and what cannot be delivered."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
from limits.aio.storage import MemoryStorage
from sqlalchemy import func, select

from connectors.delivery import Delivery, Patience
from connectors.protocol import Pace, Parcel, TryAgain, Undeliverable
from core.bus import Bus
from core.conversation import inbox, lease, outbox
from core.conversation.message import Allowance, Inbound, Message, Reply
from core.storage.database import Database
from core.storage.tables import messages

CHANNEL = "vendor"
IMPATIENT = Patience(first=0.05, longest=0.2, look_around=0.05)


class Vendor:
    """Takes one text a call. `refuse` decides for a call whether it fails."""

    name = CHANNEL

    def __init__(self, pace: Pace | None = None) -> None:
        self.pace = pace or Pace(per_second=1000, per_customer_per_minute=1000)
        self.came: list[tuple[str, str]] = []
        self.calls = 0
        self.typed: list[str] = []
        self.unpackable: str | None = None
        self.refuse: Callable[[str, str], Exception | None] = lambda _recipient, _text: None

    async def pack(self, messages: Sequence[Message]) -> list[Parcel]:
        if any(message.text == self.unpackable for message in messages):
            raise Undeliverable("bad_media", "no picture the vendor takes")
        return [
            Parcel({"text": part}, (message.id,)) for message in messages for part in (message.text or "").split("|")
        ]

    async def send(self, recipient: str, parcel: Parcel) -> None:
        self.calls += 1
        text = str(parcel.body["text"])
        if error := self.refuse(recipient, text):
            raise error
        self.came.append((recipient, text))

    async def typing(self, recipient: str) -> None:
        self.typed.append(recipient)

    def texts(self, recipient: str) -> list[str]:
        return [text for to, text in self.came if to == recipient]


async def wrote(database: Database, sender: str, vendor_id: str, allowance: Allowance | None = None) -> Message:
    async with database.begin() as conn:
        inbound = Inbound(CHANNEL, vendor_id, sender, "在吗", allowance=allowance)
        return (await inbox.do_accept(conn, inbound)).message


async def reply(database: Database, to: Message, *texts: str) -> list[Message]:
    async with database.begin() as conn:
        held = await lease.read(conn, to.conversation_id)
        return await outbox.do_send(conn, to.conversation_id, [Reply(text) for text in texts], fence=held.fence)


async def states(database: Database) -> dict[str, tuple[str, str | None]]:
    async with database.connect() as conn:
        rows = await conn.execute(messages.select().where(messages.c.direction == "out").order_by(messages.c.seq))
        return {row.body["text"]: (row.status, row.failure) for row in rows}


@contextlib.asynccontextmanager
async def running(
    database: Database, bus: Bus, vendor: Vendor, patience: Patience = IMPATIENT
) -> AsyncIterator[Delivery]:
    delivery = Delivery(database, bus, [vendor], MemoryStorage(), patience)
    task = asyncio.create_task(delivery.run())
    try:
        yield delivery
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def settled(database: Database) -> None:
    """Until nothing waits, of anybody."""
    waits = select(func.count()).where(messages.c.direction == "out", messages.c.status == "queued")
    async with asyncio.timeout(20):
        while True:
            async with database.connect() as conn:
                if not (await conn.execute(waits)).scalar_one():
                    return
            await asyncio.sleep(0.02)


async def test_messages_go_out_in_order_and_are_marked(database: Database, bus: Bus) -> None:
    asked = await wrote(database, "a", "1")
    await reply(database, asked, "一", "二|二", "三")
    vendor = Vendor()
    async with running(database, bus, vendor):
        await settled(database)
    assert vendor.texts("a") == ["一", "二", "二", "三"]
    assert set((await states(database)).values()) == {("delivered", None)}


async def test_a_vendor_that_was_down_gets_everything_in_order_and_once(database: Database, bus: Bus) -> None:
    vendor = Vendor()
    vendor.refuse = lambda _recipient, _text: TryAgain("down")
    senders = [f"c{n}" for n in range(30)]
    for sender in senders:
        await reply(database, await wrote(database, sender, sender), *(f"{sender}-{n}" for n in range(3)))
    async with running(database, bus, vendor):
        await until(lambda: vendor.calls >= 3)
        calls = vendor.calls
        assert calls < 30, "a vendor that is down is tried by one customer at a time"
        vendor.refuse = lambda _recipient, _text: None
        await settled(database)
    for sender in senders:
        assert vendor.texts(sender) == [f"{sender}-{n}" for n in range(3)]


async def test_one_customers_trouble_holds_up_nobody_else(database: Database, bus: Bus) -> None:
    vendor = Vendor()
    tries: list[str] = []

    def refuse(recipient: str, text: str) -> Exception | None:
        tries.append(recipient)
        return TryAgain("slow down", everybody=False) if recipient == "a" and tries.count("a") < 3 else None

    vendor.refuse = refuse
    await reply(database, await wrote(database, "a", "1"), "迟")
    await reply(database, await wrote(database, "b", "2"), "早")
    async with running(database, bus, vendor):
        await settled(database)
    assert vendor.came == [("b", "早"), ("a", "迟")]


async def test_what_cannot_be_delivered_is_kept_with_its_reason_and_can_be_sent_again(
    database: Database, bus: Bus
) -> None:
    vendor = Vendor()
    vendor.refuse = lambda _recipient, text: Undeliverable("refused", "blocked") if text == "坏" else None
    await reply(database, await wrote(database, "a", "1"), "好", "坏", "还好")
    async with running(database, bus, vendor):
        await settled(database)
        assert (await states(database))["坏"] == ("undelivered", "refused")
        assert vendor.texts("a") == ["好", "还好"]
        vendor.refuse = lambda _recipient, _text: None
        async with database.begin() as conn:
            (again,) = await outbox.do_send_again(conn)
            assert again.text == "坏"
        await settled(database)
    assert vendor.texts("a") == ["好", "还好", "坏"]


async def test_what_cannot_be_packed_takes_nothing_else_with_it(database: Database, bus: Bus) -> None:
    vendor = Vendor()
    vendor.unpackable = "坏图"
    await reply(database, await wrote(database, "a", "1"), "前", "坏图", "后")
    async with running(database, bus, vendor):
        await settled(database)
    assert vendor.texts("a") == ["前", "后"]
    assert (await states(database))["坏图"] == ("undelivered", "bad_media")


async def test_a_quota_is_kept_and_what_it_held_back_goes_out_when_the_customer_writes(
    database: Database, bus: Bus
) -> None:
    vendor = Vendor()
    asked = await wrote(database, "a", "1", Allowance(2, 60))
    await reply(database, asked, "一", "二", "三")
    async with running(database, bus, vendor):
        await settled(database)
        assert (await states(database))["三"] == ("undelivered", "quota")
        await reply(database, await wrote(database, "a", "2", Allowance(2, 60)), "四")
        await settled(database)
    assert vendor.texts("a") == ["一", "二", "三", "四"]


async def test_after_the_window_nothing_is_sent(database: Database, bus: Bus) -> None:
    vendor = Vendor()
    await reply(database, await wrote(database, "a", "1", Allowance(5, -1)), "晚了")
    async with running(database, bus, vendor):
        await settled(database)
    assert vendor.calls == 0
    assert (await states(database))["晚了"] == ("undelivered", "window_closed")


async def test_a_short_allowance_does_not_shorten_a_long_one(database: Database, bus: Bus) -> None:
    vendor = Vendor()
    await wrote(database, "a", "1", Allowance(5, 60))
    await reply(database, await wrote(database, "a", "2", Allowance(1, 1)), "一", "二")
    async with running(database, bus, vendor):
        await settled(database)
    assert vendor.texts("a") == ["一", "二"]


async def test_a_customer_gets_no_more_than_the_pace_allows(database: Database, bus: Bus) -> None:
    vendor = Vendor(Pace(per_second=1000, per_customer_per_minute=2))
    await reply(database, await wrote(database, "a", "1"), "一", "二", "三")
    await reply(database, await wrote(database, "b", "2"), "别人")
    async with running(database, bus, vendor):
        await until(lambda: len(vendor.came) == 3)
        await asyncio.sleep(0.3)
    assert vendor.texts("a") == ["一", "二"]
    assert vendor.texts("b") == ["别人"]


async def test_two_processes_send_everything_once(database: Database, bus: Bus) -> None:
    vendor = Vendor()
    senders = [f"c{n}" for n in range(20)]
    for sender in senders:
        await reply(database, await wrote(database, sender, sender), "一", "二")
    async with running(database, bus, vendor), running(database, bus, vendor):
        await settled(database)
    for sender in senders:
        assert vendor.texts(sender) == ["一", "二"]


async def test_a_hold_keeps_the_worker_away_and_leaves_it_the_rest(database: Database, bus: Bus) -> None:
    vendor = Vendor()
    asked = await wrote(database, "a", "1")
    async with running(database, bus, vendor) as delivery:
        async with delivery.hold(CHANNEL, "a") as held:
            assert held is not None
            async with delivery.hold(CHANNEL, "a") as second:
                assert second is None
            await reply(database, asked, "当面", "随后")
            await asyncio.sleep(0.2)
            assert vendor.calls == 0
            first, _rest = await held.waiting()
            held.delivered([first.id])
        await settled(database)
    assert vendor.texts("a") == ["随后"]


async def test_a_courier_that_breaks_loses_nothing(database: Database, bus: Bus) -> None:
    vendor = Vendor()
    broken = [True, True]
    vendor.refuse = lambda _recipient, _text: RuntimeError("a fault of ours") if broken and broken.pop() else None
    await reply(database, await wrote(database, "a", "1"), "还在")
    async with running(database, bus, vendor):
        await settled(database)
    assert vendor.texts("a") == ["还在"]


async def test_the_typing_sign_is_shown_unless_the_answer_is_about_to_be_given(database: Database, bus: Bus) -> None:
    vendor = Vendor()
    asked = await wrote(database, "a", "1")
    sign = {"kind": "typing", "author": "bot", "channel": CHANNEL, "sender": "a"}
    async with running(database, bus, vendor) as delivery:
        async with delivery.hold(CHANNEL, "a"):
            await bus.publish(f"conversation.{asked.conversation_id}", sign)
            await asyncio.sleep(0.05)
            assert vendor.typed == []
        await bus.publish(f"conversation.{asked.conversation_id}", sign)
        await until(lambda: vendor.typed == ["a"])


@pytest.mark.parametrize("failures", [0, 3, 50])
def test_waits_grow_and_stay_bounded(failures: int) -> None:
    patience = Patience(first=2, longest=60)
    wait = patience.after(failures)
    assert min(60, 2 * 2.0 ** min(failures, 16)) * 0.75 <= wait <= 60
