"""`./kefu test`: all checks, or with arguments only pytest, with them."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console

from bot.setup.pages import node_environment
from core.settings import HOME

console = Console(highlight=False)


@dataclass(frozen=True)
class Check:
    name: str
    command: Sequence[str]


PYTHON = sys.executable
LINT = (
    Check("ruff", [PYTHON, "-m", "ruff", "check", "."]),
    Check("ruff format", [PYTHON, "-m", "ruff", "format", "--check", "."]),
    Check("mypy", [PYTHON, "-m", "mypy"]),
    Check("imports", [PYTHON, "-c", "from importlinter.cli import lint_imports_command as main; main()"]),
    Check("data", [PYTHON, "-m", "bot.cli", "lint"]),
)
SETUP = Check("set-up", [PYTHON, "-m", "bot.cli", "prepare"])
PAGES = (
    Check("page types", ["npm", "run", "--silent", "check"]),
    Check("page tests", ["npm", "test", "--silent"]),
)


def test(arguments: Sequence[str]) -> int:
    """Exit code 0 when every check passed. A failing check does not stop the later ones, but for the set-up."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
    pytest = Check("pytest", [PYTHON, "-m", "pytest", *arguments])
    if arguments:
        return 0 if _run(SETUP, environment) and _run(pytest, environment) else 1
    results = {check.name: _run(check, environment) for check in LINT}
    if _run(SETUP, environment):
        with_node = node_environment()
        results |= {check.name: _run(check, with_node) for check in PAGES}
        results[pytest.name] = _run(pytest, environment)
    else:
        results[SETUP.name] = False
    failed = [name for name, passed in results.items() if not passed]
    if failed:
        console.print(f"[bold red]Failed: {', '.join(failed)}[/bold red]")
    else:
        console.print(f"[bold green]All checks passed: {', '.join(results)}[/bold green]")
    return 1 if failed else 0


def _run(check: Check, environment: Mapping[str, str]) -> bool:
    console.print(f"[bold]==> {check.name}[/bold]")
    sys.stdout.flush()
    began = time.monotonic()
    code = subprocess.run(check.command, cwd=HOME, env=environment, stdin=subprocess.DEVNULL, check=False).returncode
    mark = "[green]passed[/green]" if code == 0 else f"[red]failed (exit {code})[/red]"
    console.print(f"    {check.name} {mark} [dim]{time.monotonic() - began:.1f} s[/dim]")
    return code == 0
