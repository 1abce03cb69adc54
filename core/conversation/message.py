"""What is said: plain data, no I/O."""

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

Author = Literal["customer", "bot", "agent", "system"]
Kind = Literal["image", "voice", "video", "file", "location", "link"]
ProofKind = Literal["member", "unionid", "phone"]


def new_id() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class Button:
    title: str
    payload: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """What came with a message beside words. `media_id` names stored media (`core.media`), `url` what lies elsewhere.

    `title` is shown to the agent: a file's name, a link's title, a place's address. A `position` is latitude and
    longitude in degrees.
    """

    kind: Kind
    media_id: str | None = None
    url: str | None = None
    title: str | None = None
    position: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """Something that only one person has, verified by whoever signed it: never a name that somebody merely gave.

    The same proof on two channels is the same customer (`core.conversation.identity`).
    """

    kind: ProofKind
    value: str


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many messages the vendor lets us send to this customer from now on, and for how long (seconds)."""

    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message as a connector took it from its vendor.

    `vendor_id` is the vendor's id of the message; a second one with the same channel and id is a repeat.
    `sender` is the customer's id within the channel. `proofs` link it to the same customer elsewhere. `member_id` is
    set by a verified link only, and a conversation keeps the member it began with: a connector puts the member into
    `sender` where both kinds can occur. (With a proof of the kind "member" it need not be given.)

    `event` is what the vendor says happened (somebody followed, opened the chat): its payload is the connector's own
    and need not have been offered as a button. `numbered`: this channel shows buttons as a numbered list.
    """

    channel: str
    vendor_id: str
    sender: str
    text: str
    payload: str | None = None
    member_id: str | None = None
    attachments: tuple[Attachment, ...] = ()
    proofs: tuple[Proof, ...] = ()
    allowance: Allowance | None = None
    event: bool = False
    numbered: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)
    received_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Reply:
    """One message to the customer. At least one of text, buttons, image, custom, attachments is there."""

    text: str | None = None
    buttons: tuple[Button, ...] = ()
    image: str | None = None
    custom: dict[str, Any] | None = None
    attachments: tuple[Attachment, ...] = ()


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
    sender: str
    status: str
    reply_to: str | None
    created_at: datetime
    payload: str | None = None
    client_id: str | None = None
    attachments: tuple[Attachment, ...] = ()
    failure: str | None = None

    def as_json(self) -> dict[str, Any]:
        """As pages and apps read it. What a customer pressed (`payload`) and the delivery stay inside."""
        return {
            "id": self.id,
            "seq": self.seq,
            "author": self.author,
            "author_name": self.author_name,
            "text": self.text,
            "buttons": [asdict(button) for button in self.buttons],
            "image": self.image,
            "custom": self.custom,
            "attachments": [asdict(attachment) for attachment in self.attachments],
            "channel": self.channel,
            "reply_to": self.reply_to,
            "client_id": self.client_id,
            "created_at": self.created_at.isoformat(),
        }
