"""`./kefu bench nlu`: intents and entities of any set of utterances, through the very code that serves.

The test file is only measured on: regularisation, temperature and threshold come from cross-validation on the training
file. It runs where Rasa does, in the assistant's environment, as a child process.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from core.errors import InvalidInput, KefuError
from core.settings import HOME, load_settings
from training.sources import encoder_folder

console = Console(stderr=True, highlight=False)


class BenchFailed(KefuError):
    """The measuring process failed; the message holds the end of what it said."""

    code = "bench_failed"


def run(train: Path, test: Path, *, as_json: bool = False) -> None:
    """Prints a table, or JSON. Raises InvalidInput for a missing file, BenchFailed."""
    for file in (train, test):
        if not file.is_file():
            raise InvalidInput(f"there is no file {file}")
    console.print(f"Training on {train.name}, then testing on {test.name} …")
    figures = measure(train, test)
    if as_json:
        sys.stdout.write(json.dumps(figures, indent=2) + "\n")
        return
    table = Table(title="Intents and entities on utterances never trained on", show_header=False)
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), str(value))
    Console(highlight=False).print(table)


def measure(train: Path, test: Path) -> dict[str, Any]:
    """The figures of bot/assistant/bench_nlu.py."""
    command = [HOME / ".venv-assistant" / "bin" / "python", "-m", "bot.assistant.bench_nlu"]
    options = {
        "--config": HOME / "config.yml",
        "--encoder": encoder_folder(load_settings()),
        "--train": train.resolve(),
        "--test": test.resolve(),
    }
    environment = {"PYTHONPATH": str(HOME), "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
    arguments = [str(part) for option in options.items() for part in option]
    done = subprocess.run([*map(str, command), *arguments], env=environment, cwd=HOME, capture_output=True, text=True)
    if done.returncode:
        raise BenchFailed("\n".join(["bench nlu failed:", *done.stderr.splitlines()[-15:]]))
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures
