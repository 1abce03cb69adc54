"""Which of the two leads the turn: the guessed intent, or what the knowledge base found for the same utterance.

The knowledge base's outcome arrives in the metadata (`faq`), with calibrated probabilities; the intent's threshold is
the intent model's own. The guess that loses stays visible in `intent_ranking`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.constants import DEFAULT_NLU_FALLBACK_INTENT_NAME
from rasa.shared.nlu.constants import INTENT, INTENT_RANKING_KEY, METADATA
from rasa.shared.nlu.training_data.message import Message

from bot.assistant.components.intent_classifier import THRESHOLD

FAQ = "faq"
Ranking = list[dict[str, Any]]


def route(
    ranking: Sequence[Mapping[str, Any]],
    threshold: float,
    faq: Mapping[str, Any],
    *,
    yielding: Collection[str],
    firm: Collection[str],
) -> Ranking:
    """The ranking with the turn's leader first.

    ranking: at least one `{name, confidence}`, the likeliest first.
    faq: `{outcome: "answer" | "choices" | "none", candidates: [{probability, …}]}`; empty counts as none.
    yielding: intents that the knowledge base answers anyway, so its answer leads even when they are likely.
    firm: intents that a likely answer never overrules once they are above the threshold (a wish for a person).
    """
    name, confidence = ranking[0]["name"], ranking[0]["confidence"]
    sure = confidence >= threshold
    outcome = faq.get("outcome", "none")
    found = faq["candidates"][0]["probability"] if outcome != "none" else 0.0
    if outcome == "answer":
        faq_leads = not sure or name in yielding or (name not in firm and found > confidence)
    else:
        faq_leads = outcome == "choices" and not sure
    if faq_leads:
        return [{"name": FAQ, "confidence": found}, *(dict(guess) for guess in ranking if guess["name"] != FAQ)]
    if not sure:
        # As Rasa's own FallbackClassifier has it: the threshold for confidence, the real guess behind.
        fallback = {"name": DEFAULT_NLU_FALLBACK_INTENT_NAME, "confidence": threshold}
        return [fallback, *(dict(guess) for guess in ranking)]
    return [dict(guess) for guess in ranking]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class TurnRouter(IntentClassifier, GraphComponent):
    """Replaces `intent` by the leader of the turn. A button's payload is not routed: its intent is no guess."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"yielding": [FAQ], "firm": []}

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> TurnRouter:
        return cls(config)

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            ranking, threshold = message.get(INTENT_RANKING_KEY), message.get(THRESHOLD)
            if not ranking or threshold is None:
                continue
            faq = (message.get(METADATA) or {}).get("faq") or {}
            routed = route(ranking, threshold, faq, yielding=self._config["yielding"], firm=self._config["firm"])
            message.set(INTENT, routed[0], add_to_output=True)
            message.set(INTENT_RANKING_KEY, routed, add_to_output=True)
        return messages
