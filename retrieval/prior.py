"""Fits `prior.json`: what a base starts from that nobody has asked anything yet.

Learned on the knowledge and the questions that the repo brings, which stand in for bases of many kinds: as it is, as
bare questions without other phrasings or answers, and as parts of it with a narrow subject.

OMP_NUM_THREADS=1 .venv/bin/python -m retrieval.prior
"""

import sys
from collections.abc import Iterator, Sequence

import numpy as np

from core.settings import HOME
from retrieval import samples
from retrieval.calibration import Sample
from retrieval.encoder.embedded import EmbeddedEncoder
from retrieval.encoder.projection import Tokens
from retrieval.encoder.protocol import Vectors
from retrieval.goods import GOODS, read_lookup
from retrieval.index import KnowledgeIndex
from retrieval.knowledge import Entry
from retrieval.late import late_of
from retrieval.operating import PRIOR, operate_all
from retrieval.policy import load_policy, unproven
from retrieval.samples import Asked
from retrieval.seed import read_folder

PARTS = 3
_MOST_QUESTIONS = 500  # made of phrasings, for a bare base
FORMS = 2


def bases(entries: Sequence[Entry]) -> Iterator[tuple[list[Entry], list[Asked]]]:
    """Bases made of these entries, each with the questions that its missing phrasings leave to be asked: in turn as
    they are and bare."""
    categories = sorted({entry.category for entry in entries})
    groups = [set(categories[part::PARTS]) for part in range(PARTS)]
    parts = [[entry for entry in entries if entry.category in group] for group in groups]
    for part in (list(entries), *parts):
        yield part, []
        yield [bare(entry) for entry in part], [Asked(text, entry.id) for entry in part for text in entry.similar]


def bare(entry: Entry) -> Entry:
    return entry.model_copy(update={"similar": (), "answer": entry.question})


class Known:
    """Encodes each text once: most stand in several bases."""

    def __init__(self, encoder: EmbeddedEncoder) -> None:
        self._encoder = encoder
        self._vectors: dict[str, Vectors] = {}
        self._tokens: dict[str, Tokens] = {}

    def encode(self, texts: Sequence[str]) -> Vectors:
        new = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        self._vectors.update(zip(new, self._encoder.encode(new), strict=True))
        return np.stack([self._vectors[text] for text in texts]) if texts else self._encoder.encode([])

    def encode_tokens(self, texts: Sequence[str]) -> Tokens:
        new = [text for text in dict.fromkeys(texts) if text not in self._tokens]
        self._tokens.update(zip(new, self._encoder.encode_tokens(new), strict=True))
        return np.stack([self._tokens[text] for text in texts]) if texts else self._encoder.encode_tokens([])


def made(entries: Sequence[Entry], asked: Sequence[Asked], encoder: EmbeddedEncoder) -> Iterator[list[Sample]]:
    """The samples of each base."""
    known, lookups = Known(encoder), read_lookup(GOODS)
    for base, more in bases(entries):
        index = KnowledgeIndex.build(base, known.encode, encoder.name, lookups)
        questions = [*asked, *more[:: 1 + len(more) // _MOST_QUESTIONS]]
        yield samples.make(index, questions, known.encode, late_of(index, known.encode_tokens))


def main() -> None:
    encoder = EmbeddedEncoder(HOME / "var" / "models" / "encoder")
    asked = samples.read_asked(HOME / "nlu_data" / "knowledge_calibration.jsonl")
    found = list(made(read_folder(HOME / "nlu_data" / "knowledge"), asked, encoder))
    prior = operate_all(found, unproven(load_policy()), forms=FORMS)
    PRIOR.write_text(prior.model_dump_json(indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(prior.model_dump_json(indent=1) + "\n")


if __name__ == "__main__":
    main()
