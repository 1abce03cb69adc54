"""A vendor that is away, busy, or does not want a message: nothing is lost, nothing goes twice, nothing is hidden."""

import asyncio

import pytest

from core.conversation.message import Reply
from tests.contracts.connectors.harness import Harness, Said, State
from tests.contracts.connectors.world import TIMEOUT, World, is_taken, lines

HOUR = 3600.0


async def answer_by_delivery(world: World, harness: Harness, *said: Said) -> None:
    """The bot rests until the pushes are acknowledged, so its answers cannot go out within them."""
    world.resting = True
    for one in said:
        assert is_taken(harness, await harness.push(one))
    world.resting = False


async def test_an_hour_without_the_vendor_loses_nothing(harness: Harness, world: World) -> None:
    senders = [f"customer-{n}" for n in range(6)]
    said = [Said(f"{sender} 第{n}句", sender) for n in range(3) for sender in senders]
    harness.set_state("down")
    world.resting = True
    await asyncio.gather(*(harness.push(one) for one in said[:6]))
    await asyncio.gather(*(harness.push(one) for one in said[6:12]))
    await asyncio.gather(*(harness.push(one) for one in said[12:]))
    world.resting = False
    for _ in range(6):
        world.ahead += HOUR / 6
        await asyncio.sleep(0.1)
    assert [await harness.shown(sender) for sender in senders] == [[]] * 6
    harness.set_state("up")
    world.ahead += HOUR
    for sender in senders:
        await world.until_delivered(harness.channel, sender, 3)
        expected = [f"re: {one.text}" for one in said if one.sender == sender]
        assert await lines(harness, sender) == expected


async def test_a_busy_vendor_gets_it_later_and_once(harness: Harness, world: World) -> None:
    harness.set_state("busy")
    await answer_by_delivery(world, harness, Said("在吗"))
    await asyncio.sleep(0.3)
    assert await harness.shown(Said().sender) == []
    assert [m.status for m in await world.transcript(harness.channel, Said().sender)] == ["done", "queued"]
    harness.set_state("up")
    world.ahead += HOUR
    await world.until_delivered(harness.channel, Said().sender)
    assert [shown.text for shown in await harness.shown(Said().sender)] == ["re: 在吗"]


async def test_a_line_that_breaks_again_and_again_loses_nothing(harness: Harness, world: World) -> None:
    if "fetched" not in harness.traits:
        pytest.skip("nothing is read on from where it broke")
    said = [Said(f"第{n}句") for n in range(12)]
    states: list[State] = ["up", "down", "busy"]
    for one, state in zip(said, states * 4, strict=True):
        harness.set_state(state)
        assert is_taken(harness, await harness.push(one))
    harness.set_state("up")
    await world.until_shown(harness, Said().sender, len(said))
    await world.until_delivered(harness.channel, Said().sender, len(said))
    assert await lines(harness, Said().sender) == [f"re: {one.text}" for one in said]


async def test_who_comes_back_late_reads_all_that_waits(harness: Harness, world: World) -> None:
    if "fetched" not in harness.traits:
        pytest.skip("a vendor is sent one message after the other")
    world.answers = lambda message: [Reply(text=f"第{n}条") for n in range(450)]
    harness.set_state("down")
    await harness.push(Said("都告诉我"))
    await world.until_answered(harness.channel, Said().sender)
    harness.set_state("up")
    await world.until_shown(harness, Said().sender, 450)
    await world.until_delivered(harness.channel, Said().sender, 450)
    assert await lines(harness, Said().sender) == [f"第{n}条" for n in range(450)]


async def test_what_a_customer_does_not_take_is_seen_and_holds_up_nobody(harness: Harness, world: World) -> None:
    if "fetched" in harness.traits:
        pytest.skip("who fetches refuses nothing: it waits until they come")
    await harness.push(Said("你好"))
    await world.until_delivered(harness.channel, Said().sender)
    harness.set_state("blocked")
    await answer_by_delivery(world, harness, Said("再问一句"))
    async with asyncio.timeout(TIMEOUT):  # a vendor may take it first, and say later that it did not arrive
        while (failed := await world.until_settled(harness.channel, Said().sender, 2))[-1].status == "delivered":
            await asyncio.sleep(0.02)
    assert [(m.status, m.failure) for m in failed] == [("delivered", None), ("undelivered", "refused")]
    harness.set_state("up")
    await harness.push(Said("我来了", "another-customer"))
    await world.until_delivered(harness.channel, "another-customer")


async def test_no_more_is_sent_than_the_vendor_allows(harness: Harness, world: World) -> None:
    if "allowance" not in harness.traits:
        pytest.skip("this vendor does not count")
    piece = "长" * ((harness.text_bytes or 2000) // 3 - 8)
    world.answers = lambda message: [Reply(text=f"{n}{piece}") for n in range(8)]
    await answer_by_delivery(world, harness, Said("都告诉我"))
    settled = await world.until_settled(harness.channel, Said().sender, 8)
    assert [m.failure for m in settled] == [None] * 5 + ["quota"] * 3
    assert [shown.text[0] for shown in await harness.shown(Said().sender)] == list("01234")
