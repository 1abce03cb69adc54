"""What a mapping file says of what goes out: the vendor's calls, and what its answers mean."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from connectors.protocol import Pace
from connectors.webhook.parts import LOGGED_IN, At, Code, Part, Text, body_of, template_of
from connectors.webhook.templates import Body, Template

CALLED = LOGGED_IN | {"token"}
SENT = CALLED | {"recipient", "id"}
FETCHED = CALLED | {"media_id", "message_id", "kind"}

Method = Literal["GET", "POST", "PUT", "PATCH"]
Encoding = Literal["json", "form"]
Failure = Literal["window_closed", "quota", "refused", "too_long", "no_permission", "bad_media", "expired", "rejected"]

_PACE = Pace()


class Token(Part):
    """The access token that calls carry: fetched once for all processes, and anew before it runs out."""

    url: Annotated[Template, template_of(LOGGED_IN, "url")]
    method: Method = "POST"
    headers: dict[str, Annotated[Template, template_of(LOGGED_IN, "header")]] = Field(default_factory=dict)
    body: Annotated[Body, body_of(LOGGED_IN)] | None = None
    encoding: Encoding = "json"
    path: At
    lifetime: At | None = None
    """Where the answer says for how many seconds it is good."""
    lifetime_seconds: float = Field(7200, gt=0)


class TextLimit(Part):
    """The longest text that the vendor takes; longer ones are sent in pieces."""

    bytes: int | None = Field(None, ge=50)
    characters: int | None = Field(None, ge=50)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.bytes is None) == (self.characters is None):
            raise ValueError("say bytes or characters")
        return self


class Send(Part):
    """How a message goes out: `body` and, over it, what is particular to a text, buttons or an image.

    Without `buttons` they are a numbered list, without `image` an image is a link.
    """

    url: Annotated[Template, template_of(SENT, "url")]
    method: Method = "POST"
    headers: dict[str, Annotated[Template, template_of(SENT, "header")]] = Field(default_factory=dict)
    encoding: Encoding = "json"
    body: Annotated[Body, body_of(SENT)] = Body.parse({}, SENT)
    text: Annotated[Body, body_of(SENT | {"text"})]
    buttons: Annotated[Body, body_of(SENT | {"text", "buttons"})] | None = None
    image: Annotated[Body, body_of(SENT | {"image_url", "image_id"})] | None = None
    text_limit: TextLimit | None = None


class Upload(Part):
    """How an image gets an id of the vendor's, which `send.image` then names as `image_id`."""

    url: Annotated[Template, template_of(CALLED, "url")]
    headers: dict[str, Annotated[Template, template_of(CALLED, "header")]] = Field(default_factory=dict)
    fields: dict[str, Annotated[Template, template_of(CALLED)]] = Field(default_factory=dict)
    file: Text
    path: At


class Media(Part):
    """How what customers send is fetched: by its `media_id` from `url`, or from its own address on one of `hosts`."""

    url: Annotated[Template, template_of(FETCHED, "url")] | None = None
    headers: dict[str, Annotated[Template, template_of(FETCHED, "header")]] = Field(default_factory=dict)
    hosts: tuple[Text, ...] = ()


class Answers(Part):
    """What the vendor's answers to our calls mean. HTTP errors have a meaning without it."""

    success: At | None = None
    code: At | None = None
    token_refused: tuple[Code, ...] = ()
    try_again: tuple[Code, ...] = ()
    """Everybody waits: the vendor is busy, or we call too often."""
    busy: tuple[Code, ...] = ()
    """This customer waits."""
    undeliverable: dict[Code, Failure] = Field(default_factory=dict)


class PaceAt(Part):
    per_second: float = Field(_PACE.per_second, gt=0)
    per_customer_per_minute: int = Field(_PACE.per_customer_per_minute, ge=1)
    at_once: int = Field(_PACE.at_once, ge=1)
