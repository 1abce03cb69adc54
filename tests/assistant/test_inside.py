"""Checks of what only runs in Rasa's environment: `tests/assistant/inside`."""

import subprocess
from pathlib import Path

import pytest

from core.settings import HOME
from tests.conftest import missing

INSIDE = Path(__file__).parent / "inside"


@pytest.mark.parametrize("pattern", sorted(path.name for path in INSIDE.glob("check_*.py")))
def test_inside(pattern: str, redis_url: str) -> None:
    python = HOME / ".venv-assistant" / "bin" / "python"
    if not python.exists():
        missing("no environment for Rasa: ./kefu test makes it")
    done = subprocess.run(
        [python, INSIDE / "run.py", pattern],
        env={"PYTHONPATH": str(HOME), "PYTHONUTF8": "1", "PYTHONWARNINGS": "ignore", "KEFU_REDIS_URL": redis_url},
        cwd=HOME,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
