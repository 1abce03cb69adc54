"""Test stories: whole conversations with a trained assistant, the actions named and not run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rasa.core.agent import Agent


async def play(agent: Agent, folder: Path) -> list[dict[str, Any]]:
    """One row a story: `name`, `passed`, and in `wrong` each step that came out otherwise: `after` which text, what was
    `wanted`, what was `got`. The agent understands the messages by itself; where it takes one for another intent, the
    story has failed and goes on as it is written."""
    from rasa.core.test import (
        WronglyClassifiedUserUtterance,
        WronglyPredictedAction,
        _create_data_generator,
        _predict_tracker_actions,
    )

    rows = []
    data = _create_data_generator(str(folder), agent, use_conversation_test_files=True)
    for tracker in data.generate_story_trackers():
        _, played, _, _ = await _predict_tracker_actions(tracker, agent, use_e2e=True)
        wrong: list[dict[str, Any]] = []
        text = ""
        for event in played.events:
            text = getattr(event, "text", None) or text
            if isinstance(event, WronglyPredictedAction):
                wrong.append({"after": text, "wanted": event.action_name, "got": event.action_name_prediction})
            elif isinstance(event, WronglyClassifiedUserUtterance):
                wrong.append({"after": text, "wanted": event.intent["name"], "got": event.predicted_intent})
        rows.append({"name": tracker.sender_id, "passed": not wrong, "wrong": wrong})
    return rows
