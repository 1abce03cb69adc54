"""Policy: hands the conversation to a person when `handoff.decision` says so. It gathers the signals, no more."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from rasa.core.featurizers.tracker_featurizers import TrackerFeaturizer
from rasa.core.policies.policy import Policy, PolicyPrediction, SupportedData, confidence_scores_for
from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.constants import DEFAULT_NLU_FALLBACK_INTENT_NAME
from rasa.shared.core.constants import ACTION_LISTEN_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, ActiveLoop, SlotSet, UserUttered
from rasa.shared.core.generator import TrackerWithCachedStates
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.exceptions import InvalidConfigException

from bot.assistant.components.quantity import read_quantity
from handoff.decision import Decision, Signals, Thresholds, decide, fall, load_thresholds, recent_mean

HANDOVER = "action_handover"
FALLBACK = "action_fallback"
DECISION_SLOT = "handoff_decision"
FORM_FAILURES_SLOT = "form_failures"
UNHELPFUL_SLOT = "unhelpful_streak"
EXPLICIT_WISH = "human_agent"
QUANTITY = "quantity"
PART_OF = "part_of"
"""In the metadata of an utterance that is one of several wishes in a message: that message's id."""
THRESHOLDS_FILE = "thresholds.json"
THRESHOLDS_VARIABLE = "KEFU_HANDOFF_THRESHOLDS"


def signals_of(
    tracker: DialogueStateTracker,
    thresholds: Thresholds,
    buying_intents: Collection[str],
    patient_forms: Collection[str] = (),
) -> Signals:
    """What the tracker knows at this moment. Streaks begin anew after a hand-over: the person has settled what was."""
    turns = _turns_since_handover(tracker)
    latest = next(turns, None)
    if latest is None:
        return Signals()
    metadata = latest.metadata or {}
    window = thresholds.sentiment_window
    dictated = _said_into(tracker, patient_forms)
    said = [latest, *islice(turns, window - 1)]
    recent = [0.0 if id(turn) in dictated else _sentiment(turn) for turn in said]
    return Signals(
        explicit_wish=max(
            (guess["confidence"] for guess in _guesses(latest) if guess["name"] == EXPLICIT_WISH), default=0.0
        ),
        low_confidence_streak=_misses_in_a_row(tracker),
        sentiment=recent[0],
        sentiment_recent_mean=recent_mean(recent[::-1], thresholds.sentiment_memory),
        sentiment_fall=fall(recent[::-1], thresholds.sentiment_memory),
        risk_terms=tuple(metadata.get("risk_terms") or ()),
        form_failures=tracker.get_slot(FORM_FAILURES_SLOT) or 0,
        unhelpful_streak=tracker.get_slot(UNHELPFUL_SLOT) or 0,
        bulk_quantity=_quantity(latest) if latest.intent.get("name") in buying_intents else 0,
    )


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True)
class HandoffPolicy(Policy):
    """Predicts `action_handover` over any other policy, once a turn, at any step of it: a form may get stuck or an
    answer may prove useless only while the turn runs. The decision goes into the slot `handoff_decision`."""

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        featurizer: TrackerFeaturizer | None = None,
        thresholds: Thresholds | None = None,
    ) -> None:
        super().__init__(config, model_storage, resource, execution_context, featurizer)
        self._thresholds = thresholds

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        # Above RulePolicy (6): of predictions that are equally sure, the higher priority wins.
        return {"priority": 7, "buying_intents": [], "patient_forms": []}

    @staticmethod
    def supported_data() -> SupportedData:
        return SupportedData.ML_AND_RULE_DATA

    def _create_featurizer(self) -> None:
        """Nothing is learned from stories."""

    def train(self, training_trackers: list[TrackerWithCachedStates], domain: Domain, **kwargs: Any) -> Resource:
        """Puts the thresholds of the day into the model: a model decides as it did when it was evaluated."""
        slots = {slot.name for slot in domain.slots}
        missing = {DECISION_SLOT, FORM_FAILURES_SLOT, UNHELPFUL_SLOT} - slots
        if HANDOVER not in domain.action_names_or_texts or missing:
            raise InvalidConfigException(
                f"HandoffPolicy needs the action {HANDOVER} and the slots {DECISION_SLOT}, {FORM_FAILURES_SLOT} and "
                f"{UNHELPFUL_SLOT} in the domain (bot/assistant/domain)."
            )
        with self._model_storage.write_to(self._resource) as folder:
            text = json.dumps(load_thresholds().as_json(), indent=2)
            (folder / THRESHOLDS_FILE).write_text(text, encoding="utf-8")
        return self._resource

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> HandoffPolicy:
        with model_storage.read_from(resource) as folder:
            # Those calibrated together with the sentiment model that is served beside this one, where they are given.
            thresholds = load_thresholds(Path(os.environ.get(THRESHOLDS_VARIABLE) or folder / THRESHOLDS_FILE))
        return cls(config, model_storage, resource, execution_context, thresholds=thresholds)

    def predict_action_probabilities(
        self,
        tracker: DialogueStateTracker,
        domain: Domain,
        rule_only_data: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> PolicyPrediction:
        if self._thresholds is None or tracker.latest_message is None or not tracker.latest_message.intent.get("name"):
            return self._prediction(self._default_predictions(domain))
        if tracker.latest_action_name == HANDOVER:
            # Whatever form was open: the turn ends here.
            return self._certain(ACTION_LISTEN_NAME, domain)
        signals = signals_of(tracker, self._thresholds, self.config["buying_intents"], self.config["patient_forms"])
        decision = decide(signals, self._thresholds)
        remember(tracker, decision)
        if decision.handoff and not _handed_over_this_turn(tracker):
            return self._certain(HANDOVER, domain, SlotSet(DECISION_SLOT, decision.as_json()))
        return self._prediction(self._default_predictions(domain))

    def _certain(self, action: str, domain: Domain, *events: SlotSet) -> PolicyPrediction:
        # A prediction that overrules an open form must be of the kind that forms make: without the user's input.
        return self._prediction(
            confidence_scores_for(action, 1.0, domain), optional_events=list(events), is_no_user_prediction=True
        )


_DECISION = "kefu_handoff_decision"


def remember(tracker: DialogueStateTracker, decision: Decision) -> None:
    """Leaves the turn's decision on the tracker object, for the channel's answer. It is not stored: most decisions are
    "no", can be made again from what is stored, and would only make every later turn slower."""
    setattr(tracker, _DECISION, decision)


def decision_of(tracker: DialogueStateTracker) -> Decision | None:
    decision: Decision | None = getattr(tracker, _DECISION, None)
    return decision


def _turns_since_handover(tracker: DialogueStateTracker) -> Iterator[UserUttered]:
    """The customer's utterances, the latest first; of a message with several wishes the latest wish alone, for mood
    and risk terms are the message's."""
    message: str | None = None
    for event in reversed(tracker.events):
        if isinstance(event, ActionExecuted) and event.action_name == HANDOVER:
            return
        if isinstance(event, UserUttered):
            part_of = (event.metadata or {}).get(PART_OF)
            if part_of is None or part_of != message:
                yield event
            message = part_of


def _said_into(tracker: DialogueStateTracker, forms: Collection[str]) -> set[int]:
    """The utterances (`id`) said while one of these forms was open."""
    said: set[int] = set()
    form: str | None = None
    for event in tracker.events:
        if isinstance(event, ActiveLoop):
            form = event.name
        elif isinstance(event, UserUttered) and form in forms:
            said.add(id(event))
    return said


def _handed_over_this_turn(tracker: DialogueStateTracker) -> bool:
    return next(_turns_since_handover(tracker), None) is None


def _guesses(turn: UserUttered) -> list[dict[str, Any]]:
    ranking: list[dict[str, Any]] = turn.parse_data.get("intent_ranking") or [turn.intent]
    return ranking


def _misses_in_a_row(tracker: DialogueStateTracker) -> int:
    """Turns up to this one of which nothing could be made. What an open form takes for its answer, an address or a
    reason, is understood, whatever the intent model thinks of it; and the form has the first word."""
    misses = 0
    done: list[str] = []
    form_is_to_speak = tracker.active_loop_name is not None and not tracker.is_active_loop_rejected
    for event in reversed(tracker.events):
        if isinstance(event, ActionExecuted):
            if event.action_name == HANDOVER:
                break
            if event.action_name != ACTION_LISTEN_NAME:
                done.append(event.action_name)
        elif isinstance(event, UserUttered):
            unclear = event.intent.get("name") == DEFAULT_NLU_FALLBACK_INTENT_NAME
            if not unclear or (FALLBACK not in done if done else form_is_to_speak):
                break
            misses += 1
            done, form_is_to_speak = [], False
    return misses


def _sentiment(turn: UserUttered) -> float:
    """Of one utterance, -1..1; a button or a turn without a measured mood is neutral."""
    return float(((turn.metadata or {}).get("sentiment") or {}).get("score", 0.0))


def _quantity(turn: UserUttered) -> int:
    values = (read_quantity(str(entity.get("value"))) for entity in turn.entities if entity["entity"] == QUANTITY)
    return max((value for value in values if value is not None), default=0)
