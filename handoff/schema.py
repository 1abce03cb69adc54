"""The JSON that the desk page reads and writes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from handoff.agents import Role
from handoff.facts import Facts
from handoff.queue import LONGEST_REPLY, Resolution
from handoff.tickets import LONGEST_BODY, LONGEST_SUBJECT, Priority, Status

Named = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Login(Request):
    username: Named
    password: Annotated[str, StringConstraints(min_length=1, max_length=256)]


class Availability(Request):
    available: bool


class AgentReply(Request):
    client_id: Annotated[str, StringConstraints(pattern=r"^[\w-]{1,64}$")]
    """Made by the page; the same one again is the same message."""
    text: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_REPLY)]


class Close(Request):
    resolution: Resolution
    note: Annotated[str, StringConstraints(max_length=LONGEST_BODY)] | None = None


class NewTicket(Request):
    subject: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_SUBJECT)]
    body: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_BODY)]
    priority: Priority = "normal"


class TicketChange(Request):
    status: Status


class AgentView(BaseModel):
    id: str
    username: str
    name: str
    role: Role
    available: bool


class AgentAnswer(BaseModel):
    agent: AgentView


class CustomerView(BaseModel):
    name: str
    level: str | None
    vip: bool


class Card(BaseModel):
    id: str
    conversation_id: str
    customer: CustomerView
    channel: str
    channel_label: str
    reason: str
    reason_label: str
    priority: int
    created_at: datetime
    waiting_seconds: int
    taken_by: str | None
    taken_by_id: str | None
    status: Literal["waiting", "taken", "closed", "cancelled"]
    resolution: Resolution | None
    note: str | None
    closed_at: datetime | None
    last_text: str | None
    unread: int = Field(description="What the customer said since an agent last spoke")
    undelivered: int = Field(description="Messages that did not reach the customer")


class Queue(BaseModel):
    waiting: list[Card]
    mine: list[Card]
    others: list[Card] = Field(description="Taken by other agents")
    recent: list[Card]
    agents_available: int


class SummaryLine(BaseModel):
    kind: str
    label: str
    text: str
    message_id: str | None


class SummaryView(BaseModel):
    lines: list[SummaryLine]


class EvidenceView(BaseModel):
    signal: str
    label: str
    value: float | list[str]
    threshold: float
    fired: bool
    decisive: bool
    without: str | None
    without_label: str | None = Field(description="The reason there would have been without this signal")


class DecisionView(BaseModel):
    handoff: bool
    reason: str
    reason_label: str
    evidence: list[EvidenceView]


class ButtonView(BaseModel):
    title: str
    payload: str


class AttachmentView(BaseModel):
    kind: Literal["image", "voice", "video", "file", "location", "link"]
    media_id: str | None
    url: str | None = Field(description="Signed where it is stored media; runs out after a while")
    title: str | None
    position: tuple[float, float] | None = Field(description="Latitude and longitude in degrees")


class MessageView(BaseModel):
    id: str
    seq: int
    author: Literal["customer", "bot", "agent", "system"]
    author_name: str | None
    text: str | None
    buttons: list[ButtonView]
    image: str | None
    custom: dict[str, Any] | None
    attachments: list[AttachmentView]
    channel: str
    channel_label: str
    created_at: datetime
    reply_to: str | None
    client_id: str | None
    undelivered: str | None = None
    """Why it did not reach the customer; it can be sent again."""


class TicketView(BaseModel):
    id: str
    number: str
    conversation_id: str
    handoff_id: str | None
    member_id: str | None
    subject: str
    body: str
    priority: Priority
    status: Status
    created_by: str
    created_at: datetime
    updated_at: datetime


class LinkView(BaseModel):
    id: str | None = Field(description="For who may undo it")
    kind: Literal["member", "unionid", "phone"]
    kind_label: str
    created_at: datetime


class ChannelView(BaseModel):
    """A channel that the customer comes by. `link`: what proved that it is the same customer."""

    channel: str
    channel_label: str
    since: datetime
    link: LinkView | None


class Detail(BaseModel):
    handoff: Card
    summary: SummaryView
    decision: DecisionView
    messages: list[MessageView]
    earlier: list[MessageView] = Field(description="Said in other conversations before a link led here")
    channels: list[ChannelView]
    facts: Facts | None
    facts_missing: str | None = Field(description="Why there are no facts, in Chinese")
    tickets: list[TicketView]


class Sent(BaseModel):
    message: MessageView


class TicketAnswer(BaseModel):
    ticket: TicketView


class TicketList(BaseModel):
    tickets: list[TicketView]


class Closed(BaseModel):
    handoff: Card
