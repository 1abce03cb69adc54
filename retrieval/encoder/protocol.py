"""The seam between the bot and whatever turns text into vectors. Also runs inside Rasa (Python 3.10)."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class EncoderError(Exception):
    """An encoder cannot be built or loaded. The message says which, and how to mend it."""


class Encoder(Protocol):
    """Question encoder. Implementations are safe to call from several threads at once."""

    @property
    def name(self) -> str:
        """Identifies the weights: vectors of encoders with different names must never be compared."""

    @property
    def dimension(self) -> int:
        """Length of every vector."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """(n, dimension) float32, each row of length 1, in the order of `texts`; n = 0 gives an empty matrix."""
