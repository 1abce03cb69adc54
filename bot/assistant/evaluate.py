"""`python -m bot.assistant.evaluate`: how a trained assistant does on what it never saw. Writes JSON, or prints it."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.assistant.lean import configure_logging, leave_out_tensorflow, needs_tensorflow

if TYPE_CHECKING:
    from rasa.core.agent import Agent
    from rasa.shared.nlu.training_data.message import Message

    from bot.assistant.components.linear_model import Floats


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="a folder of NLU YAML files")
    parser.add_argument("--stories", type=Path, help="a folder of test stories")
    parser.add_argument("--output", type=Path, help="the JSON to write; without it, it is printed")
    arguments = parser.parse_args()
    if not needs_tensorflow(arguments.model):
        leave_out_tensorflow()
    configure_logging(logging.WARNING)
    text = json.dumps(evaluate(arguments.model, arguments.data, arguments.stories), ensure_ascii=False, indent=2)
    if arguments.output:
        arguments.output.write_text(text, encoding="utf-8")
    else:
        print(text)  # noqa: T201


def evaluate(model: Path, data: Path, stories: Path | None = None) -> dict[str, Any]:
    """The intent without the knowledge base's help, and the entities by exact span.

    `accuracy` counts the likeliest intent, whether sure or not; `accepted` is the share that is above the model's own
    threshold and `accepted_accuracy` the accuracy there; `ece` the calibration error (0..1). `rows` are the utterances
    one by one, in the order of the files: what the gate compares and the report shows. `stories`: see `play`.
    """
    import numpy as np
    from rasa.core.agent import Agent
    from rasa.shared.constants import DEFAULT_NLU_FALLBACK_INTENT_NAME
    from rasa.shared.nlu.training_data.formats import RasaYAMLReader

    from bot.assistant import patches
    from bot.assistant.components.intent_training import expected_calibration_error

    patches.apply()
    examples: list[Message] = [
        example for file in sorted(data.glob("*.yml")) for example in RasaYAMLReader().read(file).intent_examples
    ]
    texts = [example.get("text") for example in examples]
    half = len(texts) // 2
    # Forked, the processes share the loaded model; two, for the machine may have more cores than memory.
    with ProcessPoolExecutor(2, get_context("fork"), initializer=_use, initargs=(Agent.load(model),)) as pool:
        first, played, second = (
            pool.submit(_parse, texts[:half]),
            pool.submit(_play, stories) if stories else None,
            pool.submit(_parse, texts[half:]),
        )
        utterances = first.result() + second.result()
        conversations = played.result() if played else []

    right, confidence, accepted = [], [], []
    per_intent: dict[str, list[bool]] = defaultdict(list)
    rows: list[dict[str, Any]] = []
    wrong, spans = [], {"found": 0, "marked": 0, "both": 0}
    for example, parsed in zip(examples, utterances, strict=True):
        guesses = [guess for guess in parsed["intent_ranking"] if guess["name"] != DEFAULT_NLU_FALLBACK_INTENT_NAME]
        accepted.append(parsed["intent"]["name"] != DEFAULT_NLU_FALLBACK_INTENT_NAME)
        right.append(guesses[0]["name"] == example.get("intent"))
        confidence.append(guesses[0]["confidence"])
        per_intent[example.get("intent")].append(right[-1])
        if not right[-1]:
            wrong.append({"text": example.get("text"), "intent": example.get("intent"), "guess": guesses[0]})
        marked = {(e["entity"], e["start"], e["end"]) for e in example.get("entities") or []}
        found = {(e["entity"], e["start"], e["end"]) for e in parsed["entities"]}
        rows.append(
            {
                "text": example.get("text"),
                "intent": example.get("intent"),
                "ranking": [[guess["name"], round(guess["confidence"], 4)] for guess in guesses],
                "accepted": accepted[-1],
                "marked": sorted(marked),
                "found": sorted(found),
            }
        )
        spans["marked"] += len(marked)
        spans["found"] += len(found)
        spans["both"] += len(marked & found)
    was_right, sure, was_accepted = np.array(right), np.array(confidence, dtype=np.float32), np.array(accepted)
    return {
        "utterances": len(examples),
        "accuracy": float(was_right.mean()),
        "ece": expected_calibration_error(sure, was_right),
        "accepted": float(was_accepted.mean()),
        "accepted_accuracy": _mean(was_right[was_accepted]),
        "per_intent": {name: sum(hits) / len(hits) for name, hits in sorted(per_intent.items())},
        "entities": {
            "precision": spans["both"] / max(spans["found"], 1),
            "recall": spans["both"] / max(spans["marked"], 1),
        },
        "wrong": wrong,
        "rows": rows,
        "stories": conversations,
    }


_agent: Agent | None = None


def _use(agent: Agent) -> None:
    global _agent
    _agent = agent


def _parse(texts: Sequence[str]) -> list[dict[str, Any]]:
    assert _agent is not None
    agent = _agent

    async def one_by_one() -> list[dict[str, Any]]:
        return [await agent.parse_message(text) for text in texts]

    return asyncio.run(one_by_one())


def _play(stories: Path) -> list[dict[str, Any]]:
    from bot.assistant.stories import play

    assert _agent is not None
    return asyncio.run(play(_agent, stories))


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else 0.0


if __name__ == "__main__":
    main()
