"""The control channel of a running `./kefu up`: a socket in var/run that only this user may open.

One order a connection: a line of JSON, `{"order": "move", …}`. The answer is lines of JSON: `{"say": …}` while it goes
on, and at last `{"done": …}` or `{"error": …}`.
"""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from core.errors import KefuError, Unavailable
from core.settings import Settings

Say = Callable[[str], None]
Order = Callable[[dict[str, Any], Say], Awaitable[str]]
"""Carries out an order; returns what was done. Raises KefuError with the reason when it could not."""

LONGEST_ORDER = 64 * 1024
ANSWER_SECONDS = 300.0


class Refused(KefuError):
    """The running Kefu could not carry the order out; the message holds its reason."""

    code = "refused"


def socket_path(settings: Settings) -> Path:
    return settings.var_dir / "run" / "control.sock"


@contextlib.asynccontextmanager
async def listening(settings: Settings, orders: Mapping[str, Order]) -> AsyncIterator[None]:
    """While in the block, orders are taken."""
    path = socket_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def tell(**line: Any) -> None:
            writer.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")

        try:
            order = json.loads(await reader.readline())
            done = await orders[order.pop("order")](order, lambda text: tell(say=text))
            tell(done=done)
        except KefuError as error:
            tell(error=error.message)
        except (ValueError, KeyError) as error:
            tell(error=f"not an order: {error!r}")
        finally:
            with contextlib.suppress(ConnectionError):
                await writer.drain()
            writer.close()

    before = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(answer, str(path), limit=LONGEST_ORDER)
    finally:
        os.umask(before)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)


def is_open(settings: Settings) -> bool:
    """Whether a Kefu runs that takes orders."""
    with contextlib.suppress(OSError), _connected(settings):
        return True
    return False


def give(settings: Settings, order: str, say: Say, **details: Any) -> str:
    """Returns what was done. Raises Refused with the reason, Unavailable when nobody listens or it ends meanwhile."""
    try:
        with _connected(settings) as connection, connection.makefile("rwb") as lines:
            lines.write(json.dumps({"order": order, **details}).encode() + b"\n")
            lines.flush()
            for line in lines:
                answer = json.loads(line)
                if "done" in answer:
                    return str(answer["done"])
                if "error" in answer:
                    raise Refused(str(answer["error"]))
                say(str(answer["say"]))
    except OSError as error:
        raise Unavailable(f"no running Kefu takes orders at {socket_path(settings)}: {error}") from error
    raise Unavailable("Kefu ended before the order was carried out; ./kefu models says which version serves")


@contextlib.contextmanager
def _connected(settings: Settings) -> Any:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWER_SECONDS)
        connection.connect(str(socket_path(settings)))
        yield connection
