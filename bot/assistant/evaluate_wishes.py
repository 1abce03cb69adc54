"""`python -m bot.assistant.evaluate_wishes`: how well messages with several wishes are told from those with one.

Prints JSON. `precision`: of the messages taken apart, those that hold exactly these wishes. `recall`: of the messages
with several, those taken apart into exactly their wishes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import time
from pathlib import Path
from typing import Any

from bot.assistant.lean import configure_logging, leave_out_tensorflow, needs_tensorflow


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="JSON lines: {text, wishes: [intent…], part}")
    parser.add_argument("--part", choices=["dev", "test"], default="test")
    arguments = parser.parse_args()
    if not needs_tensorflow(arguments.model):
        leave_out_tensorflow()
    configure_logging(logging.WARNING)
    rows = [json.loads(line) for line in arguments.data.read_text(encoding="utf-8").splitlines()]
    figures = asyncio.run(evaluate(arguments.model, [row for row in rows if row["part"] == arguments.part]))
    print(json.dumps(figures, ensure_ascii=False, indent=2))  # noqa: T201


async def evaluate(model: Path, rows: list[dict[str, Any]]) -> dict[str, Any]:
    from rasa.core.agent import Agent
    from rasa.core.channels.channel import UserMessage

    from bot.assistant.listening import Listener
    from retrieval.text import normalise

    processor = Agent.load(model).processor
    assert processor is not None
    listener = Listener(processor)
    apart = right = several = 0
    seconds = 0.0
    wrong = []
    for row in rows:
        text = normalise(row["text"])
        whole = await processor.parse_message(UserMessage(text))
        began = time.perf_counter()
        wishes = [parsed["intent"]["name"] for _, parsed in await listener.wishes_in(text, whole, {})]
        seconds += time.perf_counter() - began
        exact = len(row["wishes"]) > 1 and sorted(wishes) == sorted(row["wishes"])
        several += len(row["wishes"]) > 1
        apart += len(wishes) > 1
        right += exact
        if max(len(row["wishes"]), len(wishes)) > 1 and not exact:
            wrong.append({"text": row["text"], "wishes": row["wishes"], "found": wishes or [whole["intent"]["name"]]})
    return {
        "messages": len(rows),
        "precision": right / max(apart, 1),
        "recall": right / max(several, 1),
        "milliseconds": 1000 * seconds / max(len(rows), 1),
        "wrong": wrong,
    }


if __name__ == "__main__":
    main()
