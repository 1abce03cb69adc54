"""Runs the steps that are not current, and shows what happens."""

import fcntl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.status import Status

from bot.setup.step import Stamps, Step

HEARTBEAT_SECONDS = 20.0


def stale(steps: Sequence[Step], stamps: Stamps) -> list[Step]:
    return [step for step in steps if not stamps.is_current(step)]


def prepare(steps: Sequence[Step], stamps: Stamps, console: Console) -> None:
    """Bring every step up to date, in order; a step may make an input of a later one.

    One process at a time: a second one waits for the first, and then mostly finds everything current.
    """
    with _only_one(stamps.folder, console):
        for step in steps:
            if stamps.is_current(step):
                continue
            began = time.monotonic()
            with Progress(console, step.title) as progress:
                stamps.run(step, progress.report)
            console.print(f"[green]✓[/green] {step.title}  [dim]{time.monotonic() - began:.1f} s[/dim]")


@contextmanager
def _only_one(folder: Path, console: Console) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.print("Another set-up is running here; waiting for it …")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Progress:
    """A spinner with the time and what the step last reported; where no terminal is, a line now and then."""

    def __init__(self, console: Console, title: str) -> None:
        self.console = console
        self.title = title
        self.detail = ""
        self.began = time.monotonic()
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._show, daemon=True)
        self.status: Status | None = None

    def __enter__(self) -> "Progress":
        if self.console.is_terminal:
            self.status = self.console.status(self.title)
            self.status.start()
        else:
            self.console.print(f"  {self.title} …")
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()
        if self.status:
            self.status.stop()

    def report(self, detail: str) -> None:
        self.detail = detail

    def _show(self) -> None:
        while not self.done.wait(0.5 if self.status else HEARTBEAT_SECONDS):
            line = f"{self.title}  [dim]{time.monotonic() - self.began:.0f} s  {self.detail[:100]}[/dim]"
            if self.status:
                self.status.update(line)
            else:
                self.console.print(f"  {line}", soft_wrap=True)
