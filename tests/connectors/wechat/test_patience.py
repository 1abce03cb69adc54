"""Who waits for an answer, and how long, on a clock of the test's own."""

import asyncio
from collections.abc import Callable

from connectors.wechat.patience import LONG_WAITS, PAUSE_SECONDS, SHORT_SECONDS, Patience

LONGEST = 4.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def after(clock: Clock, takes: float, waited: list[float]) -> Callable[[float], object]:
    """An answer that takes so many seconds. Waiting moves the clock and notes how long it was."""
    left = takes

    async def wait(seconds: float) -> bool:
        nonlocal left
        spent = min(seconds, left)
        clock.now, left = clock.now + spent, left - spent
        waited.append(spent)
        return left <= 0

    return wait


async def waits(patience: Patience, clock: Clock, takes: float) -> tuple[bool, float]:
    waited: list[float] = []
    came = await patience.wait(after(clock, takes, waited), LONGEST)  # type: ignore[arg-type]
    return came, sum(waited)


async def test_an_answer_is_waited_for_as_long_as_there_is_time() -> None:
    clock = Clock()
    patience = Patience(clock)
    assert await waits(patience, clock, 0.2) == (True, 0.2)
    assert await waits(patience, clock, 3.9) == (True, 3.9)


async def test_when_no_answer_comes_nobody_waits_for_a_while() -> None:
    clock = Clock()
    patience = Patience(clock)
    assert await waits(patience, clock, 60) == (False, LONGEST)
    assert patience.is_over
    clock.now += PAUSE_SECONDS
    assert not patience.is_over
    assert await waits(patience, clock, 1) == (True, 1)
    assert await waits(patience, clock, 1) == (True, 1)


async def test_one_slow_answer_among_quick_ones_stops_nobody() -> None:
    clock = Clock()
    patience = Patience(clock)
    others: list[tuple[bool, float]] = []

    async def slow(seconds: float) -> bool:
        others.append(await waits(patience, clock, 0.1))
        clock.now += seconds
        return False

    assert not await patience.wait(slow, LONGEST)
    assert others == [(True, 0.1)] * 2
    assert not patience.is_over
    assert await waits(patience, clock, 0.3) == (True, 0.3)


async def test_a_crowd_waits_only_a_little() -> None:
    patience = Patience(lambda: 0.0)
    asked: list[float] = []

    async def never(seconds: float) -> bool:
        asked.append(seconds)
        await asyncio.sleep(0)
        return False

    await asyncio.gather(*(patience.wait(never, LONGEST) for _ in range(100)))
    assert sorted(asked, reverse=True)[: LONG_WAITS + 1] == [LONGEST - SHORT_SECONDS] * LONG_WAITS + [SHORT_SECONDS]
