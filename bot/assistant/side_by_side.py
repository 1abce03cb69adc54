"""Trains the components of a Rasa project side by side, on data that is read once.

Rasa's own training reads all files three times, copies and fingerprints them for every component, and trains one
component after another. Here each trains in a process of its own, forked when what it needs is there: all that comes of
it are files in the model's folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rasa.engine.constants import PLACEHOLDER_IMPORTER
from rasa.engine.exceptions import GraphComponentException
from rasa.engine.graph import ExecutionContext, GraphNode, SchemaNode
from rasa.engine.recipes.recipe import Recipe
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.training.hooks import LoggingHook
from rasa.engine.validation import validate
from rasa.shared.core.domain import Domain
from rasa.shared.core.training_data.structures import StoryGraph
from rasa.shared.data import TrainingType
from rasa.shared.exceptions import RasaException
from rasa.shared.importers.rasa import RasaFileImporter
from rasa.shared.nlu.training_data.loading import load_data
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.assistant.patches import in_order

Output = tuple[str, Any]
"""A node's name and what came of it."""


class CannotTrain(RasaException):
    """The project is faulty: contradicting rules, a missing annotation. The message says what."""


def train(config: Path, domain: Path, data: Sequence[Path], output: Path) -> None:
    """Writes the model, a .tar.gz. Raises RasaException with the reason when the project cannot be trained."""
    importer = ReadOnce(str(config), str(domain), [str(path) for path in data])
    kind = TrainingType.BOTH if importer.get_nlu_data().intent_examples else TrainingType.CORE
    settings = importer.get_config()
    recipe = Recipe.recipe_for_name(settings["recipe"])
    settings, _, _ = recipe.auto_configure(str(config), settings, kind)
    # Strung together, stories teach only policies that generalise (TED); those are trained by Rasa itself.
    graph = recipe.graph_config_for_recipe(settings, {"augmentation_factor": 0}, training_type=kind)
    validate(graph)
    with TemporaryDirectory(prefix="kefu-model-") as folder:
        storage = LocalModelStorage(Path(folder))
        schema = graph.train_schema
        context = ExecutionContext(graph_schema=schema)
        runner = SideBySide.create(schema, storage, context, [LoggingHook(pruned_schema=schema)])
        runner.run({PLACEHOLDER_IMPORTER: importer})
        storage.create_model_package(output, graph, importer.get_domain())


class ReadOnce(RasaFileImporter):
    """What it returns is not to be changed, but for the features that components add to messages."""

    @cached_property
    def _domain(self) -> Domain:
        return super().get_domain()

    @cached_property
    def _stories(self) -> StoryGraph:
        return super().get_stories()

    @cached_property
    def _nlu_data(self) -> TrainingData:
        return TrainingData().merge(*(load_data(file) for file in self._nlu_files))

    def get_domain(self) -> Domain:
        return self._domain

    def get_stories(self, exclusion_percentage: int | None = None) -> StoryGraph:
        return self._stories

    def get_nlu_data(self, language: str | None = None) -> TrainingData:
        return self._nlu_data


class SideBySide(DaskGraphRunner):
    """Runs a graph in this process, but for what trains."""

    def run(self, inputs: Mapping[str, Any] | None = None, targets: Sequence[str] | None = None) -> dict[str, Any]:
        wanted = targets or self._graph_schema.target_names
        nodes: dict[str, SchemaNode] = self._graph_schema.nodes
        results: dict[str, Output] = {name: (name, value) for name, value in (inputs or {}).items()}
        training: dict[str, Training] = {}
        try:
            for name in in_order(wanted, {name: node.needs.values() for name, node in nodes.items()}):
                needs = list(nodes[name].needs.values())
                for need in training.keys() & set(needs):
                    results[need] = training.pop(need).result()
                received = [results[need] for need in needs]
                if nodes[name].is_target and not nodes[name].is_input:
                    training[name] = Training.begin(self._instantiated_nodes[name], received)
                else:
                    results[name] = self._instantiated_nodes[name](*received)
            while training:
                name, one = training.popitem()
                results[name] = one.result()
        finally:
            for one in training.values():
                one.process.kill()
        return dict(results[name] for name in wanted)


@dataclass(frozen=True)
class Training:
    """One component at work in its process."""

    node: str
    process: BaseProcess
    connection: Connection

    @classmethod
    def begin(cls, node: GraphNode, received: Sequence[Output]) -> Training:
        here, there = get_context("fork").Pipe(duplex=False)
        process = get_context("fork").Process(target=_work, args=(node, received, there))
        process.start()
        there.close()
        return cls(node._node_name, process, here)

    def result(self) -> Output:
        """Waits. Raises CannotTrain with the component's reason."""
        try:
            output, reason = self.connection.recv()
        except EOFError:
            raise RuntimeError(f"{self.node} ended without a result; why is above") from None
        self.process.join()
        if reason is not None:
            raise CannotTrain(reason)
        return self.node, output


def _work(node: GraphNode, received: Sequence[Output], connection: Connection) -> None:
    try:
        _, output = node(*received)
    except RasaException as error:
        if isinstance(error, GraphComponentException) and not isinstance(error.__cause__, (RasaException, ValueError)):
            raise  # a fault of ours, with its traceback
        connection.send((None, reason(error)))
    else:
        connection.send((output, None))


def reason(error: RasaException) -> str:
    """Where a component failed, Rasa only names it: what went wrong is in the cause."""
    cause = f" {error.__cause__}" if isinstance(error, GraphComponentException) else ""
    return f"{error}{cause}".strip()
