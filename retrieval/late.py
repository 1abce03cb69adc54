"""Late interaction: how near a question and a phrasing are token by token. Each token of the one looks for its nearest
in the other, and counts by how far it lies from what all tokens have in common: 的 hardly does.

A kilobyte a phrasing is kept for that, and little but the few best entries of a question is compared.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol, runtime_checkable

import numpy as np

from retrieval.encoder.projection import Tokens
from retrieval.encoder.protocol import Encoder
from retrieval.index import KnowledgeIndex
from retrieval.lexical import Floats

EncodeTokens = Callable[[Sequence[str]], Tokens]

# Larger bases go without: encoding them twice takes minutes, and their tokens memory.
MOST_PHRASINGS = 20_000


@runtime_checkable
class TokenEncoder(Protocol):
    """An encoder that may also give (`gives_tokens`) the vectors of a text's tokens, see `Projection.small`."""

    gives_tokens: bool

    def encode_tokens(self, texts: Sequence[str]) -> Tokens: ...


@dataclass(frozen=True)
class Near:
    """Tokens (n, MOST, SIZE) of a question, as it is and without the goods it names (`said_in`), beside those of a
    base's phrasings."""

    asked: Tokens
    phrasings: Mapping[str, Tokens]

    def to(self, texts: Sequence[str]) -> Floats:
        """(n,), at most 1, for phrasings of the base."""
        phrasings = np.stack([self.phrasings[text] for text in texts])
        nearest: Floats = np.max([closeness(said, phrasings) for said in self.asked], axis=0)
        return nearest


@dataclass(frozen=True)
class Late:
    """The tokens of all phrasings of a base, and where those of questions come from."""

    phrasings: Mapping[str, Tokens]
    encode: EncodeTokens

    def asked(self, said: Sequence[str], tokens: Tokens | None = None) -> Near:
        """`tokens` (MOST, SIZE): of the first of `said`, where they are known."""
        if tokens is None:
            return Near(self.encode(said), self.phrasings)
        return Near(np.stack([tokens, *self.encode(said[1:])]), self.phrasings)


def token_encoding(encoder: Encoder) -> EncodeTokens | None:
    return encoder.encode_tokens if isinstance(encoder, TokenEncoder) and encoder.gives_tokens else None


def late_of(index: KnowledgeIndex, encode: EncodeTokens | None) -> Late | None:
    """None for an encoder without tokens and for a base too large."""
    catalogues = [segment.catalogue for segment in index.segments]
    if encode is None or sum(len(catalogue.owners) for catalogue in catalogues) > MOST_PHRASINGS:
        return None
    texts = list(dict.fromkeys(chain(*(map(c.phrasing, range(len(c.owners))) for c in catalogues))))
    return Late(dict(zip(texts, encode(texts), strict=True)), encode)


def closeness(asked: Tokens, phrasings: Tokens) -> Floats:
    """(n,) of the question (MOST, SIZE) and phrasings (n, MOST, SIZE): the mean of how well the question's tokens are
    found in the phrasing and the phrasing's in the question, as weighted cosines. 0 for a question without tokens."""
    own, others = asked[asked.any(axis=1)].astype(np.float32), phrasings.astype(np.float32)
    if not len(own):
        return np.zeros(len(phrasings))
    weights, of_others = (own**2).sum(axis=1), (others**2).sum(axis=2)
    lengths = np.sqrt(of_others)[:, :, None] * np.sqrt(weights)
    cosines = np.divide(others @ own.T, lengths, out=np.full(lengths.shape, -1.0, np.float32), where=lengths > 0)
    found = cosines.max(axis=1) @ weights / weights.sum()
    covered = (cosines.max(axis=2) * of_others).sum(axis=1) / np.maximum(of_others.sum(axis=1), 1e-9)
    mean: Floats = (found.astype(np.float64) + covered) / 2
    return mean
