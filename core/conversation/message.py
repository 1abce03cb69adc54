"""What is said: plain data, no I/O."""

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

Author = Literal["customer", "bot", "agent", "system"]


def new_id() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class Button:
    title: str
    payload: str


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message as a connector took it from its vendor.

    `vendor_id` is the vendor's id of the message; a second one with the same channel and id is a repeat.
    `sender` is the customer's id within the channel. `member_id` is set by a verified link only, and a conversation
    keeps the member it began with: a connector puts the member into `sender` where both kinds can occur.
    """

    channel: str
    vendor_id: str
    sender: str
    text: str
    payload: str | None = None
    member_id: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    received_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Reply:
    """One message to the customer. At least one of text, buttons, image, custom is there."""

    text: str | None = None
    buttons: tuple[Button, ...] = ()
    image: str | None = None
    custom: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One line of a transcript. `seq` counts up within its conversation, both directions together."""

    id: str
    conversation_id: str
    seq: int
    direction: Literal["in", "out"]
    author: Author
    author_name: str | None
    text: str | None
    buttons: tuple[Button, ...]
    image: str | None
    custom: dict[str, Any] | None
    channel: str
    status: str
    reply_to: str | None
    created_at: datetime
    payload: str | None = None
    client_id: str | None = None

    def as_json(self) -> dict[str, Any]:
        """As pages and apps read it. What a customer pressed (`payload`) and the status stay inside."""
        return {
            "id": self.id,
            "seq": self.seq,
            "author": self.author,
            "author_name": self.author_name,
            "text": self.text,
            "buttons": [asdict(button) for button in self.buttons],
            "image": self.image,
            "custom": self.custom,
            "channel": self.channel,
            "reply_to": self.reply_to,
            "client_id": self.client_id,
            "created_at": self.created_at.isoformat(),
        }
