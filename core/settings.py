"""Settings: `KEFU_…` variables, an optional `.env`, and the secrets made on first run (`var/secrets.env`).

An unknown or malformed key stops the start and is named. Secrets have no defaults in code.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from dotenv import dotenv_values
from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.errors import SettingsError

HOME = Path(__file__).resolve().parent.parent
PREFIX = "KEFU_"
OF_TESTS = "KEFU_TEST_"  # which stores the tests use: no settings of the product


def _split(value: Any) -> Any:
    """`https://a.example, https://b.example` as a tuple."""
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


class Settings(BaseSettings):
    """Everything that can be set. Paths are absolute once loaded; URLs name their stores."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    home: Path = HOME
    var_dir: Path = HOME / "var"
    pages_dir: Path | None = None

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    public_url: str | None = None
    brand: str = "小满优选"

    database_url: str = ""
    redis_url: str = ""
    assistant_url: str = "http://127.0.0.1:5005"
    assistant_timeout_seconds: float = Field(20.0, gt=0)

    demo: bool = True
    demo_shop_url: str = ""
    backend: Literal["demo", "http"] = "demo"
    backend_url: str | None = None
    backend_token: SecretStr | None = None
    backend_timeout_seconds: float = Field(2.5, gt=0)

    encoder: str = "embedded"
    # Sites whose scripts may call the web chat's API, and sites that may show the chat in a frame (the widget).
    cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = ()
    widget_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = ()
    # Addresses and networks of our own proxies: only they say who the customer is (X-Forwarded-For).
    trusted_proxies: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = ("127.0.0.1", "::1")

    # The channels beside web, app and Rasa's own: a YAML file (`bot/channels.py`).
    channels: Path | None = None
    # WeChat to try out without an account: a fake of its server, with a phone in the browser, on this machine only.
    demo_wechat: bool = False
    demo_wechat_port: int = Field(8070, ge=1, le=65535)
    # The app's own server: told of answers that wait for customers whose app is closed (`connectors/app/push.py`).
    app_push_url: str | None = None
    # Where codes for phone numbers are sent from: takes `{"phone", "code"}`, signed (`connectors/phone.py`).
    sms_url: str | None = None

    messages_per_minute: int = Field(30, ge=0)  # of one customer; 0: as many as they like
    requests_per_minute: int = Field(600, ge=0)  # of one address, this machine excepted; 0: as many as it likes
    body_max_bytes: int = Field(1024 * 1024, gt=0)
    media_max_bytes: int = Field(10 * 1024 * 1024, gt=0)
    metrics_token: SecretStr | None = None  # asked for by /metrics, which otherwise is for this machine only

    secret_key: SecretStr
    data_key: SecretStr
    action_token: SecretStr
    member_key: SecretStr | None = None
    demo_agent_password: SecretStr | None = None

    def model_post_init(self, _context: Any) -> None:
        derive = {
            "var_dir": self.var_dir.absolute(),
            "pages_dir": self.pages_dir or self.var_dir / "pages",
            "database_url": self.database_url or f"sqlite+aiosqlite:///{self.var_dir / 'kefu.db'}",
            "demo_shop_url": self.demo_shop_url or f"sqlite+aiosqlite:///{self.var_dir / 'demo_shop.db'}",
            "redis_url": self.redis_url or f"unix://{self.var_dir / 'valkey' / 'valkey.sock'}",
            "public_url": self.public_url or f"http://{self.host}:{self.port}",
        }
        for name, value in derive.items():
            object.__setattr__(self, name, value)


def load_settings(**overrides: Any) -> Settings:
    """Read the settings once, at start.

    Sources, strongest first: `overrides`, the environment, `.env`, `secrets.env` of the var folder.
    Raises SettingsError naming every key that is unknown, missing or malformed.
    """
    dotenv = HOME / ".env"
    given = _prefixed(dotenv_values(dotenv)) | _prefixed(os.environ) | overrides
    var_dir = Path(given.get("var_dir") or HOME / "var")
    values = _prefixed(dotenv_values(var_dir / "secrets.env")) | given
    unknown = sorted(set(values) - set(Settings.model_fields))
    if unknown:
        names = ", ".join(PREFIX + name.upper() for name in unknown)
        raise SettingsError(f"unknown setting {names}; see core/settings.py for the settings there are")
    try:
        return Settings(**values)
    except ValidationError as error:
        faults = "; ".join(f"{PREFIX}{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors())
        raise SettingsError(f"{faults}. Secrets are made by `./kefu up` in {var_dir / 'secrets.env'}") from None


def _prefixed(source: Any) -> dict[str, Any]:
    return {
        key[len(PREFIX) :].lower(): value
        for key, value in source.items()
        if key.startswith(PREFIX) and not key.startswith(OF_TESTS) and value not in (None, "")
    }
