"""Starts services side by side, waits until all are ready, restarts what dies, stops everything at the end."""

import asyncio
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core import processes
from core.errors import KefuError

POLL_SECONDS = 0.1
WATCH_SECONDS = 0.25
GRACE_SECONDS = 8.0
TURN_SECONDS = 20.0  # what is replaced may still be at work for somebody
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0  # up for this long: the next crash counts as the first


class StartFailed(KefuError):
    """A service did not come up; the message says which, why, and shows the end of its log."""

    code = "start_failed"


@dataclass(frozen=True)
class Service:
    """`ready` answers whether it serves; `mend` is what to try when it does not come up; `after` names the services
    that must be ready before it starts."""

    name: str
    command: Sequence[str | Path]
    environment: Mapping[str, str]
    ready: Callable[[], Awaitable[bool]]
    start_seconds: float
    mend: str = ""
    after: tuple[str, ...] = ()


@dataclass
class _Running:
    service: Service
    process: subprocess.Popen[bytes]
    since: float = field(default_factory=time.monotonic)
    crashes: int = 0


class Supervisor:
    """`start()`, then `watch()` until cancelled, then `stop()`. Stops in the reverse of the given order."""

    def __init__(
        self, services: Sequence[Service], *, var_dir: Path, cwd: Path, announce: Callable[[str], None]
    ) -> None:
        self.services = list(services)
        self.run_dir = var_dir / "run"
        self.log_dir = var_dir / "logs"
        self.cwd = cwd
        self.announce = announce
        self._running: dict[str, _Running] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._watching: asyncio.TaskGroup | None = None

    def has(self, name: str) -> bool:
        return any(service.name == name for service in self.services)

    def log(self, service: Service) -> Path:
        return self.log_dir / f"{service.name}.log"

    async def start(self) -> None:
        """Raises StartFailed, with everything stopped, when a service ends or is not ready in its time."""
        is_ready = {service.name: asyncio.Event() for service in self.services}

        async def bring_up(service: Service) -> None:
            for name in service.after:
                if name in is_ready:  # else it is somebody else's, and runs already
                    await is_ready[name].wait()
            processes.rotate(self.log(service))
            self._spawn(service)
            await self._until_ready(service)
            is_ready[service.name].set()

        try:
            async with asyncio.TaskGroup() as group:
                for service in self.services:
                    group.create_task(bring_up(service))
        except* StartFailed as failures:
            await self.stop()
            raise failures.exceptions[0] from None

    async def watch(self) -> None:
        """Restart whatever ends, with growing pauses. Returns only by cancellation."""
        async with asyncio.TaskGroup() as group:
            self._watching = group
            for service in self.services:
                self._watch_over(service)

    async def replace(
        self, name: str, service: Service, moved: Callable[[], Awaitable[None]], linger_seconds: float
    ) -> None:
        """Start `service` beside the service `name`; once it is ready, call `moved`, and stop the old one soon after.

        To be called while `watch` runs. Raises StartFailed when the new one does not come up; the old one goes on.
        """
        old = next(one for one in self.services if one.name == name)
        self.services.insert(self.services.index(old), service)
        try:
            processes.rotate(self.log(service))
            self._spawn(service)
            await self._until_ready(service)
            self._watch_over(service)
            await moved()
        except BaseException:
            await self._end(service, GRACE_SECONDS)
            raise
        await asyncio.sleep(linger_seconds)
        await self._end(old, TURN_SECONDS)
        self.announce(f"{name} was replaced by {service.name}")

    async def stop(self) -> None:
        """All at once would let the app lose its stores under a request: so one after the other, last first."""
        for service in reversed(self.services):
            await self._stop_process(service, GRACE_SECONDS)

    def kill(self) -> None:
        """The impatient end."""
        for running in self._running.values():
            processes.kill_group(running.process)

    def _spawn(self, service: Service, crashes: int = 0) -> None:
        process = processes.start(
            service.command,
            name=service.name,
            environment=service.environment,
            log=self.log(service),
            run_dir=self.run_dir,
            cwd=self.cwd,
        )
        self._running[service.name] = _Running(service, process, crashes=crashes)

    def _watch_over(self, service: Service) -> None:
        assert self._watching is not None
        self._keepers[service.name] = self._watching.create_task(self._keep(service))

    async def _end(self, service: Service, grace_seconds: float) -> None:
        """Take one service out; nobody starts it again."""
        self.services.remove(service)
        if keeper := self._keepers.pop(service.name, None):
            keeper.cancel()
        await self._stop_process(service, grace_seconds)

    async def _stop_process(self, service: Service, grace_seconds: float) -> None:
        if running := self._running.pop(service.name, None):
            await asyncio.to_thread(processes.stop, running.process, grace_seconds)
            (self.run_dir / f"{service.name}.pid").unlink(missing_ok=True)

    async def _until_ready(self, service: Service) -> None:
        began = time.monotonic()
        process = self._running[service.name].process
        while not await service.ready():
            if process.poll() is not None:
                raise self._failure(service, f"ended with code {process.returncode}")
            if time.monotonic() - began > service.start_seconds:
                raise self._failure(service, f"was not ready within {service.start_seconds:.0f} s")
            await asyncio.sleep(POLL_SECONDS)
        self.announce(f"{service.name} is ready ({time.monotonic() - began:.1f} s)")

    def _failure(self, service: Service, what: str) -> StartFailed:
        log = self.log(service)
        parts = [f"{service.name} {what}.", service.mend, f"The end of {log}:", processes.tail(log)]
        return StartFailed("\n".join(part for part in parts if part))

    async def _keep(self, service: Service) -> None:
        while True:
            running = self._running[service.name]
            while running.process.poll() is None:
                await asyncio.sleep(WATCH_SECONDS)
            processes.kill_group(running.process)
            steady = time.monotonic() - running.since > STEADY_SECONDS
            crashes = 1 if steady else running.crashes + 1
            pause = min(FIRST_PAUSE_SECONDS * 2 ** (crashes - 1), LONGEST_PAUSE_SECONDS)
            self.announce(
                f"{service.name} ended with code {running.process.returncode}; starting it again in {pause:.0f} s"
                f" (log: {self.log(service)})"
            )
            await asyncio.sleep(pause)
            self._spawn(service, crashes)
            began = time.monotonic()
            while self._running[service.name].process.poll() is None and not await service.ready():
                await asyncio.sleep(POLL_SECONDS)
            if self._running[service.name].process.poll() is None:
                self.announce(f"{service.name} is back ({time.monotonic() - began:.1f} s)")
