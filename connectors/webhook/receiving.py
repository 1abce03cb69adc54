"""What a mapping file says of what comes: who may push, and where in a push is what."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from connectors.webhook.parts import LOGGED_IN, At, Part, Text, body_of, template_of
from connectors.webhook.templates import SECRETS, Body, Template
from core.conversation.message import Kind

SIGNED = frozenset({"raw", "query", "headers", "timestamp", SECRETS})
CHALLENGED = frozenset({"body", "query", "headers", SECRETS})


def _needs_secret(template: Template) -> Template:
    if not any(name.startswith(f"{SECRETS}.") for name in template.names):
        raise ValueError(f"{template.source!r} names no secret, e.g. {{{{ secrets.token }}}}, so anybody could sign")
    return template


Secret = Annotated[Template, template_of(LOGGED_IN), AfterValidator(_needs_secret)]


class Place(Part):
    """Where something stands in a request: a header, a parameter of the address, or a path into the body."""

    header: Text | None = None
    query: Text | None = None
    body: At | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("say one of header, query and body")
        return self


class _Signature(Part):
    hash: Literal["md5", "sha1", "sha256", "sha512"]
    message: Annotated[Template, template_of(SIGNED)]
    """What is signed. `raw` is the body as it came."""
    signature: Place
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    """What stands before the signature, e.g. `sha256=`."""
    timestamp: Place | None = None
    """When it was signed: seconds or milliseconds since 1970. In the message it is `timestamp`."""
    max_skew_seconds: float = Field(300, gt=0)

    @model_validator(mode="after")
    def _timestamp_is_signed(self) -> Self:
        if self.timestamp is None:
            return self
        covered = "timestamp" in self.message.names or (self.timestamp.body and "raw" in self.message.names)
        if not covered:
            raise ValueError("message must contain {{ timestamp }}, or anybody could put another one there")
        return self


class HashCheck(_Signature):
    """A hash over a text that contains a secret."""

    scheme: Literal["hash"]

    @model_validator(mode="after")
    def _is_secret(self) -> Self:
        _needs_secret(self.message)
        return self


class HmacCheck(_Signature):
    scheme: Literal["hmac"]
    key: Secret


class TokenCheck(Part):
    """A secret that the vendor sends along as it is."""

    scheme: Literal["token"]
    given: Place
    equals: Secret


Check = Annotated[HashCheck | HmacCheck | TokenCheck, Field(discriminator="scheme")]
Checks = Annotated[tuple[Check, ...], Field(min_length=1)]


class Decrypt(Part):
    """What is pushed stands in the body as base64 of AES-256-CBC.

    The key is the SHA-256 of a secret, the first block is the IV, the padding PKCS7.
    """

    at: At
    key: Secret


class Answer(Part):
    """What is answered: `json` or `text`, or nothing."""

    status: int = Field(200, ge=200, le=299)
    text: Annotated[Template, template_of(CHALLENGED)] | None = None
    content: Annotated[Body, body_of(CHALLENGED)] | None = Field(None, alias="json")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.text and self.content:
            raise ValueError("say text or json, not both")
        return self


class Challenge(Part):
    """How the vendor confirms our address. `when` looks at the body of a POST and the query of a GET."""

    method: Literal["GET", "POST"] = "POST"
    when: At | None = None
    verify: Checks | None = None
    """By default what every push is checked by."""
    answer: Answer

    @model_validator(mode="after")
    def _is_told_apart(self) -> Self:
        if self.method == "POST" and self.when is None:
            raise ValueError("say `when` a POST is a challenge, or no message would come through")
        return self


class AttachmentAt(Part):
    """Something beside words. `media_id` is fetched by `media`, `url` shown as a link (or fetched, see `media`)."""

    kind: Kind
    when: At | None = None
    media_id: At | None = None
    url: At | None = None
    title: At | None = None
    latitude: At | None = None
    longitude: At | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude come together")
        if not (self.media_id or self.url or self.latitude):
            raise ValueError("say where it is: media_id, url, or latitude and longitude")
        return self


class Event(Part):
    """Something happened: `text` is what agents read, `payload` what the bot is told, e.g. /greet."""

    text: Text
    payload: Annotated[str, Field(pattern=r"^/[a-z_]+$")]


class AllowanceAt(Part):
    """How many messages may follow on what the customer said, and for how long."""

    count: int = Field(ge=0)
    seconds: float = Field(gt=0)


class Message(Part):
    """One kind of what is pushed. The first whose `when` holds is taken; what none takes is ignored."""

    when: At | None = None
    id: At
    sender: At
    text: At | None = None
    payload: At | None = None
    """Of a button that was pressed."""
    attachments: tuple[AttachmentAt, ...] = ()
    event: Event | None = None
    unionid: At | None = None
    """Links the customer to the same one of other channels: only what nobody but the vendor can put there."""
    allowance: AllowanceAt | None = None
