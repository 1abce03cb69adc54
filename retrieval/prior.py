"""Fits `prior.json` to the knowledge and the questions that the repo brings: what a new base starts from.

OMP_NUM_THREADS=1 .venv/bin/python -m retrieval.prior
"""

import sys

from core.settings import HOME
from retrieval import samples
from retrieval.encoder import EMBEDDED, load_encoder
from retrieval.index import KnowledgeIndex
from retrieval.operating import PRIOR, operate
from retrieval.policy import load_policy
from retrieval.seed import read_folder


def main() -> None:
    encoder = load_encoder(EMBEDDED, HOME / "var" / "models" / "encoder")
    index = KnowledgeIndex.build(read_folder(HOME / "nlu_data" / "knowledge"), encoder.encode, encoder.name)
    asked = samples.read_asked(HOME / "nlu_data" / "knowledge_calibration.jsonl")
    made = samples.make(index, asked, encoder.encode([question.text for question in asked]))
    prior = operate(made, load_policy(), None)
    PRIOR.write_text(prior.model_dump_json(indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(prior.report.model_dump_json(indent=1) + "\n")


if __name__ == "__main__":
    main()
