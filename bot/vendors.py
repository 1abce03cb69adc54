"""The vendors' channels that a deployment has: read from one YAML file, checked, and opened.

wechat:                      # the channel's name: part of its callback's path, and shown at the desk
  kind: wechat
  app_id: wx0123456789abcdef
  app_secret: ${WECHAT_SECRET}     # from the environment or .env: secrets stay out of the file
feishu:
  kind: webhook              # any vendor that a mapping file describes (connectors/webhook)
  mapping: feishu.yml        # relative to this file
  secrets: {app_id: cli_…, …}
"""

import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from dotenv import dotenv_values
from fastapi import APIRouter
from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from connectors.delivery import Delivery
from connectors.intake import Intake
from connectors.limits import Limits
from connectors.media import MediaStore
from connectors.protocol import Courier
from connectors.webhook.channel import WebhookChannel
from connectors.webhook.settings import FOLDER, WebhookSettings
from connectors.wechat.channel import WechatChannel
from connectors.wechat.settings import WechatSettings
from connectors.wecom.channel import WeComChannel
from connectors.wecom.settings import WeComSettings
from connectors.wecom_kf.channel import WeComKfChannel
from connectors.wecom_kf.settings import WeComKfSettings
from core.bus import Bus
from core.conversation import lease
from core.errors import SettingsError
from core.settings import HOME
from core.storage.database import Database
from handoff.elsewhere import do_give_away

_VARIABLE = re.compile(r"\$\{(\w+)\}")


class Wechat(WechatSettings):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["wechat"]


class Webhook(WebhookSettings):
    kind: Literal["webhook"]


class WeCom(WeComSettings):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["wecom"]


class WeComKf(WeComKfSettings):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["wecom_kf"]


Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
ChannelSettings = Annotated[Wechat | WeCom | WeComKf | Webhook, Field(discriminator="kind")]
_FILE: TypeAdapter[dict[Name, ChannelSettings]] = TypeAdapter(dict[Name, ChannelSettings])
TAKEN = {"web", "rest", "socketio", "app", "api", "health"}


@dataclass(frozen=True)
class Tools:
    """What every channel is given."""

    database: Database
    bus: Bus
    intake: Intake
    limits: Limits
    media: MediaStore

    async def owner_of(self, conversation_id: str) -> str:
        async with self.database.connect() as conn:
            return (await lease.read(conn, conversation_id)).owner


@dataclass(frozen=True)
class Opened:
    """One channel, put together. `run` is its work in the background, if it has any."""

    courier: Courier
    router: Callable[[Delivery], APIRouter]
    close: Callable[[], Awaitable[None]]
    run: Callable[[], Coroutine[Any, Any, None]] | None = None


@dataclass(frozen=True)
class Vendors:
    """`work` runs as long as the app does; delivery is part of it."""

    routers: tuple[APIRouter, ...]
    work: tuple[Callable[[], Coroutine[Any, Any, None]], ...]


def read(path: Path | None) -> dict[str, ChannelSettings]:
    """The channels of the file by name; none without one. Raises SettingsError naming what is wrong."""
    if path is None:
        return {}
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        raise SettingsError(f"KEFU_CHANNELS: {path} cannot be read: {error}") from None
    known = {name: value for name, value in dotenv_values(HOME / ".env").items() if value} | dict(os.environ)
    try:
        found = _FILE.validate_python(_filled(content, known, path), context={FOLDER: path.parent})
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors()
        )
        raise SettingsError(f"{path}: {faults}") from None
    if taken := sorted(TAKEN & set(found)):
        raise SettingsError(f"{path}: {', '.join(taken)} is a name of Kefu's own; choose another one")
    return found


@asynccontextmanager
async def opened(settings: Mapping[str, ChannelSettings], tools: Tools) -> AsyncIterator[Vendors]:
    async with AsyncExitStack() as stack:
        channels = [_open(name, one, tools) for name, one in settings.items()]
        for channel in channels:
            stack.push_async_callback(channel.close)
        delivery = Delivery(tools.database, tools.bus, [channel.courier for channel in channels])
        yield Vendors(
            tuple(channel.router(delivery) for channel in channels),
            (delivery.run, *(channel.run for channel in channels if channel.run)),
        )


def _open(name: str, settings: ChannelSettings, tools: Tools) -> Opened:
    match settings:
        case Wechat():
            wechat = WechatChannel(name, settings, tools.bus.redis, tools.media)
            return Opened(
                wechat.courier,
                lambda delivery: wechat.router(tools.intake, delivery, tools.bus, tools.limits, tools.owner_of),
                wechat.aclose,
            )
        case WeCom():
            wecom = WeComChannel(name, settings, tools.bus.redis, tools.media)
            return Opened(wecom.courier, lambda _delivery: wecom.router(tools.intake, tools.limits), wecom.aclose)
        case WeComKf():
            kf = WeComKfChannel(
                name, settings, tools.database, tools.bus, tools.intake, tools.media, tools.limits, do_give_away
            )
            return Opened(kf.courier, lambda _delivery: kf.router(), kf.aclose, kf.run)
        case Webhook():
            hook = WebhookChannel(name, settings, tools.bus.redis, tools.media)
            return Opened(hook.courier, lambda _delivery: hook.router(tools.intake, tools.limits), hook.aclose)


def _filled(value: Any, known: Mapping[str, str], path: Path) -> Any:
    """`${NAME}` stands for a variable of the environment."""
    if isinstance(value, dict):
        return {key: _filled(part, known, path) for key, part in value.items()}
    if isinstance(value, list):
        return [_filled(part, known, path) for part in value]
    if not isinstance(value, str):
        return value
    if missing := [name for name in _VARIABLE.findall(value) if name not in known]:
        raise SettingsError(f"{path} names ${{{missing[0]}}}, which is not set")
    return _VARIABLE.sub(lambda found: known[found[1]], value)
