"""`python -m bot.assistant.bench_nlu`: trains intents and entities on one file and tests them on another, with the code
and the settings that serve. Prints JSON. `training/bench/nlu.py` calls it.

Both files: JSON lines of `{"text", "intent", "entities": [{"start", "end", "entity"}]}`.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from bot.assistant.components import entity_training, intent_training
from bot.assistant.components.entity_training import EntitySettings
from bot.assistant.components.intent_training import Examples, TrainingSettings, expected_calibration_error
from bot.assistant.components.linear_model import Floats
from bot.assistant.components.overlaps import merge
from bot.assistant.components.sounds import read_sounds
from retrieval.encoder.embedded import EmbeddedEncoder
from retrieval.text import normalise


@dataclass(frozen=True)
class Utterance:
    text: str
    intent: str
    entities: list[dict[str, Any]]

    @property
    def spans(self) -> set[tuple[str, int, int]]:
        return {(entity["entity"], entity["start"], entity["end"]) for entity in self.entities}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    arguments = parser.parse_args()
    encoder = EmbeddedEncoder(arguments.encoder)
    intents, entities = settings(arguments.config)
    figures = bench(encoder, read(arguments.train), read(arguments.test), intents, entities)
    print(json.dumps(figures, ensure_ascii=False, indent=2))  # noqa: T201


def read(file: Path) -> list[Utterance]:
    """Spans are of the text as it is served: an utterance that the normaliser changes the length of loses its own."""
    utterances = []
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        text = normalise(row["text"])
        kept = row["entities"] if len(text) == len(row["text"]) else []
        utterances.append(Utterance(text, row["intent"], kept))
    return utterances


def settings(config: Path) -> tuple[TrainingSettings, EntitySettings]:
    """As `config.yml` has them for the product; an intent may be as rare as the file has it."""
    pipeline = components(config)
    intents, entities = pipeline["CalibratedIntentClassifier"], pipeline["EntityTagger"]
    return (
        TrainingSettings(
            longest_ngram=intents["longest_ngram"],
            strengths=tuple(float(strength) for strength in intents["strengths"]),
            folds=intents["folds"],
            fewest=1,
            side_weight=1,
            wrong_answer_cost=intents["wrong_answer_cost"],
            random_state=1,
        ),
        EntitySettings(**{name: entities[name] for name in EntitySettings.__dataclass_fields__}),
    )


def components(config: Path) -> dict[str, dict[str, Any]]:
    """The pipeline's components by the names of their classes."""
    pipeline = yaml.safe_load(config.read_text(encoding="utf-8"))["pipeline"]
    return {component["name"].rpartition(".")[2]: component for component in pipeline}


def bench(
    encoder: EmbeddedEncoder,
    train: list[Utterance],
    test: list[Utterance],
    intent_settings: TrainingSettings,
    entity_settings: EntitySettings,
) -> dict[str, Any]:
    """Training time includes encoding; so does the time of an utterance. Memory is the whole process, its peak."""
    began = time.perf_counter()
    texts = [utterance.text for utterance in train]
    # One by one, as they are encoded when served: in a batch, the int8 model rounds each by its neighbours.
    vectors = np.vstack([encoder.encode_deep([text]) for text in texts])
    examples = Examples(texts, vectors, [utterance.intent for utterance in train], np.zeros(len(train), dtype=bool))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # rare intents cannot be in every fold
        intents, _ = intent_training.fit(examples, intent_settings, read_sounds())
    marked = [utterance.entities for utterance in train]
    entities = entity_training.fit(texts, vectors, marked, entity_settings) if any(marked) else None
    seconds = time.perf_counter() - began

    rankings, found, times = [], [], []
    for utterance in test:
        started = time.perf_counter()
        vector = encoder.encode_deep([utterance.text])[0]
        rankings.append(intents.probabilities(utterance.text, vector))
        tagged = entities.extract(utterance.text, vector) if entities else []
        found.append(merge(tagged, learned_by="EntityTagger", upper_case=()))
        times.append((time.perf_counter() - started) * 1000)
    guesses = [ranking[0][0] for ranking in rankings]
    right = np.array([guess == utterance.intent for guess, utterance in zip(guesses, test, strict=True)])
    return {
        "train": len(train),
        "test": len(test),
        "intents": len(set(examples.intents)),
        "accuracy": round(float(right.mean()), 4),
        "macro_f1": round(_macro_f1([utterance.intent for utterance in test], guesses), 4),
        "ece": round(expected_calibration_error(_confidence(rankings), right), 4),
        **_entity_figures(test, found),
        "training_seconds": round(seconds, 1),
        "p50_ms": round(float(np.percentile(times, 50)), 2),
        "p95_ms": round(float(np.percentile(times, 95)), 2),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def _confidence(rankings: list[list[tuple[str, float]]]) -> Floats:
    return np.array([ranking[0][1] for ranking in rankings])


def _entity_figures(test: list[Utterance], found: list[list[dict[str, Any]]]) -> dict[str, float]:
    """Micro averages over exact spans with their labels."""
    spans = [{(entity["entity"], entity["start"], entity["end"]) for entity in entities} for entities in found]
    both = sum(len(utterance.spans & got) for utterance, got in zip(test, spans, strict=True))
    precision = both / max(sum(map(len, spans)), 1)
    recall = both / max(sum(len(utterance.spans) for utterance in test), 1)
    return {
        "entity_precision": round(precision, 4),
        "entity_recall": round(recall, 4),
        "entity_f1": round(2 * precision * recall / max(precision + recall, 1e-9), 4),
    }


def _macro_f1(truth: list[str], guesses: list[str]) -> float:
    """Mean over all labels that occur in either, as scikit-learn has it."""
    hits = Counter(label for label, guess in zip(truth, guesses, strict=True) if label == guess)
    asked, guessed = Counter(truth), Counter(guesses)
    labels = sorted(asked.keys() | guessed.keys())
    return float(np.mean([2 * hits[label] / (asked[label] + guessed[label]) for label in labels]))


if __name__ == "__main__":
    main()
