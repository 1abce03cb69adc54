"""What a customer says is stored once, in order, with what came along; what we say is shown whole, once, in order."""

import asyncio
from collections.abc import Sequence

import pytest

from core.conversation.message import Attachment, Button, Message, Reply
from tests.contracts.connectors.harness import Harness, Said
from tests.contracts.connectors.world import World, is_taken, lines

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc000000003000118dd8d"
    "b00000000049454e44ae426082"
)
AMR = b"#!AMR\n" + bytes(range(64))
LONG = "".join(f"第{n}条：保价规则👨‍👩‍👧 is e\u0301tabli, 七天内降价可退差价。" for n in range(1, 120))


async def test_a_message_is_stored_and_answered(harness: Harness, world: World) -> None:
    said = Said("我的订单到哪了")
    assert is_taken(harness, await harness.push(said))
    [stored] = await world.said(harness.channel, said.sender)
    assert (stored.text, stored.sender) == (said.text, world.address(said.sender))
    assert [shown.text for shown in await world.until_shown(harness, said.sender, 1)] == ["re: 我的订单到哪了"]
    await world.until_delivered(harness.channel, said.sender)


async def test_repeats_are_dropped(harness: Harness, world: World) -> None:
    said = Said("退货")
    await asyncio.gather(*(harness.push(said) for _ in range(3)))
    assert is_taken(harness, await harness.push(said))
    assert len(await world.said(harness.channel, said.sender)) == 1
    await world.until_shown(harness, said.sender, 1)
    await world.until_delivered(harness.channel, said.sender)
    assert [shown.text for shown in await harness.shown(said.sender)] == ["re: 退货"]


async def test_messages_and_answers_keep_their_order(harness: Harness, world: World) -> None:
    texts = [f"第{n}句" for n in range(12)]
    for text in texts:
        await harness.push(Said(text))
    assert [message.text for message in await world.said(harness.channel, Said().sender)] == texts
    await world.until_delivered(harness.channel, Said().sender, 12)
    assert await lines(harness, Said().sender) == [f"re: {text}" for text in texts]


async def test_customers_are_kept_apart(harness: Harness, world: World) -> None:
    senders = [f"customer-{n}" for n in range(8)]
    await asyncio.gather(*(harness.push(Said(f"我是{sender}", sender)) for sender in senders))
    for sender in senders:
        assert [shown.text for shown in await world.until_shown(harness, sender, 1)] == [f"re: 我是{sender}"]


async def test_a_message_is_taken_while_the_bot_rests_and_answered_later(harness: Harness, world: World) -> None:
    world.resting = True
    said = Said("有人吗")
    async with asyncio.timeout(5):
        assert is_taken(harness, await harness.push(said))
    assert len(await world.said(harness.channel, said.sender)) == 1
    assert await harness.shown(said.sender) == []
    world.resting = False
    await world.until_shown(harness, said.sender, 1)


@pytest.mark.parametrize("text", ["", "  \n ", "长" * 5000, "/restart", "/"])
async def test_a_text_that_cannot_be_taken_is_not_pushed_again(harness: Harness, world: World, text: str) -> None:
    response = await harness.push(Said(text))
    assert is_taken(harness, response) or ("fetched" in harness.traits and response.is_client_error)
    assert all(message.payload is None for message in await world.said(harness.channel, Said().sender))


async def test_a_picture_is_kept_as_it_came(harness: Harness, world: World) -> None:
    if "image_in" not in harness.traits:
        pytest.skip("no pictures come by this channel")
    await harness.push(Said(image=PNG))
    assert await kept(world, harness) == [("image", PNG)]


async def test_a_recording_is_kept_and_its_words_are_the_text(harness: Harness, world: World) -> None:
    if "voice_in" not in harness.traits:
        pytest.skip("no recordings come by this channel")
    await harness.push(Said("我要查物流", voice=AMR))
    await harness.push(Said(voice=AMR))
    assert await kept(world, harness) == [("voice", AMR), ("voice", AMR)]
    assert [message.text for message in await world.said(harness.channel, Said().sender)] == ["我要查物流", ""]


async def test_a_picture_that_the_vendor_does_not_give_is_still_a_message(harness: Harness, world: World) -> None:
    if "image_in" not in harness.traits:
        pytest.skip("no pictures come by this channel")
    if "fetched" in harness.traits:
        pytest.skip("no vendor to ask for it: the customer uploads a picture before its message")
    harness.set_state("down")
    assert is_taken(harness, await harness.push(Said(image=PNG)))
    [message] = await world.said(harness.channel, Said().sender)
    assert [attachment.kind for attachment in message.attachments] == ["image"]


async def test_a_picture_goes_out_as_it_is(harness: Harness, world: World) -> None:
    if "image_out" not in harness.traits:
        pytest.skip("no pictures go out by this channel")
    media = await world.media.put(PNG)
    world.answers = lambda message: (Reply(text="看图", attachments=(Attachment("image", media_id=media.id),)),)
    await harness.push(Said("怎么安装"))
    shown = await world.until_shown(harness, Said().sender, 2)
    assert [(one.text, one.image) for one in shown] == [("看图", None), ("", PNG)]


async def test_a_long_text_is_split_at_characters_and_arrives_whole(harness: Harness, world: World) -> None:
    world.answers = lambda message: (Reply(text=LONG),)
    await harness.push(Said("保价规则"))
    await world.until_delivered(harness.channel, Said().sender)
    pieces = [shown.text for shown in await harness.shown(Said().sender)]
    assert "".join(pieces) == LONG
    if harness.text_bytes:
        assert len(pieces) > 1
        assert all(len(piece.encode()) <= harness.text_bytes for piece in pieces)


async def test_answers_of_one_turn_all_arrive(harness: Harness, world: World) -> None:
    def many(message: Message) -> Sequence[Reply]:
        return [Reply(text=f"第{n}段") for n in range(1, 9)]

    world.answers = many
    await harness.push(Said("说说"))
    await world.until_delivered(harness.channel, Said().sender)
    assert await lines(harness, Said().sender) == [f"第{n}段" for n in range(1, 9)]


async def test_buttons_can_be_pressed_by_number_or_name(harness: Harness, world: World) -> None:
    if "buttons" not in harness.traits:
        pytest.skip("no buttons on this channel")
    buttons = (Button("查订单", "/order_status"), Button("转人工", "/human_agent"))
    world.answers = lambda message: (Reply(text="请选择", buttons=buttons),)
    await harness.push(Said("你好"))
    [shown] = await world.until_shown(harness, Said().sender, 1)
    assert shown.buttons == ("查订单", "转人工") or all(button.title in shown.text for button in buttons)
    await harness.push(Said("2"))
    assert [message.payload for message in await world.said(harness.channel, Said().sender)] == [None, "/human_agent"]


async def kept(world: World, harness: Harness) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for message in await world.said(harness.channel, Said().sender):
        for attachment in message.attachments:
            assert attachment.media_id
            found.append((attachment.kind, (await world.media.get(attachment.media_id))[1]))
    return found
