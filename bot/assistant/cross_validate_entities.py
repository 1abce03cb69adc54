"""`python -m bot.assistant.cross_validate_entities`: how well each entity is found in what a model was not trained on.

Patterns, lookups, tagger and merge as they serve, with the settings of `config.yml`; spans are right when exact.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rasa.nlu.utils.pattern_utils import extract_patterns
from rasa.shared.nlu.training_data.formats import RasaYAMLReader
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.assistant.bench_nlu import components
from bot.assistant.components import entity_training
from bot.assistant.components.entity_tagger import looked_up
from bot.assistant.components.entity_training import EntitySettings
from bot.assistant.components.linear_model import Floats
from bot.assistant.components.overlaps import merge
from retrieval.encoder.embedded import EmbeddedEncoder
from retrieval.text import normalise

Entity = dict[str, Any]
Counts = dict[str, Counter[str]]
"""Of each entity: `right`, `found`, `marked`."""


@dataclass(frozen=True)
class Marked:
    text: str
    entities: list[Entity]


@dataclass(frozen=True)
class Data:
    utterances: list[Marked]
    patterns: list[tuple[str, re.Pattern[str]]]
    known: list[tuple[str, str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="NLU files or folders: as train_model")
    parser.add_argument("--folds", type=int, default=5)
    arguments = parser.parse_args()
    config = components(arguments.config)
    data = read(arguments.data, config["EntityTagger"]["entities"])
    encoder = EmbeddedEncoder(arguments.encoder)
    vectors = np.vstack([encoder.encode_deep([utterance.text]) for utterance in data.utterances])
    counts: Counts = {}
    for fold in range(arguments.folds):
        for _, found, marked in predict(data, vectors, config, fold, arguments.folds):
            count(counts, found, marked)
    print(json.dumps(figures(counts), ensure_ascii=False, indent=2))  # noqa: T201


def read(paths: Sequence[Path], learned: Sequence[str]) -> Data:
    """What is read as it is served (most of it is), and what RegexEntityExtractor and the tagger look up."""
    files = [file for path in paths for file in (sorted(path.glob("*.yml")) if path.is_dir() else [path])]
    data = TrainingData().merge(*(RasaYAMLReader().read(file) for file in files))
    patterns = [
        (pattern["name"], re.compile(pattern["pattern"], re.IGNORECASE))
        for pattern in extract_patterns(data, use_word_boundaries=False)
    ]
    utterances = [Marked(example.get("text"), example.get("entities") or []) for example in data.intent_examples]
    served = [utterance for utterance in utterances if normalise(utterance.text) == utterance.text]
    return Data(served, patterns, looked_up(data, learned))


def predict(
    data: Data, vectors: Floats, config: dict[str, Any], fold: int, folds: int
) -> list[tuple[str, list[Entity], list[Entity]]]:
    """Of one fold: each text, what is found there by what the others taught, and what is marked."""
    part = np.random.default_rng(1).permutation(len(data.utterances)) % folds
    rest, own = ([data.utterances[i] for i in np.flatnonzero(chosen)] for chosen in (part != fold, part == fold))
    learned = set(config["EntityTagger"]["entities"])
    marked = [[item for item in utterance.entities if item["entity"] in learned] for utterance in rest]
    settings = EntitySettings(**{name: config["EntityTagger"][name] for name in EntitySettings.__dataclass_fields__})
    texts = [utterance.text for utterance in rest]
    model = entity_training.fit(texts, vectors[part != fold], marked, settings, data.known)
    rows = []
    for utterance, vector in zip(own, vectors[part == fold], strict=True):
        tagged = [{**item, "extractor": "EntityTagger"} for item in model.extract(utterance.text, vector)]
        matched = [
            {"entity": name, "start": match.start(), "end": match.end(), "value": match[0]}
            for name, pattern in data.patterns
            for match in pattern.finditer(utterance.text)
        ]
        merging = {"upper_case": (), "in_context": config["EntityMerge"]["in_context"]}
        merged = merge([*matched, *tagged], learned_by="EntityTagger", **merging)
        rows.append((utterance.text, merged, utterance.entities))
    return rows


def count(counts: Counts, found: Sequence[Entity], marked: Sequence[Entity]) -> None:
    spans = [{(item["entity"], item["start"], item["end"]) for item in items} for items in (found, marked)]
    for kind, some in (("found", spans[0]), ("marked", spans[1]), ("right", spans[0] & spans[1])):
        for name, _, _ in some:
            for row in (name, "all"):
                counts.setdefault(row, Counter())[kind] += 1


def figures(counts: Counts) -> dict[str, dict[str, float]]:
    return {
        name: {
            "marked": row["marked"],
            "precision": round(row["right"] / max(row["found"], 1), 3),
            "recall": round(row["right"] / max(row["marked"], 1), 3),
            "f1": round(2 * row["right"] / (row["found"] + row["marked"]), 3),
        }
        for name, row in sorted(counts.items())
    }


if __name__ == "__main__":
    main()
