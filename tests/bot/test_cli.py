"""The command line as a user meets it: in a process of its own."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.commands.up import CannotStart, check_ports, only_one, running
from bot.setup.secrets import MAKERS, make_secrets
from core.crypto import Cipher
from core.settings import HOME, Settings

COMMANDS = (
    "up", "test", "serve", "train", "lint", "evaluate", "promote", "rollback", "models", "talk", "index", "bench",
    "doctor", "agents",
)  # fmt: skip


def kefu(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KEFU_")}
    return subprocess.run(
        [sys.executable, "-m", "bot.cli", *arguments],
        cwd=HOME,
        env={**clean, "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@pytest.fixture
def settings(tmp_path: Path, data_key: str) -> Settings:
    secrets = {"secret_key": "s", "data_key": data_key, "action_token": "t"}
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        ports = {"port": one.getsockname()[1], "assistant_url": f"http://127.0.0.1:{two.getsockname()[1]}"}
    return Settings.model_validate({"var_dir": tmp_path, **ports, **secrets})


def test_help_names_every_command_and_is_quick() -> None:
    kefu("--help")  # the files are read, and compiled, once
    began = time.monotonic()
    answer = kefu("--help")
    assert time.monotonic() - began < 2  # under 0.5 s on a quiet machine
    assert answer.returncode == 0
    assert all(f" {command} " in answer.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    answer = kefu(command, "--help")
    assert answer.returncode == 0
    assert f"./kefu {command}" in answer.stdout


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("KEFU_PROT", "8001", "KEFU_PROT"), ("KEFU_PORT", "eighty", "KEFU_PORT"), ("KEFU_BACKEND", "ftp", "KEFU_BACKEND")],
)
def test_an_unknown_or_malformed_setting_stops_the_start_and_is_named(
    name: str, value: str, said: str, tmp_path: Path
) -> None:
    answer = kefu("up", KEFU_VAR_DIR=str(tmp_path), **{name: value})
    assert answer.returncode == 1
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_taken_port_is_said_with_its_mend(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", settings.port))
        taken.listen()
        with pytest.raises(CannotStart, match=rf"(?s)Port {settings.port} .*\./kefu up --port \d+"):
            check_ports(settings)
    check_ports(settings)


def test_a_second_up_is_told_where_the_first_is(settings: Settings) -> None:
    assert running(settings) is None
    with only_one(settings):
        answer = kefu("up", KEFU_VAR_DIR=str(settings.var_dir))
        assert answer.returncode == 1
        assert f"already runs from this folder: http://127.0.0.1:{settings.port} (pid {os.getpid()})" in answer.stderr
    assert running(settings) is None
    with only_one(settings):
        pass


def test_secrets_are_made_once_for_this_user_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in MAKERS:
        monkeypatch.delenv(name, raising=False)
    assert make_secrets(tmp_path) == list(MAKERS)
    path = tmp_path / "secrets.env"
    first = path.read_text(encoding="utf-8")
    assert path.stat().st_mode & 0o777 == 0o600
    Cipher(next(line for line in first.splitlines() if line.startswith("KEFU_DATA_KEY=")).partition("=")[2])

    path.write_text(first.replace("KEFU_ACTION_TOKEN", "# KEFU_ACTION_TOKEN"), encoding="utf-8")
    assert make_secrets(tmp_path) == ["KEFU_ACTION_TOKEN"]
    assert path.read_text(encoding="utf-8").startswith(first.replace("KEFU_ACTION_TOKEN", "# KEFU_ACTION_TOKEN"))


def test_a_secret_from_the_environment_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in MAKERS:
        monkeypatch.setenv(name, "given")
    assert make_secrets(tmp_path) == []
    assert not (tmp_path / "secrets.env").exists()


def test_an_agent_comes_and_goes(tmp_path: Path) -> None:
    folder = {"KEFU_VAR_DIR": str(tmp_path)}
    added = kefu("agents", "add", "xiaohe", "--name", "小何", "--password", "long enough", **folder)
    assert added.returncode == 0, added.stderr
    assert kefu("agents", "disable", "xiaohe", **folder).returncode == 0
    unknown = kefu("agents", "disable", "nobody", **folder)
    assert unknown.returncode == 1 and "nobody" in unknown.stderr + unknown.stdout
