"""L-BFGS in single precision, without bounds.

SciPy's is made for bounds: over two million weights it spends four times as long on its own bookkeeping as on the loss.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]

_MEMORY = 8
"""Steps that the search remembers: each costs a pass over all weights."""
_ENOUGH = 1e-4
"""Share of the promised descent that a step must bring (Armijo)."""
_SHORTEST = 1e-6


def minimise(
    loss: Callable[[Singles], tuple[float, Singles]], start: Singles, *, iterations: int, tolerance: float
) -> Singles:
    """Where a smooth, convex function is smallest. ``loss`` gives value and slope; the search ends when a step lowers
    the value by less than the share ``tolerance``."""
    at = start
    value, slope = loss(at)
    steps: deque[tuple[Singles, Singles, float]] = deque(maxlen=_MEMORY)
    for _ in range(iterations):
        direction = _direction(slope, steps)
        promised = float(np.vdot(slope, direction))
        length = 1.0
        while True:
            there = at + np.float32(length) * direction
            value_there, slope_there = loss(there)
            if value_there <= value + _ENOUGH * length * promised or length < _SHORTEST:
                break
            length *= 0.5
        step, change = there - at, slope_there - slope
        curvature = float(np.vdot(step, change))
        if curvature > 0:
            steps.append((step, change, 1 / curvature))
        lowered = value - value_there
        at, value, slope = there, value_there, slope_there
        if lowered <= tolerance * max(abs(value), 1.0):
            break
    return at


def _direction(slope: Singles, steps: deque[tuple[Singles, Singles, float]]) -> Singles:
    """The two loops of Nocedal: the slope, undone by the curvature that the last steps met."""
    direction: Singles = -slope
    if not steps:
        direction /= np.float32(max(1.0, float(np.linalg.norm(slope))))
        return direction
    shares = []
    for step, change, scale in reversed(steps):
        share = np.float32(scale * np.vdot(step, direction))
        direction -= share * change
        shares.append(share)
    _, change, scale = steps[-1]
    direction *= np.float32(1 / (scale * float(np.vdot(change, change))))
    for (step, change, scale), share in zip(steps, reversed(shares), strict=True):
        direction += (share - np.float32(scale * np.vdot(change, direction))) * step
    return direction
