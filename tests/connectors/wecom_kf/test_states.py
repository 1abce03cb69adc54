"""A session's state at WeCom and the owner with us are brought together along WeCom's own transitions."""

import itertools

import pytest

from connectors.fakes.wecom_kf_rules import MAY_BECOME
from connectors.wecom_kf.settings import People
from connectors.wecom_kf.states import ELSEWHERE, State, Step, settle
from core.conversation.lease import BOT, QUEUE, agent_owner

OWNERS = (BOT, QUEUE, agent_owner("1"), ELSEWHERE)
BOTH: tuple[People, ...] = ("kefu", "wecom")


@pytest.mark.parametrize(
    ("state", "owner", "people", "step"),
    [
        (State.NEW, BOT, "kefu", Step(state=State.BOT)),
        (State.BOT, BOT, "kefu", Step()),
        (State.BOT, QUEUE, "kefu", Step()),  # our own desk speaks by the API
        (State.BOT, agent_owner("1"), "kefu", Step()),
        (State.BOT, QUEUE, "wecom", Step(state=State.POOL)),
        (State.NEW, QUEUE, "wecom", Step(state=State.POOL)),
        (State.POOL, QUEUE, "wecom", Step()),
        (State.POOL, QUEUE, "kefu", Step(owner=ELSEWHERE)),
        (State.POOL, BOT, "wecom", Step(owner=ELSEWHERE)),  # the way back is not allowed
        (State.SERVICER, QUEUE, "wecom", Step(owner=ELSEWHERE)),
        (State.SERVICER, BOT, "kefu", Step(owner=ELSEWHERE)),
        (State.SERVICER, ELSEWHERE, "kefu", Step()),
        (State.ENDED, ELSEWHERE, "wecom", Step(owner=BOT)),
        (State.NEW, ELSEWHERE, "kefu", Step(owner=BOT, state=State.BOT)),
        (State.ENDED, BOT, "kefu", Step()),
        (State.ENDED, QUEUE, "wecom", Step()),
    ],
)
def test_steps(state: State, owner: str, people: People, step: Step) -> None:
    assert settle(state, owner, people) == step


@pytest.mark.parametrize(("state", "owner", "people"), list(itertools.product(State, OWNERS, BOTH)))
def test_only_what_wecom_allows_and_never_round_in_circles(state: State, owner: str, people: People) -> None:
    step = settle(state, owner, people)
    if step.state is not None:
        assert step.state in MAY_BECOME[state]
    after = settle(step.state if step.state is not None else state, step.owner or owner, people)
    assert after == Step()
