"""Starts Rasa without TensorFlow.

Rasa imports TensorFlow wherever a component *could* use it. That is most of a start's time and memory, and the pipeline
of this project never runs any of it. `leave_out_tensorflow` puts a stand-in in its place: packages in which every name
is an empty class, enough for class statements, decorators and annotations. Whatever would really compute with one fails
with the reason. A model with TED or DIET in it gets the real thing (`needs_tensorflow`).
"""

from __future__ import annotations

import json
import logging
import sys
import tarfile
from collections.abc import MutableSequence, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

LEFT_OUT = ("tensorflow", "tensorflow_addons", "tensorflow_hub", "tensorflow_text", "keras")
USERS = ("TEDPolicy", "UnexpecTEDIntentPolicy", "DIETClassifier", "ResponseSelector", "ConveRTFeaturizer",
         "LanguageModelFeaturizer")  # fmt: skip
_METADATA = "metadata.json"


def needs_tensorflow(model: Path) -> bool:
    """Whether a component of this trained model (a .tar.gz) computes with TensorFlow."""
    with tarfile.open(model) as archive:
        member = next(member for member in archive if Path(member.name).name == _METADATA)
        file = archive.extractfile(member)
        assert file is not None
        metadata = json.load(file)
    used = {node["uses"].rpartition(".")[2] for node in metadata["predict_schema"]["nodes"].values()}
    return not used.isdisjoint(USERS)


def configure_logging(level: int) -> None:
    """Plain lines on standard output, for Rasa's two kinds of loggers. Imports Rasa: after `leave_out_tensorflow`."""
    from rasa.utils.log_utils import configure_structlog

    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stdout)
    configure_structlog(level)


def leave_out_tensorflow() -> None:
    """To be called before the first import of Rasa."""
    if "tensorflow" in sys.modules:
        raise RuntimeError("TensorFlow is already imported; leave it out before importing Rasa")
    sys.meta_path.insert(0, _StandIns())


class _Nothing(type):
    """Metaclass of the stand-ins: each attribute is another stand-in; as a decorator it leaves its function alone."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _stand_in(name)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls.__module__ != __name__:
            raise RuntimeError(
                f"{cls.__name__} computes with TensorFlow, which was left out at the start (bot/assistant/lean.py). "
                f"Add the component that needs it to USERS there."
            )
        return args[0] if len(args) == 1 and callable(args[0]) else cls


def _stand_in(name: str) -> Any:
    return _Nothing(name, (), {"__module__": __name__})


class _Package(ModuleType):
    __path__: MutableSequence[str] = []  # noqa: RUF012 - what makes a module a package
    __version__ = "0"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _stand_in(name)


class _StandIns(MetaPathFinder, Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in LEFT_OUT:
            return ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Package(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """A stand-in has nothing to run."""
