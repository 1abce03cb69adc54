"""The app, killed at the first step after a message came in that it has not died at before, and started again.

SIGKILL, so nothing is cleaned up. A step is a moment at which something outside the process has just changed: a write
was committed, something was said on the bus, the assistant has answered; and the moment before a write is committed.
From one step to the next nothing changes that a restart could find, so these are all the points that differ.

Each life is a process of its own, forked from this one, which has only imported: so a start takes a second, not five.
Its steps are written to a file named by its number, in the folder that is given. A step is told from others by its name
and by how many of that name came before in this life ("after commit 3"), not by its place among all: work in the
background puts steps of its own between them, sooner or later.
"""

import gc
import itertools
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from sqlalchemy.ext.asyncio import AsyncConnection

import bot.app
from bot.rasa_client import Assistant
from connectors.intake import Intake
from core.bus import Bus
from core.storage.database import Database

original_begin = Database.begin
original_accept = Intake.accept


class Life:
    """Counts its steps from the first message on, and ends at the first where no earlier life has ended."""

    def __init__(self, number: int, folder: Path) -> None:
        earlier = (folder / str(before) for before in range(1, number))
        self.fatal = {file.read_text(encoding="utf-8").splitlines()[-1] for file in earlier}
        self.file = folder / str(number)
        self.file.touch()
        self.steps: list[str] = []
        self.counts: Counter[str] = Counter()
        self.armed = False

    def step(self, name: str) -> None:
        if self.armed:
            self.counts[name] += 1
            self.steps.append(f"{name} {self.counts[name]}")
            self.file.write_text("\n".join(self.steps), encoding="utf-8")
            if self.steps[-1] not in self.fatal:
                os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        life = self

        @asynccontextmanager
        async def begin(database: Database, *, durable: bool = True) -> AsyncIterator[AsyncConnection]:
            async with original_begin(database, durable=durable) as conn:
                yield conn
                life.step("before commit")
            life.step("after commit")

        async def accept(intake: Intake, *args: Any) -> Any:
            life.armed = True
            return await original_accept(intake, *args)

        Database.begin = begin  # type: ignore[method-assign]
        Intake.accept = accept  # type: ignore[method-assign]
        self.after(Bus, "publish")
        self.after(Assistant, "take_turn")

    def after(self, owner: type, name: str) -> None:
        original = getattr(owner, name)

        async def watched(*args: Any, **kwargs: Any) -> Any:
            result = await original(*args, **kwargs)
            self.step(f"after {name}")
            return result

        setattr(owner, name, watched)


def main(host: str, port: str, folder: str) -> None:
    gc.freeze()
    for number in itertools.count(1):
        child = os.fork()
        if child == 0:
            Life(number, Path(folder)).watch()
            uvicorn.run(bot.app.create_app(), host=host, port=int(port), access_log=False)
            return
        _, status = os.waitpid(child, 0)
        if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
            sys.exit(f"life {number} ended by itself: {status}")


if __name__ == "__main__":
    main(*sys.argv[1:])
