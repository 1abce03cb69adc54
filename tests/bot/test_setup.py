"""The steps of the set-up, and the shell bootstrap before them."""

import asyncio
import io
import os
import shutil
import subprocess
import textwrap
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import delete

from actions.backends.demo_shop.store import open_engine
from actions.backends.demo_shop.tables import metadata as shop_tables
from bot.setup.prepare import prepare, stale
from bot.setup.step import Report, Stamps, Step
from bot.setup.steps import steps
from core.settings import HOME, Settings
from core.storage.database import Database
from core.storage.tables import agents, knowledge_entries, knowledge_phrasings
from retrieval.seed import seed_from_folder


@pytest.fixture
def quiet() -> Console:
    return Console(file=io.StringIO())


class Copies:
    """A step that copies its input; told to fail, it fails half-way."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "source"
        self.source.mkdir()
        (self.source / "a.txt").write_text("first")
        self.target = folder / "target"
        self.runs = 0
        self.fails = False

    def run(self, report: Report) -> None:
        self.runs += 1
        self.target.write_text((self.source / "a.txt").read_text()[:2])
        if self.fails:
            raise RuntimeError("the power went")
        self.target.write_text((self.source / "a.txt").read_text())

    def step(self, *values: str) -> Step:
        return Step("copy", "Copy", self.run, inputs=(self.source,), outputs=(self.target,), values=values)


@pytest.fixture
def copies(tmp_path: Path) -> Copies:
    return Copies(tmp_path)


@pytest.fixture
def stamps(tmp_path: Path) -> Stamps:
    return Stamps(tmp_path / "stamps")


def test_a_step_runs_once_and_again_when_something_changed(copies: Copies, stamps: Stamps, quiet: Console) -> None:
    prepare([copies.step()], stamps, quiet)
    prepare([copies.step()], stamps, quiet)
    assert copies.runs == 1

    (copies.source / "a.txt").write_text("second")
    prepare([copies.step()], stamps, quiet)
    assert (copies.runs, copies.target.read_text()) == (2, "second")

    (copies.source / "b.txt").touch()
    prepare([copies.step()], stamps, quiet)
    assert copies.runs == 3

    prepare([copies.step("another setting")], stamps, quiet)
    assert copies.runs == 4

    copies.target.unlink()
    prepare([copies.step("another setting")], stamps, quiet)
    assert copies.runs == 5


def test_an_interrupted_step_is_not_current(copies: Copies, stamps: Stamps, quiet: Console) -> None:
    prepare([copies.step()], stamps, quiet)
    copies.fails = True
    (copies.source / "a.txt").write_text("second")
    with pytest.raises(RuntimeError):
        prepare([copies.step()], stamps, quiet)
    (copies.source / "a.txt").write_text("first")  # as the stamp once said
    assert stale([copies.step()], stamps)


def test_two_set_ups_at_once_do_the_work_once(copies: Copies, stamps: Stamps, quiet: Console) -> None:
    threads = [threading.Thread(target=prepare, args=([copies.step()], stamps, quiet)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert copies.runs == 1


async def _wipe(settings: Settings) -> None:
    """As when the database is exchanged for an empty one: the file stays, and the tables."""
    database = Database(settings.database_url, settings.data_key.get_secret_value())
    shop = open_engine(settings.demo_shop_url)
    try:
        async with database.begin() as conn:
            await conn.execute(delete(agents))
            await conn.execute(delete(knowledge_phrasings))
            await conn.execute(delete(knowledge_entries))
        async with shop.begin() as conn:
            await conn.run_sync(shop_tables.drop_all)
    finally:
        await database.close()
        await shop.dispose()


def test_a_wiped_database_is_filled_again(tmp_path: Path, data_key: str, quiet: Console) -> None:
    secrets = {"secret_key": "s", "data_key": data_key, "action_token": "t", "demo_agent_password": "p" * 12}
    settings = Settings.model_validate({"var_dir": tmp_path, **secrets})
    stamps = Stamps(tmp_path / "stamps")
    wanted = {step.name: step for step in steps(settings) if step.name in {"demo-shop", "demo-agents", "knowledge"}}

    async def seeded() -> None:  # the index is not what this is about
        database = Database(settings.database_url, settings.data_key.get_secret_value())
        await seed_from_folder(database, HOME / "nlu_data" / "knowledge")
        await database.close()

    (tmp_path / "index").mkdir()
    wanted["knowledge"] = replace(wanted["knowledge"], run=lambda _report: asyncio.run(seeded()))
    prepare(list(wanted.values()), stamps, quiet)
    assert not stale(list(wanted.values()), stamps)

    asyncio.run(_wipe(settings))
    assert {step.name for step in stale(list(wanted.values()), stamps)} == set(wanted)
    prepare(list(wanted.values()), stamps, quiet)
    assert not stale(list(wanted.values()), stamps)


# --- ./kefu ----------------------------------------------------------------------------------------------------------

FAKE_UV = """\
#!/bin/sh
# Stands for uv: notes what it is asked, and makes an environment that says how it was called.
case "$1 $2" in
    "--version "*) exit 0 ;;
    "python find") exit 1 ;;
    "venv "*)
        for folder; do :; done
        mkdir -p "$folder/bin"
        printf '#!/bin/sh\\necho "ran $*"\\n' >"$folder/bin/python"
        chmod +x "$folder/bin/python" ;;
    "pip sync")
        echo "sync $(basename "$VIRTUAL_ENV") $4" >>"$CALLS"
        [ ! -e "$BROKEN" ] ;;
esac
"""


class Clone:
    """A fresh clone, as far as ./kefu looks at it, on a machine with the given Pythons."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "a clone"
        self.home.mkdir()
        self.calls = folder / "calls"
        self.broken = folder / "broken"
        self.path = folder / "bin"
        self.path.mkdir()
        for name in ("kefu", "requirements.lock", "requirements-dev.lock", "requirements-assistant.lock"):
            shutil.copy(HOME / name, self.home)
        for tool in (
            "sh",
            "dirname",
            "readlink",
            "cat",
            "tr",
            "cksum",
            "mkdir",
            "ln",
            "rm",
            "sleep",
            "basename",
            "chmod",
        ):
            found = shutil.which(tool)
            assert found
            (self.path / tool).symlink_to(found)
        uv = self.home / ".kefu" / "uv" / "bin" / "uv"
        uv.parent.mkdir(parents=True)
        uv.write_text(FAKE_UV)
        uv.chmod(0o755)

    def python(self, name: str, *, runs: bool = True) -> None:
        file = self.path / name
        file.write_text(f"#!/bin/sh\nexit {0 if runs else 127}\n")
        file.chmod(0o755)

    def kefu(
        self, *arguments: str, command: str = "./kefu", cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": str(self.path),
            "HOME": str(self.home),
            "CALLS": str(self.calls),
            "BROKEN": str(self.broken),
        }
        return subprocess.run(
            [command, *arguments], cwd=cwd or self.home, env=environment, capture_output=True, text=True, timeout=30,
            check=False,
        )  # fmt: skip

    def synced(self) -> list[str]:
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        self.calls.unlink(missing_ok=True)
        return lines


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


BASE = ["sync .venv requirements.lock", "sync .venv-assistant requirements-assistant.lock"]


def test_bootstrap_makes_both_environments_once(clone: Clone) -> None:
    clone.python("python3.11")
    clone.python("python3.10")
    first = clone.kefu("up", "--port", "8001")
    assert first.returncode == 0, first.stderr
    assert first.stdout == "ran -m bot.cli up --port 8001\n"
    assert clone.synced() == BASE
    assert clone.kefu("up").stdout == "ran -m bot.cli up\n"
    assert clone.synced() == []


def test_bootstrap_adds_the_tools_for_test_and_keeps_them(clone: Clone) -> None:
    clone.python("python3.12")
    clone.python("python3.10")
    clone.kefu("up")
    clone.synced()
    clone.kefu("test")
    assert clone.synced() == ["sync .venv requirements-dev.lock"]
    clone.kefu("up")
    assert clone.synced() == []
    (clone.home / "requirements-dev.lock").write_text("changed")
    clone.kefu("up")
    assert clone.synced() == ["sync .venv requirements-dev.lock"]


def test_bootstrap_resumes_what_was_interrupted(clone: Clone) -> None:
    clone.python("python3.11")
    clone.python("python3.10")
    clone.broken.touch()
    failed = clone.kefu("up")
    assert failed.returncode == 1
    assert "Run the same command again" in failed.stderr
    clone.broken.unlink()
    clone.synced()
    assert clone.kefu("up").returncode == 0
    assert clone.synced() == BASE


def test_bootstrap_says_how_to_get_a_missing_python(clone: Clone) -> None:
    clone.python("python3.11")
    clone.python("python3.10", runs=False)  # like a pyenv shim of a version that is not there
    answer = clone.kefu("up")
    assert answer.returncode == 1
    assert "Python 3.10 was not found" in answer.stderr
    assert "找不到 Python 3.10" in answer.stderr
    assert "uv python install 3.10" in answer.stderr
    assert clone.synced() == []


def test_bootstrap_prefers_what_runs_and_finds_pyenv(clone: Clone) -> None:
    clone.python("python3.11", runs=False)
    for version in ("3.10.13", "3.11.7"):
        folder = clone.home / ".pyenv" / "versions" / version / "bin"
        folder.mkdir(parents=True)
        (folder / "python").symlink_to("/bin/true")
    answer = clone.kefu("up")
    assert answer.returncode == 0, answer.stderr
    assert ".pyenv/versions/3.11.7/bin/python" in answer.stderr


def test_bootstrap_works_through_a_link_from_anywhere(clone: Clone, tmp_path: Path) -> None:
    clone.python("python3.11")
    clone.python("python3.10")
    link = tmp_path / "kefu"
    link.symlink_to(os.path.relpath(clone.home / "kefu", tmp_path))
    answer = clone.kefu("doctor", command=str(link), cwd=Path("/"))
    assert answer.stdout == "ran -m bot.cli doctor\n"
    assert clone.synced() == BASE[:1]  # doctor reports the other one


def test_bootstrap_helps_before_anything_is_made(clone: Clone) -> None:
    answer = clone.kefu("--help")
    assert answer.returncode == 0
    assert all(command in answer.stdout for command in ("up", "test", "doctor"))
    assert clone.synced() == []


def test_bootstrap_clears_the_lock_of_a_dead_set_up(clone: Clone) -> None:
    clone.python("python3.11")
    clone.python("python3.10")
    with subprocess.Popen(["true"]) as dead:
        dead.wait()
    (clone.home / ".kefu" / "setup.lock").symlink_to(str(dead.pid))
    assert clone.kefu("up").returncode == 0
    assert not (clone.home / ".kefu" / "setup.lock").is_symlink()


def test_the_shell_is_portable() -> None:
    dash = shutil.which("dash") or pytest.skip("no dash here")
    checked = subprocess.run([dash, "-n", HOME / "kefu"], capture_output=True, text=True, check=False)
    assert (checked.returncode, textwrap.dedent(checked.stderr)) == (0, "")
