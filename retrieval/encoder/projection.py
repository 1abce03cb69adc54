"""What makes token vectors small: less the middle of all tokens, along the directions in which they differ most
(`projection.npz`, found by `python -m retrieval.directions`)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Tokens = NDArray[np.int8]

PROJECTION = Path(__file__).with_name("projection.npz")
MOST, SIZE = 16, 64  # tokens of a text (99 of 100 questions have at most 13), and numbers a token
_STEP = 64.0  # to the whole numbers that are kept: no question's tokens went beyond 1.9


class Projection:
    """Token vectors as they are kept: (MOST, SIZE) int8 a text, a kilobyte. Rows beyond the text's tokens are 0."""

    def __init__(self, path: Path = PROJECTION) -> None:
        with np.load(path) as stored:
            self._middle, self._directions = stored["middle"], stored["directions"].astype(np.float32)

    def small(self, tokens: Floats) -> Tokens:
        """Of one text's token vectors (n, hidden)."""
        kept = np.zeros((MOST, SIZE), np.int8)
        projected = (tokens[:MOST] - self._middle) @ self._directions
        kept[: len(projected)] = np.clip(np.rint(projected * _STEP), -127, 127)
        return kept
