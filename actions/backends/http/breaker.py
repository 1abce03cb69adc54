"""A circuit breaker: a backend that failed several times in a row is left alone for a while.

    closed ──(`failures` in a row)──▶ open ──(`cooldown` s)──▶ half-open ──(trial succeeds)──▶ closed
                                       ▲                          │
                                       └──────(trial fails)───────┘

Open: calls are refused at once, so a customer waits for nobody. Half-open: one call at a time goes through as a trial.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

from core.errors import KefuError, Unavailable


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """For one event loop. `clock` counts seconds."""

    def __init__(self, failures: int = 5, cooldown: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = failures
        self._cooldown = cooldown
        self._clock = clock
        self._failed = 0
        self._opened_at: float | None = None
        self._trying = False

    @property
    def state(self) -> State:
        if self._opened_at is None:
            return State.CLOSED
        return State.OPEN if self._clock() - self._opened_at < self._cooldown else State.HALF_OPEN

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Around one call. Unavailable is a failure; any other KefuError is an answer."""
        trial = self._admit()
        try:
            yield
        except Unavailable:
            self._fail(trial)
            raise
        except KefuError:
            self._succeed(trial)
            raise
        except BaseException:  # cancelled: nothing was learnt, the next call may try
            self._trying = self._trying and not trial
            raise
        else:
            self._succeed(trial)

    def _admit(self) -> bool:
        """Whether the call is a trial."""
        if self.state is State.CLOSED:
            return False
        if self.state is State.OPEN or self._trying:
            raise Unavailable("the backend failed several times in a row and is left alone for a while")
        self._trying = True
        return True

    def _succeed(self, trial: bool) -> None:
        if trial:
            self._opened_at, self._trying = None, False
        if self._opened_at is None:  # a late success of a call from before says nothing about now
            self._failed = 0

    def _fail(self, trial: bool) -> None:
        self._failed += 1
        if trial or (self._opened_at is None and self._failed >= self._limit):
            self._opened_at, self._trying = self._clock(), False
