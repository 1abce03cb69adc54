"""Intent classifier with calibrated probabilities. The model itself is in ``intent_model``, its fitting in
``intent_training``; this is their place in the graph."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.assistant.components.intent_model import IntentModel
from bot.assistant.components.knowledge_examples import is_knowledge
from bot.assistant.components.sentence_vector import vector_of

REPORT_FILE = "intent_report.json"
THRESHOLD = "intent_threshold"
"""Message attribute: the model's fallback threshold, for the components that follow."""


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class CalibratedIntentClassifier(IntentClassifier, GraphComponent):
    """Sets `intent`, `intent_ranking` and, for the components after it, the model's own fallback threshold."""

    def __init__(
        self, config: dict[str, Any], storage: ModelStorage, resource: Resource, model: IntentModel | None = None
    ) -> None:
        self._config = config
        self._storage = storage
        self._resource = resource
        self._model = model

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {
            "longest_ngram": 3,
            "strengths": [3, 10, 30, 100],
            "folds": 5,
            "knowledge_weight": 1,
            "wrong_answer_cost": 1,
            "random_state": 1,
            "ranking_length": 5,
        }

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> CalibratedIntentClassifier:
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> CalibratedIntentClassifier:
        with model_storage.read_from(resource) as folder:
            return cls(config, model_storage, resource, IntentModel.load(folder))

    def train(self, training_data: TrainingData) -> Resource:
        # Only training needs scikit-learn; importing it costs a second of every start.
        from bot.assistant.components.intent_training import Examples, TrainingSettings, fit
        from bot.assistant.components.sounds import read_sounds

        messages = list({message.get(TEXT): message for message in training_data.intent_examples}.values())
        vectors = [vector for message in messages if (vector := vector_of(message)) is not None]
        if not messages or len(vectors) < len(messages):
            raise InvalidConfigException("CalibratedIntentClassifier needs examples, and SentenceVector before it.")
        examples = Examples(
            texts=[message.get(TEXT) for message in messages],
            vectors=np.stack(vectors),
            intents=[message.get(INTENT) for message in messages],
            side=np.array([is_knowledge(message) for message in messages]),
        )
        settings = TrainingSettings(
            longest_ngram=self._config["longest_ngram"],
            strengths=tuple(float(strength) for strength in self._config["strengths"]),
            folds=self._config["folds"],
            fewest=self._config["folds"],
            side_weight=self._config["knowledge_weight"],
            wrong_answer_cost=self._config["wrong_answer_cost"],
            random_state=self._config["random_state"],
        )
        self._model, report = fit(examples, settings, read_sounds())
        with self._storage.write_to(self._resource) as folder:
            self._model.save(folder)
            (folder / REPORT_FILE).write_text(json.dumps(report, ensure_ascii=False, indent=2), encoding="utf-8")
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            vector = vector_of(message)
            if self._model is None or vector is None:  # a button's payload: RegexMessageHandler knows its intent
                continue
            if vector.shape != (self._model.dimension,):
                raise InvalidConfigException(
                    f"The utterance's vector has {vector.shape[0]} dimensions, the assistant was trained on "
                    f"{self._model.dimension}: train it again with the encoder in use."
                )
            probabilities = self._model.probabilities(message.get(TEXT), vector)[: self._config["ranking_length"]]
            ranking = [{"name": name, "confidence": confidence} for name, confidence in probabilities]
            message.set(INTENT, ranking[0], add_to_output=True)
            message.set("intent_ranking", ranking, add_to_output=True)
            message.set(THRESHOLD, self._model.threshold)
        return messages
