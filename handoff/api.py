"""The desk over HTTP: `router(...)` for the app. Everything but the login asks for a signed-in agent."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sse_starlette import EventSourceResponse

from core.bus import Bus
from core.storage.database import Database
from handoff import links, queue, record, schema, tickets
from handoff.access import PATH, Access
from handoff.agents import Agent
from handoff.desk import Desk, WithLinks, as_is, ticket_view
from handoff.facts import CustomerFacts
from handoff.presence import Presence
from handoff.privacy import masked
from handoff.sessions import LoginThrottle, Sessions
from handoff.stream import DESK, DeskStream

PING_SECONDS = 15


def router(
    database: Database,
    bus: Bus,
    presence: Presence,
    facts: CustomerFacts,
    *,
    secure: bool,
    with_links: WithLinks = as_is,
) -> APIRouter:
    """`secure`: served over https. `presence` is shared with the gateway, which asks whether anybody is free."""
    access = _access(database, bus, presence, secure)
    desk = Desk(database, presence, facts, with_links)
    api = APIRouter(prefix=PATH, tags=["Desk"], dependencies=[Depends(access.own_page)])
    _add_account(api, access, presence, bus)
    _add_queue(api, access, desk, bus)
    _add_tickets(api, access, desk, bus)
    _add_links(api, access, database, bus)
    _add_stream(api, access, DeskStream(desk, bus))
    return api


def editor(database: Database, bus: Bus, presence: Presence, *, secure: bool) -> Callable[[Request], Awaitable[Agent]]:
    """A dependency for other rooms' routes: who is signed in at the desk, and may do this."""
    return _access(database, bus, presence, secure).editor


def _access(database: Database, bus: Bus, presence: Presence, secure: bool) -> Access:
    return Access(database, Sessions(bus.redis), LoginThrottle(bus.redis), presence, secure=secure)


def _add_account(api: APIRouter, access: Access, presence: Presence, bus: Bus) -> None:
    async def view(agent: Agent) -> dict[str, Any]:
        return {"agent": {**vars(agent), "available": await presence.chose(agent.id)}}

    @api.post("/login", response_model=schema.AgentAnswer)
    async def log_in(login: schema.Login, request: Request, response: Response) -> dict[str, Any]:
        agent = await access.log_in(request, response, login.username, login.password)
        await bus.publish(DESK, {})
        return await view(agent)

    @api.post("/logout", status_code=204)
    async def log_out(request: Request, response: Response, agent: Annotated[Agent, Depends(access.signed_in)]) -> None:
        await access.log_out(request, response, agent)
        await bus.publish(DESK, {})

    @api.get("/me", response_model=schema.AgentAnswer)
    async def me(agent: Annotated[Agent, Depends(access.signed_in)]) -> dict[str, Any]:
        return await view(agent)

    @api.post("/status", response_model=schema.AgentAnswer)
    async def set_status(
        status: schema.Availability, agent: Annotated[Agent, Depends(access.may_act)]
    ) -> dict[str, Any]:
        """Whether this agent is there for customers."""
        await presence.choose(agent.id, status.available)
        await bus.publish(DESK, {})
        return await view(agent)


def _add_queue(api: APIRouter, access: Access, desk: Desk, bus: Bus) -> None:
    @api.get("/queue")
    async def read_queue(agent: Annotated[Agent, Depends(access.signed_in)]) -> schema.Queue:
        """VIP first, then oldest."""
        return await desk.queue(agent)

    @api.get("/handoffs/{handoff_id}")
    async def read_handoff(handoff_id: str, agent: Annotated[Agent, Depends(access.signed_in)]) -> schema.Detail:
        return await desk.detail(agent, handoff_id)

    @api.post("/handoffs/{handoff_id}/take")
    async def take(handoff_id: str, agent: Annotated[Agent, Depends(access.may_act)]) -> schema.Detail:
        """409 names who was faster."""
        async with desk.database.begin() as conn:
            change = await queue.do_take(conn, handoff_id, _taker(agent))
        await queue.announce(bus, change)
        return await desk.detail(agent, handoff_id)

    @api.post("/handoffs/{handoff_id}/reply")
    async def reply(
        handoff_id: str, body: schema.AgentReply, agent: Annotated[Agent, Depends(access.may_act)]
    ) -> schema.Sent:
        async with desk.database.begin() as conn:
            change = await queue.do_reply(conn, handoff_id, _taker(agent), body.text, body.client_id)
        if change.is_new:
            await queue.announce(bus, change)
        return schema.Sent(message=desk.message(change.messages[0]))

    @api.post("/handoffs/{handoff_id}/messages/{message_id}/resend")
    async def resend(handoff_id: str, message_id: str, agent: Annotated[Agent, Depends(access.may_act)]) -> schema.Sent:
        """Send a message again that did not reach the customer."""
        async with desk.database.begin() as conn:
            change = await queue.do_send_again(conn, handoff_id, _taker(agent), message_id)
        if change.is_new:
            await queue.announce(bus, change)
        return schema.Sent(message=desk.message(change.messages[0]))

    @api.post("/handoffs/{handoff_id}/close")
    async def close(
        handoff_id: str, body: schema.Close, agent: Annotated[Agent, Depends(access.may_act)]
    ) -> schema.Closed:
        async with desk.database.begin() as conn:
            change = await queue.do_close(conn, handoff_id, _taker(agent), body.resolution, body.note)
        await queue.announce(bus, change)
        return schema.Closed(handoff=await desk.card(change.handoff))


def _add_tickets(api: APIRouter, access: Access, desk: Desk, bus: Bus) -> None:
    @api.post("/handoffs/{handoff_id}/ticket")
    async def make_ticket(
        handoff_id: str, body: schema.NewTicket, agent: Annotated[Agent, Depends(access.may_act)]
    ) -> schema.TicketAnswer:
        async with desk.database.begin() as conn:
            handoff = await record.read(conn, handoff_id)
            ticket = await tickets.do_create(
                conn,
                handoff.conversation_id,
                **body.model_dump(),
                created_by=f"agent:{agent.id}",
                handoff_id=handoff.id,
            )
        await tickets.announce(bus, ticket)
        return schema.TicketAnswer(ticket=ticket_view(ticket))

    @api.get("/tickets")
    async def list_tickets(
        agent: Annotated[Agent, Depends(access.signed_in)], status: tickets.Status | None = None
    ) -> schema.TicketList:
        """Newest first."""
        async with desk.database.connect() as conn:
            found = schema.TicketList(tickets=[ticket_view(ticket) for ticket in await tickets.listed(conn, status)])
        return found if agent.may_act else masked(found)

    @api.patch("/tickets/{ticket_id}")
    async def update_ticket(
        ticket_id: str, body: schema.TicketChange, agent: Annotated[Agent, Depends(access.may_act)]
    ) -> schema.TicketAnswer:
        async with desk.database.begin() as conn:
            ticket = await tickets.do_update(conn, ticket_id, body.status, by=f"agent:{agent.id}")
        await tickets.announce(bus, ticket)
        return schema.TicketAnswer(ticket=ticket_view(ticket))


def _add_links(api: APIRouter, access: Access, database: Database, bus: Bus) -> None:
    @api.post("/links/{link_id}/undo", status_code=204)
    async def undo_link(link_id: str, agent: Annotated[Agent, Depends(access.administrator)]) -> None:
        """Lead a customer back to where they were before a link. Undoing it again changes nothing."""
        async with database.begin() as conn:
            link = await links.do_undo(conn, link_id, agent.id)
        await links.announce_undone(bus, link)


def _add_stream(api: APIRouter, access: Access, stream: DeskStream) -> None:
    @api.get("/stream", response_class=EventSourceResponse)
    async def follow(request: Request, agent: Annotated[Agent, Depends(access.signed_in)]) -> EventSourceResponse:
        """Server-sent events `queue`, `message`, `delivery` and `owner`; an open stream is the agent's sign of life."""

        async def still_signed_in() -> bool:
            return await access.still_signed_in(request)

        return EventSourceResponse(stream.events(agent, still_signed_in), ping=PING_SECONDS)


def _taker(agent: Agent) -> queue.Taker:
    return queue.Taker(agent.id, agent.name, is_admin=agent.role == "admin")
