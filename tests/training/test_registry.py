"""Versions appear whole or not at all, never change, and the pointer to the one that serves moves in one step."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidInput, NotFound
from core.settings import HOME, Settings
from tests.assistant.conftest import settings_of
from training.registry import Registry, Version


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of(home=tmp_path, var_dir=tmp_path / "var")


@pytest.fixture
def registry(settings: Settings) -> Registry:
    return Registry(settings)


def build(folder: Path) -> Mapping[str, Any]:
    (folder / "assistant.tar.gz").write_bytes(b"a model")
    (folder / "sentiment").mkdir()
    (folder / "sentiment" / "meta.json").write_text("{}")
    return {"fingerprint": "f"}


def test_a_version_is_found_by_a_part_of_its_name_and_cannot_be_written_to(registry: Registry) -> None:
    first, second = registry.add("aaaa1111bbbb", build), registry.add("aaaa2222bbbb", build)
    assert registry.versions() == [first, second]
    assert registry.find("a2222") == registry.made_from("aaaa2222bbbb") == second
    assert first.manifest == {"version": first.name, "fingerprint": "f"}
    assert [file.stat().st_mode & 0o222 for file in (first.assistant, first.sentiment / "meta.json")] == [0, 0]
    with pytest.raises(InvalidInput, match=f"{first.name}, {second.name}"):
        registry.find("aaaa")
    with pytest.raises(NotFound, match="kefu models"):
        registry.find("cccc")


def test_a_build_that_fails_leaves_nothing(registry: Registry) -> None:
    def fail(folder: Path) -> Mapping[str, Any]:
        build(folder)
        raise RuntimeError("the power went")

    with pytest.raises(RuntimeError):
        registry.add("aaaa", fail)
    assert registry.versions() == list(registry.versions_dir.iterdir()) == []


def test_a_build_that_is_killed_is_not_seen(registry: Registry, settings: Settings) -> None:
    program = (
        "import os, sys; from pathlib import Path; from types import SimpleNamespace\n"
        "from training.registry import Registry\n"
        "def build(folder):\n"
        "    (folder / 'assistant.tar.gz').touch(); (folder / 'manifest.json').write_text('{}')\n"
        f"    os.kill(os.getpid(), {int(signal.SIGKILL)})\n"
        "Registry(SimpleNamespace(var_dir=Path(sys.argv[1]))).add('aaaa', build)\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program, str(settings.var_dir)], env={**os.environ, "PYTHONPATH": str(HOME)}, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert list(registry.versions_dir.iterdir())
    assert registry.versions() == []


def test_the_pointer_knows_what_served_before(registry: Registry, settings: Settings) -> None:
    with pytest.raises(NotFound, match="kefu train"):
        registry.current()
    first, second = registry.add("aaaa", build), registry.add("bbbb", build)
    registry.point_to(first, "first")
    registry.point_to(second, "promoted", reasons=["none"])
    serving = registry.serving()
    assert serving is not None
    assert (serving.current, serving.previous) == (second.name, first.name)
    assert registry.point_to(second, "again").previous == first.name
    assert registry.point_to(registry.find(first.name), "rolled back").previous == second.name
    assert [entry["what"] for entry in registry.history()] == ["first", "promoted", "rolled back"]
    assert json.loads((settings.var_dir / "serving.json").read_text())["current"] == registry.current().name


def test_old_versions_go_but_never_one_that_serves(registry: Registry) -> None:
    versions = [registry.add(f"{number:04}", build) for number in range(5)]
    registry.point_to(versions[0], "first")
    registry.point_to(versions[1], "promoted")
    assert registry.prune(kept=1) == [versions[2].name, versions[3].name]
    assert registry.versions() == [versions[0], versions[1], versions[4]]
    assert Version(versions[2].folder) not in registry.versions()
