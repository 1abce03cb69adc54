"""A desk in a small app of its own, and customers who talk to a bot that is played by the tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from httpx import AsyncClient

from core.bus import Bus
from core.conversation import inbox, lease, log, outbox
from core.conversation.message import Inbound, Message, Reply
from core.errors import KefuError, NotFound
from core.storage.database import Database
from handoff import agents, queue
from handoff.agents import Agent, Role
from handoff.api import router
from handoff.decision import Signals, decide, load_thresholds
from handoff.facts import CouponFacts, Facts, MemberFacts
from handoff.presence import Presence
from handoff.summary import Customer

PASSWORD = "a-good-password"


class FakeFacts:
    """A shop that knows one member."""

    def __init__(self) -> None:
        self.error: KefuError | None = None

    async def read(self, member_id: str) -> Facts:
        if self.error:
            raise self.error
        if member_id != "M0001":
            raise NotFound("no such member")
        member = MemberFacts(member_id="M0001", name="林晓", level="金卡", vip=True, phone="138****2201")
        coupon = CouponFacts(name="满100减10", value=Decimal(10), minimum=Decimal(100), valid_until=date(2027, 1, 1))
        return Facts(member=member, coupons=(coupon,), points=320)


@dataclass
class World:
    """What the roof wires, in small."""

    database: Database
    bus: Bus
    presence: Presence
    facts: FakeFacts
    app: FastAPI
    client: Callable[[], Any]

    async def add_agent(self, username: str, role: Role = "agent", name: str | None = None) -> Agent:
        async with self.database.begin() as conn:
            return await agents.do_create(conn, username, name or username, PASSWORD, role)

    async def say(self, sender: str, text: str, member_id: str | None = None, payload: str | None = None) -> Message:
        async with self.database.begin() as conn:
            said = Inbound("web", f"{sender}:{text}:{id(object())}", sender, text, payload, member_id)
            accepted = await inbox.do_accept(conn, said)
            await inbox.do_finish(conn, accepted.message.id)
            return accepted.message

    async def bot_turn(self, said: Message, reply: str, **data: Any) -> Message:
        """The bot's answer to a message, with the event that the gateway logs."""
        async with self.database.begin() as conn:
            held = await lease.read(conn, said.conversation_id)
            sent = await outbox.do_send(
                conn, said.conversation_id, [Reply(text=reply)], fence=held.fence, reply_to=said.id
            )
            await log.do_append(conn, said.conversation_id, "turn", data, said.id)
            return sent[0]

    async def hand_over(
        self, sender: str, text: str = "转人工", *, member_id: str | None = None, vip: bool = False
    ) -> queue.Handoff:
        said = await self.say(sender, text, member_id)
        decision = decide(Signals(explicit_wish=0.98), load_thresholds())
        customer = Customer(name=sender, level="金卡" if vip else None, vip=vip, member_id=member_id)
        async with self.database.begin() as conn:
            change = await queue.do_request(
                conn,
                said.conversation_id,
                reason=decision.reason or "",
                decision=decision.as_json(),
                summary={"lines": [], "customer": customer.as_json()},
                priority=int(vip),
                agents_available=await self.presence.available(),
                reply_to=said.id,
            )
        await queue.announce(self.bus, change)
        return change.handoff


def make_app(database: Database, bus: Bus, presence: Presence, facts: FakeFacts) -> FastAPI:
    app = FastAPI()
    app.include_router(router(database, bus, presence, facts, secure=False))

    @app.exception_handler(KefuError)
    async def explain(request: Request, error: KefuError) -> JSONResponse:
        return JSONResponse(error.as_json(), error.status)

    return app


async def sign_in(world: World, username: str) -> AsyncClient:
    client: AsyncClient = world.client()
    answer = await client.post("/api/desk/login", json={"username": username, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return client
