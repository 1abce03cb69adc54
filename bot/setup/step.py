"""A step of the set-up, and the stamps that say from what its result was made."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

Report = Callable[[str], None]


@dataclass(frozen=True)
class Step:
    """`run` makes `outputs` from `inputs` (files, folders) and `values` (whatever else the result depends on).

    `made`: says of what knows by itself whether it is up to date.
    """

    name: str
    title: str
    run: Callable[[Report], None]
    inputs: tuple[Path, ...] = ()
    outputs: tuple[Path, ...] = ()
    values: tuple[str, ...] = ()
    made: Callable[[], bool] = lambda: True


class Stamps:
    """One small file a step, holding the fingerprint of its inputs; written after the step's end, never before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def is_current(self, step: Step) -> bool:
        stamp = self.folder / step.name
        return (
            stamp.exists()
            and all(path.exists() for path in step.outputs)
            and stamp.read_text(encoding="utf-8") == fingerprint(step)
            and step.made()
        )

    def forget(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)

    def run(self, step: Step, report: Report) -> None:
        """The stamp goes first: a step that is interrupted runs again."""
        self.forget(step.name)
        before = fingerprint(step)  # what changes while it runs makes it run again
        step.run(report)
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = self.folder / f".{step.name}"
        fresh.write_text(before, encoding="utf-8")
        fresh.replace(self.folder / step.name)


def fingerprint(step: Step) -> str:
    """SHA-256 over names and contents of the inputs and the values. Some milliseconds for our few hundred files."""
    digest = hashlib.sha256()
    for path in _files(step.inputs):
        digest.update(f"{path}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    for value in step.values:
        digest.update(f"{value}\0".encode())
    return digest.hexdigest()


def _files(paths: Iterable[Path]) -> Iterable[Path]:
    for path in paths:
        if path.is_file():
            yield path
        else:
            yield from sorted(file for file in path.rglob("*") if file.is_file() and not _SKIPPED & set(file.parts))


_SKIPPED = {"__pycache__", "node_modules", "dist"}
