"""Late interaction: how near a question and a phrasing are token by token. Each token of the one looks for its nearest
in the other, and counts by how far it lies from what all tokens have in common: 的 hardly does.

Half a kilobyte a phrasing is kept for that, and little but the few best entries of a question is compared.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from retrieval.columns import Positions, gathered
from retrieval.encoder.projection import MOST, SIZE, Tokens
from retrieval.encoder.protocol import Encoder, Vectors
from retrieval.index import KnowledgeIndex
from retrieval.lexical import Floats

EncodeTokens = Callable[[Sequence[str]], Tokens]

# Larger bases go without: encoding them twice takes minutes, and their tokens memory.
MOST_PHRASINGS = 20_000
_TINY = np.float32(1e-9)


@runtime_checkable
class TokenEncoder(Protocol):
    """An encoder that may also give (`gives_tokens`) the vectors of a text's tokens, see `Projection.small`."""

    gives_tokens: bool

    def encode_tokens(self, texts: Sequence[str]) -> Tokens: ...

    def encode_whole(self, texts: Sequence[str]) -> tuple[Vectors, Tokens | None]:
        """Few texts' vectors, which may go on beyond `dimension`, and their tokens, at once."""


@dataclass(frozen=True)
class Packed:
    """The tokens of texts one after the other, without padding: text t has the rows `ends[t]:ends[t + 1]`, of a length
    whose square is in `weights`. A text without tokens has one row of zeros."""

    tokens: NDArray[np.int8]
    weights: NDArray[np.float32]
    ends: Positions

    @classmethod
    def of(cls, texts: Tokens) -> "Packed":
        """Of (n, MOST, SIZE)."""
        there: NDArray[np.bool_] = np.any(texts, axis=2)
        there[:, 0] = True
        tokens = texts[there]
        ends = np.concatenate([[0], np.cumsum(there.sum(axis=1), dtype=np.int64)])
        return cls(tokens, np.einsum("ts,ts->t", tokens, tokens, dtype=np.float32), ends)

    def padded(self, text: int) -> Tokens:
        """(MOST, SIZE)."""
        found = np.zeros((MOST, SIZE), np.int8)
        rows = self.tokens[self.ends[text] : self.ends[text + 1]]
        found[: len(rows)] = rows
        return found

    def closeness(self, asked: Tokens, firsts: Positions, lasts: Positions) -> Floats:
        """(q, n) of questions (q, MOST, SIZE) and the texts from each first to before its last, one span after the
        other: the mean of how well the question's tokens are found in the text and the text's in the question, as
        weighted cosines. 0 where either has no tokens."""
        rows = self.ends[firsts], self.ends[lasts]
        lengths = gathered(np.diff(self.ends), firsts, lasts)
        starts = np.cumsum(lengths) - lengths
        weights = gathered(self.weights, *rows)
        tokens = _unit(gathered(self.tokens, *rows).astype(np.float32), weights)
        whole = np.maximum(np.add.reduceat(weights, starts), _TINY)
        means = np.zeros((len(asked), len(lengths)))
        for row, said in enumerate(asked):
            own = said[said.any(axis=1)].astype(np.float32)
            if len(own):
                own_weights = np.einsum("ts,ts->t", own, own)
                cosines = tokens @ _unit(own, own_weights).T
                means[row] += np.maximum.reduceat(cosines, starts, axis=0) @ own_weights / own_weights.sum()
                means[row] += np.add.reduceat(cosines.max(axis=1) * weights, starts) / whole
        return means / 2


def _unit(rows: NDArray[np.float32], squares: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths: NDArray[np.float32] = np.sqrt(np.maximum(squares, _TINY))
    return rows / lengths[:, None]


@dataclass(frozen=True)
class Late:
    """The tokens of all phrasings of a base, and where those of questions come from. Entry e, counted through all
    segments, has the phrasings `starts[e]:starts[e + 1]`."""

    phrasings: Packed
    starts: Positions
    encode: EncodeTokens


@dataclass(frozen=True)
class Near:
    """Tokens (n, MOST, SIZE) of a question, as it is and without the goods it names (`said_in`), beside a base's."""

    asked: Tokens
    late: Late

    def to(self, entries: Positions) -> tuple[Floats, Positions]:
        """How near all phrasings of these entries are, one after the other, at most 1; and where each entry's begin."""
        firsts, lasts = self.late.starts[entries], self.late.starts[entries + 1]
        nearest = self.late.phrasings.closeness(self.asked, firsts, lasts).max(axis=0)
        return nearest, np.cumsum(lasts - firsts) - (lasts - firsts)


def token_encoding(encoder: Encoder) -> EncodeTokens | None:
    return encoder.encode_tokens if isinstance(encoder, TokenEncoder) and encoder.gives_tokens else None


def late_of(index: KnowledgeIndex, encode: EncodeTokens | None) -> Late | None:
    """None for an encoder without tokens and for a base too large."""
    catalogues = [segment.catalogue for segment in index.segments]
    count = sum(len(catalogue.owners) for catalogue in catalogues)
    if encode is None or count > MOST_PHRASINGS:
        return None
    texts = [catalogue.phrasing(p) for catalogue in catalogues for p in range(len(catalogue.owners))]
    before = np.cumsum([0, *(len(catalogue.owners) for catalogue in catalogues)])
    starts = [catalogue.starts[:-1] + first for catalogue, first in zip(catalogues, before[:-1], strict=True)]
    return Late(Packed.of(encode(texts)), np.concatenate([*starts, [count]]), encode)
