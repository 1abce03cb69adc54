"""Moves the traffic of a running Kefu from one version to another: the new assistant comes up beside the old one, new
turns go to it once it is ready, and the old one ends after its own turns have."""

import asyncio
from typing import Any

from bot import services
from bot.control import Say
from bot.model_switch import LOOK_SECONDS, Active, announce
from bot.supervisor import Supervisor
from core.errors import Conflict
from core.settings import Settings
from training.registry import Registry

NAMES = ("assistant", "assistant-beside")
LINGER_SECONDS = 4 * LOOK_SECONDS
"""The old one still answers while the processes of the app look, and load the sentiment model. One that is later yet is
refused a connection and takes its turn again where it belongs."""


class Mover:
    def __init__(self, settings: Settings, supervisor: Supervisor) -> None:
        self._settings = settings
        self._supervisor = supervisor
        self._registry = Registry(settings)
        self._moving = asyncio.Lock()

    async def move(self, order: dict[str, Any], say: Say) -> str:
        """The order `{"version", "why", "details"}`. Raises Conflict while another move is under way, StartFailed, with
        nothing changed, when the new assistant does not come up."""
        if self._moving.locked():
            raise Conflict("another version is just being moved to")
        async with self._moving:
            version = self._registry.find(order["version"])
            old = next(name for name in NAMES if self._supervisor.has(name))
            new = next(name for name in NAMES if name != old)
            service = services.assistant(self._settings, version.assistant, services.free_port(), new)
            url = services.assistant_url(service)

            async def moved() -> None:
                self._registry.point_to(version, order["why"], **order.get("details", {}))
                announce(self._settings, Active(version.name, url))
                say(f"new turns go to {version.name} at {url}; the old assistant ends its own")

            say(f"starting {version.name} beside the one that serves")
            await self._supervisor.replace(old, service, moved, LINGER_SECONDS)
            return f"{version.name} serves"
