"""Finds `encoder/projection.npz`: the middle of the network's last layer over customers' questions, and the directions
in which their tokens differ most. On the knowledge that the repo brings; what is found on half of its categories serves
the other half as well.

OMP_NUM_THREADS=1 .venv/bin/python -m retrieval.directions
"""

import numpy as np

from core.settings import HOME
from retrieval.encoder.embedded import EmbeddedEncoder
from retrieval.encoder.projection import PROJECTION, SIZE
from retrieval.encoder.protocol import Vectors
from retrieval.seed import read_folder

_EVERY = 3  # of the texts: more do not change the directions


def find(tokens: Vectors) -> tuple[Vectors, Vectors]:
    """Middle (hidden,) and directions (hidden, SIZE) of token vectors (n, hidden)."""
    middle: Vectors = tokens.mean(axis=0)
    apart = tokens - middle
    _sizes, directions = np.linalg.eigh(apart.T @ apart)
    return middle, directions[:, ::-1][:, :SIZE]


def main() -> None:
    encoder = EmbeddedEncoder(HOME / "var" / "models" / "encoder")
    texts = [text for entry in read_folder(HOME / "nlu_data" / "knowledge") for text in entry.phrasings]
    middle, directions = find(np.concatenate(encoder.last_layer(texts[::_EVERY])))
    np.savez_compressed(PROJECTION, middle=middle, directions=directions.astype(np.float16))


if __name__ == "__main__":
    main()
