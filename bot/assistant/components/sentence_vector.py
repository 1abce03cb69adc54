"""Featurizer: the sentence vector of the utterance, beside it that of the encoder's middle layer.

The gateway understands an utterance once and sends its vector along in the metadata; it is taken out of there, so that
the tracker does not store it. Without one (training, `rasa shell`, tests) the utterance is encoded here.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.shared.constants import INTENT_MESSAGE_PREFIX
from rasa.shared.exceptions import RasaException
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, METADATA, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.assistant.components.linear_model import Floats
from retrieval.encoder.embedded import EmbeddedEncoder
from retrieval.encoder.protocol import EncoderError
from retrieval.text import normalise

logger = logging.getLogger(__name__)

ENCODER_VARIABLE = "KEFU_ENCODER_DIR"
CACHE_VARIABLE = "KEFU_VECTOR_CACHE"
PROGRESS_EVERY = 2000


class SentenceVectorError(RasaException):
    """The vector of an utterance cannot be had. The message says why."""


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class SentenceVector(DenseFeaturizer, GraphComponent):
    """Sets one dense sentence feature, (1, dimension), on every message that is not a button's payload."""

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SentenceVector:
        return cls(execution_context.node_name, config)

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Nothing to configure: which encoder it is, the environment says."""

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        messages = [message for message in training_data.training_examples if message.get(TEXT)]
        vectors = self._encode_all([message.get(TEXT) for message in messages])
        for message, vector in zip(messages, vectors, strict=True):
            self._set_vector(message, vector)
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            text = message.get(TEXT)
            if not text or text.startswith(INTENT_MESSAGE_PREFIX):
                continue
            sent = (message.get(METADATA) or {}).pop("vector", None)
            self._set_vector(message, encoder().encode_deep([normalise(text)])[0] if sent is None else unpack(sent))
        return messages

    def _set_vector(self, message: Message, vector: Floats) -> None:
        message.add_features(Features(vector.reshape(1, -1), FEATURE_TYPE_SENTENCE, TEXT, self._identifier))

    def _encode_all(self, texts: Sequence[str]) -> Floats:
        """(n, dimension). Vectors of earlier trainings come from the cache folder, if the environment names one."""
        normalised = [normalise(text) for text in texts]
        folder = os.environ.get(CACHE_VARIABLE)
        file = Path(folder) / f"{hashlib.sha256(encoder().name.encode()).hexdigest()[:16]}.npz" if folder else None
        known: dict[str, Floats] = {}
        if file is not None and file.exists():
            with np.load(file, allow_pickle=False) as stored:
                known = dict(zip(stored["keys"].tolist(), stored["vectors"], strict=True))
        keys = {text: hashlib.sha256(text.encode()).hexdigest() for text in normalised}
        # By length, so that the encoder's batches hold little padding.
        new = sorted((text for text, key in keys.items() if key not in known), key=len)
        for start in range(0, len(new), PROGRESS_EVERY):
            batch = new[start : start + PROGRESS_EVERY]
            # The int8 model rounds an utterance a little by its neighbours in the batch; what is learned from such
            # vectors is as good for those that are encoded one by one (README), and they take half the time.
            known.update(zip((keys[text] for text in batch), encoder().encode_deep(batch), strict=True))
            logger.info("Encoded %d of %d utterances", start + len(batch), len(new))
            if file is not None:  # kept at once: a training that is killed goes on from here
                file.parent.mkdir(parents=True, exist_ok=True)
                part = file.with_suffix(f".{os.getpid()}.part.npz")
                np.savez(part, keys=np.array(list(known)), vectors=np.stack(list(known.values())))
                part.replace(file)
        return np.stack([known[keys[text]] for text in normalised])


def vector_of(message: Message) -> Floats | None:
    """(2 * dimension,), as SentenceVector set it; None for a button's payload."""
    _, sentence = message.get_dense_features(TEXT)
    return None if sentence is None else sentence.features[0]


@functools.lru_cache(maxsize=1)
def encoder() -> EmbeddedEncoder:
    """The encoder of this process, loaded when first needed: served turns bring their vector and never need it."""
    folder = os.environ.get(ENCODER_VARIABLE)
    if not folder:
        raise SentenceVectorError(f"{ENCODER_VARIABLE} is not set: it names the folder of the sentence encoder.")
    try:
        return EmbeddedEncoder(Path(folder))
    except EncoderError as error:
        raise SentenceVectorError(f"{ENCODER_VARIABLE}={folder}: {error}") from error


def unpack(sent: str) -> Floats:
    """A vector as the gateway sends it: base64 of float16, little endian."""
    try:
        return np.frombuffer(base64.b64decode(sent, validate=True), dtype="<f2").astype(np.float32)
    except (binascii.Error, ValueError, TypeError) as error:
        raise SentenceVectorError(f"metadata.vector is not base64 of float16: {error}") from error
