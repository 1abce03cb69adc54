"""The way of a message through inbox, gateway and outbox, on real stores; only the assistant is a fake."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pytest

from bot import gateway as gateway_module
from bot.gateway import Gateway
from bot.handover import Handover
from bot.rasa_client import Assistant, AssistantFailed, Turn
from bot.understanding import Understanding, Understood
from connectors.intake import Intake
from core.bus import Bus
from core.conversation import inbox, lease, log, outbox, transcript
from core.conversation.message import Button, Inbound, Message, Reply
from core.errors import InvalidInput, Unavailable
from core.storage.database import Database
from handoff.decision import Signals, decide, load_thresholds
from handoff.sentiment import Sentiment
from retrieval.search import SearchResult

APOLOGY = Reply(text="抱歉,我这边出了点小问题")


class PlainUnderstanding:
    """Understands nothing: the gateway's own work is under test here."""

    def understand(self, text: str) -> Understood:
        calm = Sentiment(score=0.0, degree="neutral", probabilities={"neutral": 1.0})
        return Understood(text, np.zeros(4, np.float32), SearchResult("none", ()), calm, ())


@dataclass
class FakeAssistant:
    """Answers «re: <text>», and a repeated message id as it did the first time."""

    pause: Callable[[str], float] = lambda text: 0.0
    failures: list[Exception] = field(default_factory=list)
    handoff_on: str = "转人工"
    calls: list[tuple[str, str]] = field(default_factory=list)
    running: int = 0
    most_running: int = 0

    async def take_turn(self, conversation_id: str, message_id: str, text: str, metadata: dict[str, Any]) -> Turn:
        if self.failures:
            raise self.failures.pop(0)
        self.calls.append((conversation_id, text))
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        await asyncio.sleep(self.pause(text))
        self.running -= 1
        handoff = None
        if text == self.handoff_on:
            decision = decide(Signals(explicit_wish=1.0), load_thresholds())
            handoff = {"kefu": "handoff", "reason": decision.reason, "decision": decision.as_json()}
        understanding = {"text": text, "intent": {"name": "greet", "confidence": 1.0}}
        return Turn((Reply(text=f"re: {text}"),), understanding, ("action_listen",), handoff=handoff)


class NoMembers:
    async def get(self, member_id: str) -> None:
        raise Unavailable("members are down")


@dataclass
class Running:
    database: Database
    bus: Bus
    assistant: FakeAssistant
    intake: Intake

    async def say(self, text: str, sender: str = "v1", id: str | None = None, payload: str | None = None) -> Message:
        return await self.intake.accept(Inbound("web", id or f"{sender}:{text}", sender, text, payload))

    async def read(self, conversation_id: str) -> list[Message]:
        async with self.database.connect() as conn:
            return await transcript.read(conn, conversation_id)

    async def lines(self, conversation_id: str) -> list[tuple[str, str | None]]:
        return [(message.author, message.text) for message in await self.read(conversation_id)]

    async def until(self, conversation_id: str, count: int) -> list[tuple[str, str | None]]:
        """The transcript once it has `count` lines."""
        async with asyncio.timeout(20):
            while len(lines := await self.lines(conversation_id)) < count:
                await asyncio.sleep(0.01)
        return lines

    async def until_done(self, said: Message) -> None:
        async with asyncio.timeout(20):
            while (await self.read(said.conversation_id))[said.seq - 1].status != inbox.DONE:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def run_gateway(database: Database, bus: Bus, assistant: FakeAssistant) -> AsyncIterator[Running]:
    async def nobody_free() -> int:
        return 0

    gateway = Gateway(
        database,
        bus,
        cast(Understanding, PlainUnderstanding()),
        cast(Assistant, assistant),
        Handover(database, cast(Any, NoMembers()), nobody_free),
        APOLOGY,
    )
    task = asyncio.create_task(gateway.run())
    await asyncio.sleep(0)
    yield Running(database, bus, assistant, Intake(database, bus))
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_turns_of_one_customer_run_in_order_one_at_a_time(database: Database, bus: Bus) -> None:
    async with run_gateway(database, bus, FakeAssistant(pause=lambda text: 0.01)) as kefu:
        said = [await kefu.say(str(n)) for n in range(6)]
        lines = await kefu.until(said[0].conversation_id, 12)
        assert [text for author, text in lines if author == "bot"] == [f"re: {n}" for n in range(6)]
        assert kefu.assistant.most_running == 1


async def test_customers_are_served_side_by_side(database: Database, bus: Bus) -> None:
    async with run_gateway(database, bus, FakeAssistant(pause=lambda text: 0.5)) as kefu:
        said = await asyncio.gather(*(kefu.say("在吗", sender=f"v{n}") for n in range(5)))
        await asyncio.gather(*(kefu.until(message.conversation_id, 2) for message in said))
        assert kefu.assistant.most_running > 1


async def test_a_repeat_is_answered_once(database: Database, bus: Bus) -> None:
    async with run_gateway(database, bus, FakeAssistant()) as kefu:
        first = await kefu.say("在吗", id="same")
        await kefu.until(first.conversation_id, 2)
        assert (await kefu.say("在吗", id="same")).id == first.id
        last = await kefu.say("还在吗")
        lines = await kefu.until(last.conversation_id, 4)
        assert [text for author, text in lines if author == "bot"] == ["re: 在吗", "re: 还在吗"]


async def test_an_assistant_that_is_down_is_waited_for(database: Database, bus: Bus) -> None:
    down: list[Exception] = [Unavailable("down"), Unavailable("down")]
    async with run_gateway(database, bus, FakeAssistant(failures=down)) as kefu:
        said = await kefu.say("在吗")
        assert (await kefu.until(said.conversation_id, 2))[1] == ("bot", "re: 在吗")


async def test_a_message_that_breaks_the_assistant_is_apologised_for_and_blocks_nothing(
    database: Database, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_module, "RETRY_SECONDS", (0.01,))
    broken: list[Exception] = [AssistantFailed("500") for _ in range(gateway_module.MAX_FAILURES)]
    async with run_gateway(database, bus, FakeAssistant(failures=broken)) as kefu:
        said = await kefu.say("坏消息")
        await kefu.say("在吗")
        lines = await kefu.until(said.conversation_id, 4)
        assert [text for author, text in lines if author == "bot"] == [APOLOGY.text, "re: 在吗"]


async def test_what_was_left_behind_is_found_at_the_start(database: Database, bus: Bus) -> None:
    said = await Intake(database, bus).accept(Inbound("web", "a", "v1", "有人吗"))  # nobody listens yet
    async with run_gateway(database, bus, FakeAssistant()) as kefu:
        assert (await kefu.until(said.conversation_id, 2))[1] == ("bot", "re: 有人吗")


async def test_a_handoff_is_stored_with_the_turn_and_the_bot_falls_silent(database: Database, bus: Bus) -> None:
    async with run_gateway(database, bus, FakeAssistant()) as kefu:
        said = await kefu.say("转人工")
        lines = await kefu.until(said.conversation_id, 3)
        assert [author for author, _ in lines] == ["customer", "bot", "system"]
        async with database.connect() as conn:
            assert (await lease.read(conn, said.conversation_id)).owner == lease.QUEUE
            events = await log.read(conn, said.conversation_id, types=["handoff.requested"])
        assert [event.data["reason"] for event in events] == ["explicit_wish"]
        await kefu.say("快点")
        await asyncio.sleep(0.3)
        assert [call[1] for call in kefu.assistant.calls] == ["转人工"]


async def test_no_bot_reply_after_a_takeover_in_200_races(database: Database, bus: Bus) -> None:
    """An agent takes over while the bot's turn is under way; whoever wins, nothing of the bot follows the takeover."""
    takeover = Reply(text="客服小王已接入")
    delays = [n % 20 / 1000 for n in range(200)]
    assistant = FakeAssistant(pause=lambda text: delays[int(text)])
    refused = 0
    async with run_gateway(database, bus, assistant) as kefu:
        for start in range(0, 200, 25):

            async def race(n: int) -> list[str]:
                said = await kefu.say(str(n), sender=f"v{n}")
                await asyncio.sleep(n * 37 % 100 / 200)
                async with database.begin() as conn:
                    taken = await lease.do_transfer(conn, said.conversation_id, lease.agent_owner("a1"))
                    await outbox.do_send(conn, said.conversation_id, [takeover], fence=taken.fence, author="system")
                await kefu.until_done(said)
                return [author for author, _ in await kefu.lines(said.conversation_id)]

            for authors in await asyncio.gather(*(race(n) for n in range(start, start + 25))):
                assert authors[-1] == "system"
                refused += "bot" not in authors
    assert 0 < refused < 200  # both outcomes were really raced for


async def test_only_offered_buttons_trigger_and_a_slash_is_neutralised(database: Database, bus: Bus) -> None:
    async with run_gateway(database, bus, FakeAssistant()) as kefu:
        said = await kefu.say("/human_agent")
        await kefu.until(said.conversation_id, 2)
        async with database.begin() as conn:
            held = await lease.read(conn, said.conversation_id)
            offer = Reply(text="确认吗?", buttons=(Button("确认", "/affirm"),))
            await outbox.do_send(conn, said.conversation_id, [offer], fence=held.fence)
        pressed = await kefu.say("/affirm", id="b1")
        forged = await kefu.say("确认", payload="/handoff_now", id="b2")
        await kefu.until(said.conversation_id, 7)
        assert [text for _, text in kefu.assistant.calls] == ["human_agent", "/affirm", "确认"]
        assert (pressed.text, forged.text) == ("确认", "确认")


@pytest.mark.parametrize("text", ["", "  ", "///", "长" * 2001])
async def test_bad_input_is_refused_in_words(database: Database, bus: Bus, text: str) -> None:
    with pytest.raises(InvalidInput, match="消息"):
        await Intake(database, bus).accept(Inbound("web", "a", "v1", text))
