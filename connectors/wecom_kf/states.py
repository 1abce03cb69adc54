"""The state of a session at WeCom, and who owns the conversation with us: what to do so that both say the same.

We may send by the API only in the states NEW and BOT. So while our own desk talks to customers, the state stays BOT
whether the bot, the queue or an agent of ours has the conversation; and when it is with WeCom's people (in their pool,
or with a servicer), it is theirs with us, too: the bot is silent until the session ends.
"""

import enum
from dataclasses import dataclass

from connectors.wecom_kf.settings import People
from core.conversation import lease

ELSEWHERE = lease.agent_owner("wecom")
"""The owner of a conversation that WeCom's own people hold."""


class State(enum.IntEnum):
    NEW = 0
    BOT = 1
    POOL = 2
    SERVICER = 3
    ENDED = 4


ALLOWED: dict[State, frozenset[State]] = {
    State.NEW: frozenset({State.BOT, State.POOL, State.SERVICER}),
    State.BOT: frozenset({State.POOL, State.SERVICER}),
    State.POOL: frozenset({State.SERVICER}),
    State.SERVICER: frozenset({State.ENDED}),
    State.ENDED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Step:
    """`owner`: who has the conversation with us from now on; `state`: what to change the session to. None: as it is."""

    owner: str | None = None
    state: State | None = None


def settle(state: State, owner: str, people: People) -> Step:
    """The step that brings the two together, along WeCom's transitions only."""
    queued_there = people == "wecom" and owner == lease.QUEUE
    if state in (State.POOL, State.SERVICER):
        as_asked = owner == ELSEWHERE or (state is State.POOL and queued_there)
        return Step() if as_asked else Step(owner=ELSEWHERE)
    wanted = State.POOL if queued_there else State.BOT
    return Step(
        owner=lease.BOT if owner == ELSEWHERE else None,
        state=wanted if wanted in ALLOWED[state] else None,
    )
