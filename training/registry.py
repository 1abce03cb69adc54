"""The model registry: versions that never change, and which of them serves.

    var/models/versions/<version>/   assistant.tar.gz, sentiment/, thresholds.json, manifest.json, …
    var/models/{steps,evaluations}/  what trainings and measurements keep, so that nothing is done twice
    var/serving.json                 {"current", "previous", "since"}
    var/promotions.jsonl             every move, and why

A version is built in a folder that nobody looks into and appears by one rename, complete and on disk; its files are
read-only. It is named by the time of its training and the fingerprint of its sources, and any unambiguous part of the
name will do where one is asked for. The pointer is a file of its own and not among the models: several installations
may share these.
"""

import contextlib
import fcntl
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from core.errors import InvalidInput, NotFound
from core.settings import Settings

MANIFEST = "manifest.json"
BUILDING = ".building-"
KEPT = 10


@dataclass(frozen=True)
class Version:
    """One trained set of models. `folder` holds everything that serving needs."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def fingerprint(self) -> str:
        """Of the sources it was made from."""
        return self.name.rpartition("-")[2]

    @property
    def assistant(self) -> Path:
        return self.folder / "assistant.tar.gz"

    @property
    def sentiment(self) -> Path:
        return self.folder / "sentiment"

    @property
    def thresholds(self) -> Path:
        """The handoff's thresholds, as calibrated with these models."""
        return self.folder / "thresholds.json"

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Hashes, metrics, calibration, when and how long; see training/train.py."""
        content: dict[str, Any] = json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
        return content


@dataclass(frozen=True)
class Serving:
    """Names of versions. `since`: ISO 8601."""

    current: str
    previous: str | None
    since: str


class Registry:
    def __init__(self, settings: Settings) -> None:
        self._models = settings.var_dir / "models"
        self._var_dir = settings.var_dir
        self.versions_dir = self._models / "versions"
        self.steps_dir = self._models / "steps"
        self.evaluations_dir = self._models / "evaluations"

    def versions(self) -> list[Version]:
        """Oldest first."""
        found = self.versions_dir.glob(f"*/{MANIFEST}")
        return sorted((Version(path.parent) for path in found if not path.parent.name.startswith(".")),
                      key=lambda version: version.name)  # fmt: skip

    def find(self, name: str) -> Version:
        """By its name or a part of it. Raises NotFound, or InvalidInput when several have that part."""
        there = self.versions()
        if exact := [version for version in there if version.name == name]:
            return exact[0]
        found = [version for version in there if name in version.name]
        if not found:
            raise NotFound(f"there is no model version {name!r}; ./kefu models lists them")
        if len(found) > 1:
            raise InvalidInput(f"{name!r} may be any of {', '.join(version.name for version in found)}")
        return found[0]

    def made_from(self, fingerprint: str) -> Version | None:
        """The newest version of these sources."""
        found = [version for version in self.versions() if version.fingerprint == fingerprint]
        return found[-1] if found else None

    def add(self, fingerprint: str, build: Callable[[Path], Mapping[str, Any]]) -> Version:
        """`build` fills the folder and returns the manifest. Nothing is to be seen before all of it is on disk."""
        self.versions_dir.mkdir(parents=True, exist_ok=True)
        name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{fingerprint}"
        folder = self.versions_dir / f"{BUILDING}{os.getpid()}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            manifest = {"version": name, **build(folder)}
            (folder / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=2), encoding="utf-8")
            _settle(folder)
            made = folder.rename(self.versions_dir / name)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        _sync(self.versions_dir)
        return Version(made)

    def prune(self, kept: int = KEPT) -> list[str]:
        """Removes the oldest versions beyond `kept`, never one that serves or served before. Returns their names."""
        serving = self.serving()
        needed = {serving.current, serving.previous} if serving else set()
        old = [version for version in self.versions()[:-kept] if version.name not in needed]
        for version in old:
            hidden = version.folder.rename(self.versions_dir / f"{BUILDING}{version.name}")
            shutil.rmtree(hidden)
        return [version.name for version in old]

    # --- which one serves -------------------------------------------------------------------------------------------

    def serving(self) -> Serving | None:
        try:
            return Serving(**json.loads((self._var_dir / "serving.json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def current(self) -> Version:
        """The version that serves. Raises NotFound before the first one does, or when its folder is gone."""
        serving = self.serving()
        if serving is None:
            raise NotFound("no model serves yet: ./kefu train, then ./kefu promote")
        return self.find(serving.current)

    def point_to(self, version: Version, why: str, **details: Any) -> Serving:
        """Make `version` the one that serves, and what served before the previous one. One write: both or neither."""
        with self._locked():
            before = self.serving()
            if before and before.current == version.name:
                return before
            now = datetime.now(UTC).isoformat(timespec="seconds")
            serving = Serving(version.name, before.current if before else None, now)
            write_whole(self._var_dir / "serving.json", json.dumps(asdict(serving), indent=2) + "\n")
        self.note(why, version, previous=serving.previous, **details)
        return serving

    def note(self, what: str, version: Version, **details: Any) -> None:
        """A line of the history: promotions, refusals, rollbacks."""
        entry = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "what": what,
            "version": version.name,
            **details,
        }
        self._var_dir.mkdir(parents=True, exist_ok=True)
        with (self._var_dir / "promotions.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def history(self) -> list[dict[str, Any]]:
        """Oldest first."""
        try:
            lines = (self._var_dir / "promotions.jsonl").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines]

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._var_dir.mkdir(parents=True, exist_ok=True)
        with (self._var_dir / "serving.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def write_whole(path: Path, text: str) -> None:
    """Another process sees the old file or the new one, and so does the next start after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    _sync(path.parent)


def _settle(folder: Path) -> None:
    """Everything in it on disk and read-only."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            path.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
