"""Runs Rasa in its own environment, as a child process, and passes on what it says."""

import os
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from core.errors import KefuError
from core.settings import Settings
from training.sources import Sources, encoder_folder

Say = Callable[[str], None]

LAST_LINES = 25
_PROGRESS_BAR = "it/s"
_LOG_LINE = re.compile(r"^[\d-]+ [\d:,]+ (?P<level>[A-Z]+) \S+ (?P<message>.*)$")


class TrainingFailed(KefuError):
    """Rasa could not train, or evaluate, the project; the message holds its reason."""

    code = "training_failed"


def run(module: str, arguments: Sequence[str | Path], settings: Settings, say: Say) -> None:
    """`python -m module` in Rasa's environment. The whole output is kept in logs/. Raises TrainingFailed."""
    log = settings.var_dir / "logs" / f"{module.rpartition('.')[2]}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    with (
        log.open("w", encoding="utf-8") as kept,
        subprocess.Popen(
            [str(part) for part in (Sources(settings).python, "-m", module, *arguments)],
            env=_environment(settings),
            cwd=settings.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        ) as child,
    ):
        try:
            for line in child.stdout or ():
                kept.write(line)
                if line.strip() and _PROGRESS_BAR not in line:
                    lines.append(line.rstrip())
                    if found := _LOG_LINE.match(line.strip()):
                        say(found["message"])
        except BaseException:  # Ctrl-C: the child must not train on alone
            child.kill()
            raise
    if child.returncode:
        raise TrainingFailed(f"{module} failed (all of it in {log}):\n{_reason(lines)}")


def _environment(settings: Settings) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KEFU_")}
    models = settings.var_dir / "models"
    return {
        **kept,
        "KEFU_ENCODER_DIR": str(encoder_folder(settings)),
        "KEFU_VECTOR_CACHE": str(models / "vectors"),
        "PYTHONPATH": str(settings.home),
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "ignore",
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "passive",
        # Rasa's own cache knows nothing of the modules behind our components.
        "RASA_MAX_CACHE_SIZE": "0",
        "RASA_CACHE_DIRECTORY": str(models / "rasa-cache"),
        "RASA_TELEMETRY_ENABLED": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def _reason(lines: list[str]) -> str:
    """What the child gave as its reason, else the end of what it said."""
    start = next((number for number, line in enumerate(lines) if line.startswith("Error: ")), -LAST_LINES)
    return "\n".join(lines[start:][:LAST_LINES])
