"""What the channels file says of a channel of this kind."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationInfo, model_validator

from connectors.webhook.mapping import Mapping, read

FOLDER = "folder"


def _read(path: object, info: ValidationInfo) -> Mapping:
    """`path` is relative to the folder of the channels file, which the validation's context names."""
    if isinstance(path, Mapping):
        return path
    if not isinstance(path, str | Path):
        raise ValueError("say where the mapping file is, relative to the channels file")
    return read((info.context or {}).get(FOLDER, Path()) / path)


class WebhookSettings(BaseModel):
    """`secrets`: what the mapping file names as `secrets.…`, so that none stands in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mapping: Annotated[Mapping, BeforeValidator(_read)]
    secrets: dict[str, SecretStr] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _secrets_are_there(self) -> Self:
        if missing := sorted(self.mapping.secrets - set(self.secrets)):
            raise ValueError(f"the mapping names {', '.join(missing)}: put it under `secrets:` of this channel")
        if unused := sorted(set(self.secrets) - self.mapping.secrets):
            raise ValueError(f"the mapping does not name {', '.join(unused)}: take it out of `secrets:`")
        if empty := sorted(name for name, value in self.secrets.items() if not value.get_secret_value()):
            raise ValueError(f"{', '.join(empty)} of `secrets:` is empty, so anybody could sign with it")
        return self

    @property
    def plain_secrets(self) -> dict[str, str]:
        return {name: value.get_secret_value() for name, value in self.secrets.items()}
