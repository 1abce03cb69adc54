"""The supervisor, with small real processes for services."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from bot.services import stores, valkey_server
from bot.supervisor import Service, StartFailed, Supervisor
from core import processes
from core.settings import HOME, Settings

LONG = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text('up'); time.sleep(60)"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervise(tmp_path: Path, said: list[str]) -> Callable[..., Supervisor]:
    def make(*services: Service) -> Supervisor:
        return Supervisor(services, var_dir=tmp_path, cwd=HOME, announce=said.append)

    return make


def service(folder: Path, name: str, code: str = LONG, start_seconds: float = 20) -> Service:
    """A Python process; ready once it has written its flag file."""
    flag = folder / f"{name}.up"

    async def ready() -> bool:
        return flag.exists()

    return Service(name, [sys.executable, "-c", code, flag], os.environ, ready, start_seconds, mend=f"mend {name}")


@asynccontextmanager
async def watching(supervisor: Supervisor) -> AsyncIterator[None]:
    task = asyncio.create_task(supervisor.watch())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await supervisor.stop()


async def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.05)


def recorded_pid(folder: Path, name: str) -> int:
    return int((folder / "run" / f"{name}.pid").read_text(encoding="utf-8").split()[0])


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


async def test_starts_side_by_side_and_stops_all(
    tmp_path: Path, supervise: Callable[..., Supervisor], said: list[str]
) -> None:
    supervisor = supervise(service(tmp_path, "one"), service(tmp_path, "two"))
    await supervisor.start()
    pids = [recorded_pid(tmp_path, name) for name in ("one", "two")]
    assert all(map(alive, pids))
    assert sorted(line.split()[0] for line in said) == ["one", "two"]

    await supervisor.stop()
    assert not any(map(alive, pids))
    assert not list((tmp_path / "run").glob("*.pid"))


async def test_one_that_needs_another_starts_after_it(
    tmp_path: Path, supervise: Callable[..., Supervisor], said: list[str]
) -> None:
    code = f"""
        import pathlib, sys, time
        assert pathlib.Path({str(tmp_path / "first.up")!r}).exists()
        pathlib.Path(sys.argv[1]).write_text("up")
        time.sleep(60)
    """
    second = replace(service(tmp_path, "second", textwrap.dedent(code)), after=("first", "not ours"))
    supervisor = supervise(second, service(tmp_path, "first"))
    await supervisor.start()
    assert [line.split()[0] for line in said] == ["first", "second"]
    await supervisor.stop()


async def test_a_crashed_service_comes_back_and_it_is_said(
    tmp_path: Path, supervise: Callable[..., Supervisor], said: list[str]
) -> None:
    supervisor = supervise(service(tmp_path, "one"))
    await supervisor.start()
    first = recorded_pid(tmp_path, "one")
    async with watching(supervisor):
        os.kill(first, signal.SIGKILL)
        await until(lambda: any("back" in line for line in said))
        assert any("ended with code -9; starting it again in 1 s" in line for line in said)
        assert recorded_pid(tmp_path, "one") != first


async def test_a_service_that_cannot_start_says_why_and_leaves_nothing(
    tmp_path: Path, supervise: Callable[..., Supervisor]
) -> None:
    broken = service(tmp_path, "broken", "raise SystemExit('no such model')")
    supervisor = supervise(service(tmp_path, "fine"), broken)
    with pytest.raises(StartFailed, match=r"(?s)broken ended with code 1.*mend broken.*no such model"):
        await supervisor.start()
    assert not list((tmp_path / "run").glob("*.pid"))


async def test_a_service_that_hangs_fails_after_its_time(tmp_path: Path, supervise: Callable[..., Supervisor]) -> None:
    supervisor = supervise(service(tmp_path, "slow", "import time; time.sleep(60)", start_seconds=0.5))
    with pytest.raises(StartFailed, match="slow was not ready within 0 s"):
        await supervisor.start()


async def test_one_that_ignores_sigterm_is_killed_with_its_children(
    tmp_path: Path, supervise: Callable[..., Supervisor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.supervisor.GRACE_SECONDS", 0.5)
    code = """
        import pathlib, signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        flag = pathlib.Path(sys.argv[1])
        flag.with_suffix(".child").write_text(str(child.pid))
        flag.write_text("up")
        time.sleep(60)
    """
    supervisor = supervise(service(tmp_path, "deaf", textwrap.dedent(code)))
    await supervisor.start()
    child = int((tmp_path / "deaf.child").read_text())
    await supervisor.stop()
    await until(lambda: not alive(child))


def test_children_die_with_a_killed_supervisor_even_valkey(tmp_path: Path) -> None:
    code = f"""
        import os, sys, time
        from pathlib import Path
        from core import processes
        folder = Path({str(tmp_path)!r})
        command = [{str(valkey_server())!r}, "--port", "0", "--unixsocket", str(folder / "s"), "--dir", str(folder)]
        child = processes.start(command, name="valkey", environment=os.environ, log=folder / "log",
                                run_dir=folder / "run", cwd=folder)
        print(child.pid, flush=True)
        time.sleep(60)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], cwd=HOME, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert alive(child)
        parent.kill()
    deadline = time.monotonic() + 10
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(child)


def test_reaps_what_an_earlier_run_left_and_nobody_else(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as left:
        (tmp_path / "left.pid").write_text(f"{left.pid} {psutil.Process(left.pid).create_time():.2f}\n")
        (tmp_path / "reused.pid").write_text(f"{os.getpid()} 1.00\n")
        (tmp_path / "torn.pid").write_text("")
        assert processes.reap(tmp_path) == ["left"]
        left.wait(5)
    assert not list(tmp_path.iterdir())


def test_logs_of_earlier_runs_are_kept_and_limited(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    for run in range(6):
        processes.rotate(log)
        log.write_text(f"run {run}")
    kept = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert kept == {"app.log": "run 5", "app.log.1": "run 4", "app.log.2": "run 3", "app.log.3": "run 2"}


async def test_the_embedded_valkey_keeps_what_it_was_given(
    settings: Settings, supervise: Callable[..., Supervisor]
) -> None:
    from redis.asyncio import Redis

    for expected in (None, b"kept"):
        supervisor = supervise(stores(settings))
        await supervisor.start()
        redis = Redis.from_url(settings.redis_url)
        assert await redis.get("key") == expected
        await redis.set("key", "kept")
        await redis.aclose()
        await supervisor.stop()


@pytest.fixture
def settings(tmp_path: Path, data_key: str) -> Settings:
    secrets = {"secret_key": "s", "data_key": data_key, "action_token": "t"}
    return Settings.model_validate({"var_dir": tmp_path, **secrets})


async def test_a_service_is_replaced_by_one_that_came_up_beside_it(
    supervise: Callable[..., Supervisor], tmp_path: Path
) -> None:
    supervisor = supervise(service(tmp_path, "old"), service(tmp_path, "other"))
    await supervisor.start()
    old = recorded_pid(tmp_path, "old")
    beside: list[bool] = []

    async def moved() -> None:
        beside.append(alive(old) and (tmp_path / "new.up").exists())

    async with watching(supervisor):
        await asyncio.sleep(0)
        await supervisor.replace("old", service(tmp_path, "new"), moved, linger_seconds=0.1)
        assert beside == [True], "the old one served until the new one was ready"
        assert not alive(old)
        assert [one.name for one in supervisor.services] == ["new", "other"]
        new = recorded_pid(tmp_path, "new")
        os.kill(new, signal.SIGKILL)  # it is watched over like any other
        await until(lambda: recorded_pid(tmp_path, "new") != new)


async def test_one_that_does_not_come_up_replaces_nothing(supervise: Callable[..., Supervisor], tmp_path: Path) -> None:
    supervisor = supervise(service(tmp_path, "old"))
    await supervisor.start()
    old = recorded_pid(tmp_path, "old")

    async def moved() -> None:
        raise AssertionError("nothing is to be moved")

    async with watching(supervisor):
        await asyncio.sleep(0)
        with pytest.raises(StartFailed, match=r"new ended with code 3"):
            await supervisor.replace("old", service(tmp_path, "new", "raise SystemExit(3)"), moved, linger_seconds=0)
        assert alive(old)
        assert [one.name for one in supervisor.services] == ["old"]
