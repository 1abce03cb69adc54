"""A question as it is encoded: once, all that a search needs of it and all that others may."""

from dataclasses import dataclass

from retrieval.encoder.projection import Tokens
from retrieval.encoder.protocol import Encoder, Vectors
from retrieval.index import KnowledgeIndex
from retrieval.late import TokenEncoder
from retrieval.ranking import said_in


@dataclass(frozen=True)
class Reading:
    """`vectors` (n, d): of what `said_in` gives, the question itself first. `tokens` (n, MOST, SIZE): of the same, by
    an encoder that gives them. `deep` (n, d or more): vectors with all that the encoder knows beside."""

    text: str
    vectors: Vectors
    tokens: Tokens | None
    deep: Vectors


def read(text: str, index: KnowledgeIndex, encoder: Encoder) -> Reading:
    """Two short texts at once take half as long again as one."""
    said = said_in(index, text)
    if isinstance(encoder, TokenEncoder):
        deep, tokens = encoder.encode_whole(said)
    else:
        deep, tokens = encoder.encode(said), None
    return Reading(text, deep[:, : encoder.dimension], tokens, deep)
