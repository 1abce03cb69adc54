"""What the parts of a mapping file are made of."""

from functools import partial
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from connectors.webhook.paths import Path
from connectors.webhook.templates import SECRETS, Body, Kind, Template


class Part(BaseModel):
    """Unknown keys are refused: a misspelt one would otherwise do nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def template_of(known: frozenset[str], kind: Kind = "text") -> PlainValidator:
    """`known`: what may stand in it."""
    return PlainValidator(partial(Template.parse, known=known, kind=kind))


def body_of(known: frozenset[str]) -> PlainValidator:
    return PlainValidator(partial(Body.parse, known=known))


LOGGED_IN = frozenset({SECRETS})

At = Annotated[Path, PlainValidator(Path.parse)]
Text = Annotated[str, Field(min_length=1)]
Code = Annotated[str, BeforeValidator(str)]
