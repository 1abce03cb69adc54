"""What the desk shows: the queue as cards, and one handoff in full."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import structlog
from sqlalchemy import select

from core.conversation import transcript
from core.conversation.message import Message
from core.conversation.states import UNDELIVERED
from core.errors import NotFound, Unavailable
from core.storage.database import Database
from core.storage.tables import conversations
from handoff import cards, links, record, tickets
from handoff.agents import Agent
from handoff.facts import CustomerFacts, Facts
from handoff.labels import labels
from handoff.links import Way
from handoff.presence import Presence
from handoff.privacy import masked
from handoff.record import Handoff
from handoff.schema import (
    Card,
    ChannelView,
    DecisionView,
    Detail,
    EvidenceView,
    LinkView,
    MessageView,
    Queue,
    TicketView,
)

RECENT = 20
MESSAGES_SHOWN = 200

WithLinks = Callable[[dict[str, Any]], dict[str, Any]]
"""Puts the addresses of stored media into a message's JSON; channels know them, the roof wires it."""

logger = structlog.get_logger()


def as_is(message: dict[str, Any]) -> dict[str, Any]:
    return message


class Desk:
    """Reads for one agent at a time: an analyst sees personal data masked, and no facts."""

    def __init__(
        self, database: Database, presence: Presence, facts: CustomerFacts, with_links: WithLinks = as_is
    ) -> None:
        self.database = database
        self.presence = presence
        self._facts = facts
        self._with_links = with_links

    async def queue(self, agent: Agent) -> Queue:
        available = await self.presence.available()
        async with self.database.connect() as conn:
            opened = await record.listed(conn, (record.WAITING, record.TAKEN))
            closed = await record.recently_closed(conn, RECENT)
            talks = await cards.talks(conn, [*opened, *closed])
        shown_as = {handoff.id: cards.card(handoff, talks[handoff.conversation_id]) for handoff in (*opened, *closed)}
        taken = [handoff for handoff in opened if handoff.status == record.TAKEN]
        shown = Queue(
            waiting=[shown_as[handoff.id] for handoff in opened if handoff.status == record.WAITING],
            mine=[shown_as[handoff.id] for handoff in taken if handoff.agent_id == agent.id],
            others=[shown_as[handoff.id] for handoff in taken if handoff.agent_id != agent.id],
            recent=[shown_as[handoff.id] for handoff in closed],
            agents_available=available,
        )
        return shown if agent.may_act else masked(shown)

    async def detail(self, agent: Agent, handoff_id: str) -> Detail:
        """Raises NotFound."""
        async with self.database.connect() as conn:
            handoff = await record.read(conn, handoff_id)
            talk = (await cards.talks(conn, [handoff]))[handoff.conversation_id]
            said = await transcript.newest(conn, handoff.conversation_id, MESSAGES_SHOWN)
            ways = await links.ways_to(conn, handoff.conversation_id)
            before = await links.said_before(conn, handoff.conversation_id, ways, MESSAGES_SHOWN)
            written = await tickets.of_customer(conn, handoff.conversation_id)
            member = select(conversations.c.member_id).where(conversations.c.id == handoff.conversation_id)
            member_id = (await conn.execute(member)).scalar_one()
        facts, missing = await self._customer_facts(member_id) if agent.may_act else (None, "分析员看不到客户资料")
        shown = Detail(
            handoff=cards.card(handoff, talk),
            summary={"lines": handoff.summary.get("lines", [])},
            decision=_decision(handoff),
            messages=[self.message(message) for message in said],
            earlier=[self.message(message) for message in before],
            channels=[_channel(way, agent) for way in ways],
            facts=facts,
            facts_missing=missing,
            tickets=[ticket_view(ticket) for ticket in written],
        )
        return shown if agent.may_act else masked(shown)

    def message(self, message: Message) -> MessageView:
        label = {"channel_label": labels().channel(message.channel)}
        view = MessageView.model_validate(self._with_links(message.as_json()) | label)
        if message.status == UNDELIVERED:
            view.undelivered = labels().failure(message.failure or "")
        return view

    async def card(self, handoff: Handoff) -> Card:
        async with self.database.connect() as conn:
            return cards.card(handoff, (await cards.talks(conn, [handoff]))[handoff.conversation_id])

    async def _customer_facts(self, member_id: str | None) -> tuple[Facts | None, str | None]:
        """The facts, or why there are none: the desk works without them."""
        if member_id is None:
            return None, "访客未登录，没有会员资料"
        try:
            return await self._facts.read(member_id), None
        except (Unavailable, NotFound) as error:
            logger.warning("no customer facts for the desk", error=error.message)
            return None, "店铺系统暂时查不到这位客户的资料"


def ticket_view(ticket: tickets.Ticket) -> TicketView:
    return TicketView.model_validate(asdict(ticket))


def _channel(way: Way, agent: Agent) -> ChannelView:
    link = way.link and LinkView(
        id=way.link.id if agent.role == "admin" else None,
        kind=way.link.kind,
        kind_label=labels().links[way.link.kind],
        created_at=way.link.created_at,
    )
    return ChannelView(channel=way.channel, channel_label=labels().channel(way.channel), since=way.since, link=link)


def _decision(handoff: Handoff) -> DecisionView:
    """A handoff that no decision led to (the bot broke down) has no evidence."""
    evidence = [
        EvidenceView(
            **item,
            label=labels().signals.get(item["signal"], item["signal"]),
            without_label=labels().reason(item["without"]) if item["without"] else None,
        )
        for item in handoff.decision.get("evidence", [])
    ]
    reason = handoff.reason
    return DecisionView(handoff=True, reason=reason, reason_label=labels().reason(reason), evidence=evidence)
