"""A mapping file: what a vendor pushes and takes, in terms of what Kefu understands. Data only.

`README.md` says what each key does; `examples/` has whole files.
"""

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from connectors.webhook import receiving, sending
from connectors.webhook.parts import At, Part
from connectors.webhook.receiving import Answer, Challenge, Checks, Decrypt, Message
from connectors.webhook.sending import Answers, Media, PaceAt, Send, Token, Upload
from connectors.webhook.templates import SECRETS, Body, Template


class Mapping(Part):
    format: Literal["json", "form"] = "json"
    decrypt: Decrypt | None = None
    verify: Checks
    challenge: Challenge | None = None
    messages: At | None = None
    """Where a list of messages stands; by default the body is one. Each has the whole body and headers beside it."""
    receive: Annotated[tuple[Message, ...], Field(min_length=1)]
    acknowledge: Answer = Answer()
    send: Send
    token: Token | None = None
    upload: Upload | None = None
    media: Media = Media()
    answers: Answers = Answers()
    pace: PaceAt = PaceAt()

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        names = set(_names(self))
        if "token" in names and self.token is None:
            raise ValueError("{{ token }} is named, but there is no `token:` that says how to get one")
        if self.send.image and "image_id" in self.send.image.names and self.upload is None:
            raise ValueError("send.image names image_id, but there is no `upload:` that says how to get one")
        if any(at.media_id for message in self.receive for at in message.attachments) and self.media.url is None:
            raise ValueError("an attachment has a media_id, but there is no `media:` with a url to fetch it from")
        return self

    @property
    def secrets(self) -> frozenset[str]:
        """The secrets that it names."""
        start = f"{SECRETS}."
        return frozenset(name.removeprefix(start) for name in _names(self) if name.startswith(start))


def read(path: Path) -> Mapping:
    """Raises ValueError, which names each key that is wrong and says how to mend it."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    try:
        return Mapping.model_validate(content)
    except ValidationError as error:
        raise ValueError(f"{path}: {'; '.join(_faults(error))}") from None


def _faults(error: ValidationError) -> Iterator[str]:
    for fault in error.errors():
        if fault["type"] != "too_short" or not fault["input"]:  # otherwise what it holds is wrong, and said already
            yield _said(fault["loc"], fault["type"], fault["msg"])


def _said(place: tuple[int | str, ...], kind: str, message: str) -> str:
    where = ".".join(map(str, place)) or "the file"
    match kind:
        case "missing":
            return f"{where} is missing"
        case "extra_forbidden":
            close = get_close_matches(str(place[-1]), _KEYS, n=1)
            return f"{where} is no key that is known" + (f"; is it {close[0]}?" if close else "; take it out")
    return f"{where}: {message.removeprefix('Value error, ')}"


def _names(part: Any) -> Iterator[str]:
    """Everything that templates of a part name."""
    match part:
        case Template() | Body():
            yield from part.names
        case BaseModel():
            yield from _names([value for _name, value in part])
        case dict():
            yield from _names(list(part.values()))
        case list() | tuple():
            for value in part:
                yield from _names(value)


_MODELS = (*vars(receiving).values(), *vars(sending).values(), Mapping)
_KEYS = sorted(
    {
        field.alias or name
        for model in _MODELS
        if isinstance(model, type) and issubclass(model, Part)
        for name, field in model.model_fields.items()
    }
)
