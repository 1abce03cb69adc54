"""The breaker's states, with a clock of our own."""

import asyncio

import pytest

from actions.backends.http.breaker import Breaker, State
from core.errors import NotFound, Unavailable


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(failures=2, cooldown=10.0, clock=clock)


def fail(breaker: Breaker) -> None:
    with pytest.raises(Unavailable), breaker.watch():
        raise Unavailable("down")


def succeed(breaker: Breaker) -> None:
    with breaker.watch():
        pass


def test_only_failures_in_a_row_open_it(breaker: Breaker) -> None:
    fail(breaker)
    succeed(breaker)
    fail(breaker)
    assert breaker.state is State.CLOSED
    fail(breaker)
    assert breaker.state is State.OPEN


def test_an_answer_that_says_no_is_an_answer(breaker: Breaker) -> None:
    fail(breaker)
    with pytest.raises(NotFound), breaker.watch():
        raise NotFound("no such order")
    fail(breaker)
    assert breaker.state is State.CLOSED


def test_one_trial_at_a_time(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    fail(breaker)
    clock.now = 10.0
    with breaker.watch():
        with pytest.raises(Unavailable, match="left alone"), breaker.watch():
            pass
        assert breaker.state is State.HALF_OPEN
    assert breaker.state is State.CLOSED


def test_a_failed_trial_opens_it_for_another_while(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    fail(breaker)
    clock.now = 10.0
    fail(breaker)
    clock.now = 19.9
    assert breaker.state is State.OPEN
    clock.now = 20.0
    succeed(breaker)
    assert breaker.state is State.CLOSED


def test_a_cancelled_trial_lets_the_next_one_through(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    fail(breaker)
    clock.now = 10.0
    with pytest.raises(asyncio.CancelledError), breaker.watch():
        raise asyncio.CancelledError
    assert breaker.state is State.HALF_OPEN
    succeed(breaker)
    assert breaker.state is State.CLOSED


def test_a_late_success_does_not_close_it(breaker: Breaker) -> None:
    with breaker.watch():
        fail(breaker)
        fail(breaker)
    assert breaker.state is State.OPEN


def test_late_failures_do_not_prolong_the_rest(breaker: Breaker, clock: Clock) -> None:
    with pytest.raises(Unavailable), breaker.watch():
        fail(breaker)
        fail(breaker)
        clock.now = 9.0
        raise Unavailable("slow")
    clock.now = 10.0
    assert breaker.state is State.HALF_OPEN
