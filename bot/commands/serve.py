"""`./kefu serve ROOM`: this process becomes that part, for a service manager to keep."""

import os

from bot import services
from bot.commands.up import CannotStart, ensure_prepared, prepared_secrets
from bot.model_switch import Active, announce
from training.registry import Registry


def serve(room: str, overrides: dict[str, str]) -> None:
    """Raises CannotStart when that part is somebody else's. Does not return otherwise."""
    os.environ.update(overrides)
    settings = prepared_secrets()
    if room == "stores":
        if not services.runs_stores(settings):
            raise CannotStart("KEFU_REDIS_URL names another server; there is no embedded one to run.")
        service = services.stores(settings)
    else:
        ensure_prepared(settings)
        if room == "app":
            service = services.app(settings, overrides)
        else:
            version = Registry(settings).current()
            announce(settings, Active(version.name, settings.assistant_url))
            service = services.assistant(settings, version.assistant)
    os.chdir(settings.home)
    command = [str(part) for part in service.command]
    os.execve(command[0], command, dict(service.environment))
