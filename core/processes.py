"""Child processes that never outlive their parent, not even a killed one.

On Linux the kernel kills a child when its parent dies. Elsewhere, and for what slips through, every child's pid is
recorded in a folder, and the next start reaps what it finds there.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

KEPT_LOGS = 3
_SET_PDEATHSIG = 1  # prctl(2)
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def start(
    command: Sequence[str | Path], *, name: str, environment: Mapping[str, str], log: Path, run_dir: Path, cwd: Path
) -> subprocess.Popen[bytes]:
    """Start a child tied to this process, in a process group of its own (a Ctrl-C in the terminal is ours to pass on).

    Output is appended to `log`. Call it from the main thread: the kernel ties a child to the thread that made it.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            env=dict(environment),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=tie(signal.SIGKILL),
        )
    run_dir.mkdir(parents=True, exist_ok=True)
    (run_dir / f"{name}.pid").write_text(f"{process.pid} {_started_at(process.pid)}\n", encoding="utf-8")
    return process


def tie(number: signal.Signals) -> Callable[[], None] | None:
    """A `preexec_fn` that has the kernel send the child this signal when its parent, which is us, is no more."""
    if _prctl is None:
        return None
    parent = os.getpid()

    def in_child() -> None:
        _prctl(_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it died before the kernel was told
            os._exit(1)

    return in_child


def stop(process: subprocess.Popen[bytes], grace_seconds: float) -> None:
    """Ask the child to end; after the grace, kill it and everything in its group."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    kill_group(process)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the child's group (it leads one, see `start`), and wait for the child."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def reap(run_dir: Path) -> list[str]:
    """Kill children that an earlier run left behind; returns their names.

    A pid alone may long belong to somebody else; pid and time of start together do not.
    """
    reaped = []
    for record in sorted(run_dir.glob("*.pid")):
        pid, _, started = record.read_text(encoding="utf-8").strip().partition(" ")
        if pid.isdigit() and started and _started_at(int(pid)) == started:
            reaped.append(record.stem)
            family = psutil.Process(int(pid))
            for process in [*family.children(recursive=True), family]:
                try:
                    process.kill()
                except psutil.NoSuchProcess:
                    continue
            psutil.wait_procs([family], timeout=5)
        record.unlink(missing_ok=True)
    return reaped


def rotate(log: Path) -> None:
    """Put the log of the last run aside: `app.log` → `app.log.1` → … → `app.log.3`."""
    for number in range(KEPT_LOGS, 0, -1):
        older = log if number == 1 else log.with_name(f"{log.name}.{number - 1}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number}"))


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, for a message that says why something died."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def _started_at(pid: int) -> str | None:
    try:
        return f"{psutil.Process(pid).create_time():.2f}"
    except psutil.NoSuchProcess:
        return None
