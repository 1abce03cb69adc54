"""What share of its limits a base may use that nobody has asked anything yet: prints what `unproven` of `policy.yml`
goes by.

A third of the repo's categories stands in for such a base, as it is and bare, with every other entry taken out; its
prior is fitted on the other two thirds. Then it is asked what customers ask it, of which the fit knows nothing.

OMP_NUM_THREADS=1 .venv/bin/python -m retrieval.unproven
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from rich.console import Console
from rich.table import Table

from core.settings import HOME
from retrieval import samples
from retrieval.calibration import Sample
from retrieval.encoder.embedded import EmbeddedEncoder
from retrieval.goods import GOODS, read_lookup
from retrieval.index import KnowledgeIndex
from retrieval.knowledge import Entry
from retrieval.late import Late, late_of
from retrieval.operating import Operation, operate, operate_all
from retrieval.policy import Policy, load_policy, unproven
from retrieval.prior import FORMS, PARTS, Known, bare, made
from retrieval.reading import Reading, read
from retrieval.samples import Asked
from retrieval.search import Snapshot
from retrieval.seed import read_folder

_SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
_EACH = 3  # of the phrasings that are not there, one in so many is asked


@dataclass(frozen=True)
class Trial:
    """`own`: what the base is fitted on. `asked`: each question with the entry that answers it."""

    part: int
    index: KnowledgeIndex
    late: Late | None
    own: list[Sample]
    asked: list[tuple[Reading, str]]

    def results(self, operation: Operation, now: datetime) -> tuple[float, float, float]:
        """Shares: answered of the questions whose entry is gone; answered right, and wrong, of the others."""
        snapshot, counts = Snapshot(self.index, operation, "", self.late), np.zeros((2, 2))
        for reading, entry_id in self.asked:
            found = snapshot.search(reading, now)
            if found.outcome == "answer":
                counts[int(self._has(entry_id)), int(found.candidates[0].entry_id == entry_id)] += 1
        there = sum(self._has(entry_id) for _reading, entry_id in self.asked)
        return counts[0].sum() / (len(self.asked) - there), counts[1, 1] / there, counts[1, 0] / there

    def _has(self, entry_id: str) -> bool:
        return self.index.position(entry_id) is not None


def trials(entries: Sequence[Entry], asked: Sequence[Asked], encoder: EmbeddedEncoder) -> Iterator[Trial]:
    known, lookups = Known(encoder), read_lookup(GOODS)
    categories = sorted({entry.category for entry in entries})
    off_topic = [question for question in asked if question.off_topic]
    for part in range(PARTS):
        of_part = [entry for entry in entries if entry.category in categories[part::PARTS]]
        ids = {entry.id for entry in of_part}
        said = [(text, entry.id) for entry in of_part for text in entry.similar][::_EACH]
        for kept in (of_part[half::2] for half in (0, 1)):
            for base in (kept, [bare(entry) for entry in kept]):
                index = KnowledgeIndex.build(base, known.encode, encoder.name, lookups)
                late = late_of(index, known.encode_tokens)
                own = samples.make(index, off_topic, known.encode, late)
                phrasings = {text for entry in base for text in entry.phrasings}
                questions = [(q.text, q.entry_id) for q in asked if q.entry_id in ids]
                questions += [(text, entry_id) for text, entry_id in said if text not in phrasings]
                readings = [(read(text, index, encoder), str(entry_id)) for text, entry_id in questions]
                yield Trial(part, index, late, own, readings)


def results(
    tried: Sequence[Trial], parts: Sequence[Sequence[Sequence[Sample]]], policy: Policy
) -> list[tuple[float, float, float]]:
    """`parts`: the samples of each part's bases, in all their forms."""
    others = [[base for k, of_part in enumerate(parts) if k != part for base in of_part] for part in range(PARTS)]
    priors = [operate_all(bases, unproven(policy), forms=FORMS) for bases in others]
    now = datetime.now(UTC)
    return [trial.results(operate(trial.own, policy, priors[trial.part]), now) for trial in tried]


def main() -> None:
    encoder = EmbeddedEncoder(HOME / "var" / "models" / "encoder")
    asked = samples.read_asked(HOME / "nlu_data" / "knowledge_calibration.jsonl")
    entries, policy = read_folder(HOME / "nlu_data" / "knowledge"), load_policy()
    of_all = list(made(entries, asked, encoder))
    parts = [of_all[FORMS * k : FORMS * (k + 1)] for k in range(1, PARTS + 1)]
    tried = list(trials(entries, asked, encoder))
    table = Table("unproven", "gone answered, at worst", "mean", "others answered right, mean", "wrong, mean")
    for share in _SHARES:
        gone, right, wrong = zip(*results(tried, parts, policy.model_copy(update={"unproven": share})), strict=True)
        figures = (max(gone), np.mean(gone), np.mean(right), np.mean(wrong))
        table.add_row(str(share), *(f"{figure:.3f}" for figure in figures))
    Console(highlight=False).print(table)


if __name__ == "__main__":
    main()
