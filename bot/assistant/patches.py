"""What is changed in Rasa 3.6.21 itself, and why. Each patch is small, measured or needed, and stands alone."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

import jsonschema
from rasa.core.actions.action import ActionExecutionRejection, RemoteAction
from rasa.core.policies import memoization, rule_policy
from rasa.core.policies.rule_policy import RulePolicy
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.shared.core.events import Event
from rasa.shared.utils.common import all_subclasses

from bot.assistant.turn import failed_actions

USER_TEXT = '"text":'  # in the key of a rule, which is JSON


def apply() -> None:
    """Once, before the first turn."""
    compile_action_schema()
    index_event_types()
    run_graph_directly()
    skip_rules_on_text()
    log_without_copies()
    report_failed_actions()


def compile_action_schema() -> None:
    """Rasa checks the action schema itself, anew, at every answer of the action server: 44 % of a turn's time.
    The same check with the schema compiled once."""
    schema = RemoteAction.action_response_format_spec()
    validator = jsonschema.validators.validator_for(schema)(schema)

    def validate(_: RemoteAction, result: Any) -> bool:
        for error in validator.iter_errors(result):
            error.message += ". The action server's answer is not valid; see actions/server.py."
            raise error
        return True

    RemoteAction._validate_action_result = validate


def index_event_types() -> None:
    """Rasa walks all classes of events for every event that it reads."""
    by_name: dict[str, type[Event]] = {}
    for event_class in all_subclasses(Event):
        by_name.setdefault(event_class.type_name, event_class)
    resolve = Event.resolve_by_type

    def resolve_by_type(type_name: str, default: type[Event] | None = None) -> type[Event] | None:
        return by_name.get(type_name) or resolve(type_name, default)

    Event.resolve_by_type = staticmethod(resolve_by_type)


def run_graph_directly() -> None:
    """Rasa hands its graph, a dozen small steps in a row, to a scheduler for clusters at every parse and prediction.
    Here the steps are put in order once and called one after another."""
    orders: WeakKeyDictionary[DaskGraphRunner, dict[tuple[str, ...], list[str]]] = WeakKeyDictionary()

    def run(
        self: DaskGraphRunner, inputs: Mapping[str, Any] | None = None, targets: Sequence[str] | None = None
    ) -> dict[str, Any]:
        wanted = tuple(targets or self._graph_schema.target_names)
        nodes = self._graph_schema.nodes
        order = orders.setdefault(self, {}).get(wanted)
        if order is None:
            order = orders[self][wanted] = in_order(wanted, {name: node.needs.values() for name, node in nodes.items()})
        results: dict[str, tuple[str, Any]] = {name: (name, value) for name, value in (inputs or {}).items()}
        for name in order:
            needs = nodes[name].needs.values()
            results[name] = self._instantiated_nodes[name](*(results.get(need, need) for need in needs))
        return dict(results[name] for name in wanted)

    DaskGraphRunner.run = run


def skip_rules_on_text() -> None:
    """Rasa goes through the rules twice a prediction, first for those that name a user's very words. Where no rule
    does, the first time, with the dialogue's states made anew, finds nothing."""
    find = RulePolicy._find_action_from_rules
    on_text: WeakKeyDictionary[RulePolicy, bool] = WeakKeyDictionary()

    def find_action_from_rules(self: RulePolicy, tracker: Any, domain: Any, use_text_for_last_user_input: bool) -> Any:
        if use_text_for_last_user_input:
            if self not in on_text:
                on_text[self] = any(USER_TEXT in key for rules in self.lookup.values() for key in rules)
            if not on_text[self]:
                return None, None, False
        return find(self, tracker, domain, use_text_for_last_user_input)

    RulePolicy._find_action_from_rules = find_action_from_rules


def log_without_copies() -> None:
    """Both policies copy the dialogue's states, deeply, for a debug line that nobody reads; they copy nothing else."""
    not_copied = SimpleNamespace(deepcopy=lambda states: states)
    rule_policy.copy = memoization.copy = not_copied


def in_order(wanted: Iterable[str], needs: Mapping[str, Iterable[str]]) -> list[str]:
    """The wanted nodes and all that they need, each after what it needs. What is not a node is an input."""
    order: dict[str, None] = {}

    def visit(name: str) -> None:
        if name in needs and name not in order:
            for need in needs[name]:
                visit(need)
            order[name] = None

    for name in wanted:
        visit(name)
    return list(order)


def report_failed_actions() -> None:
    """Rasa logs an action that failed and goes on without it, which would answer the customer with silence. Here the
    turn learns of it and fails as a whole (`turn.py`)."""
    run = RemoteAction.run

    @functools.wraps(run)
    async def run_and_report(self: RemoteAction, *args: Any, **kwargs: Any) -> list[Event]:
        try:
            return await run(self, *args, **kwargs)
        except ActionExecutionRejection:
            raise
        except Exception:
            failed_actions.get([]).append(self.name())
            raise

    RemoteAction.run = run_and_report
