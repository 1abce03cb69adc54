"""The encoder that ships with the bot: multilingual-e5-small as int8 ONNX, one thread.

Imports only the standard library, numpy, onnxruntime and tokenizers: also runs inside Rasa (Python 3.10).
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from retrieval.encoder.protocol import EncoderError, Vectors
from retrieval.text import normalise

MODEL, TOKENIZER, DESCRIPTION = "model.onnx", "tokenizer.json", "encoder.json"
_BATCH = 32


class EmbeddedEncoder:
    """Reads a folder made by `retrieval.encoder.build`. Texts longer than the folder's `max_tokens` are cut."""

    def __init__(self, folder: Path | str) -> None:
        folder = Path(folder)
        missing = [name for name in (MODEL, TOKENIZER, DESCRIPTION) if not (folder / name).is_file()]
        if missing:
            raise EncoderError(f"no encoder in {folder} ({', '.join(missing)} missing): ./kefu up prepares it")
        description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        self.name: str = description["name"]
        self.dimension: int = description["dimension"]
        self._prefix: str = description["prefix"]
        self._pad: int = description["pad_id"]
        self._tokenizer: Tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        self._tokenizer.enable_truncation(description["max_tokens"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # A waiting thread must not burn the core that answers somebody else.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            str(folder / MODEL), sess_options=options, providers=["CPUExecutionProvider"]
        )

    def encode(self, texts: Sequence[str]) -> Vectors:
        return self.encode_deep(texts)[:, : self.dimension]

    def encode_deep(self, texts: Sequence[str]) -> Vectors:
        """(n, 2 * dimension): the vectors of `encode`, and beside each the mean of the network's middle layer, also of
        length 1. Classifiers tell intents apart better with both; for search the first half is the better one."""
        ids = [self._tokenizer.encode(self._prefix + normalise(text)).ids for text in texts]
        vectors = np.empty((len(ids), 2 * self.dimension), np.float32)
        # Neighbours of one length share a batch, so little is computed on padding.
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            vectors[rows] = self._run([ids[row] for row in rows])
        return vectors

    def _run(self, ids: list[list[int]]) -> Vectors:
        lengths = np.array([len(row) for row in ids])
        mask = (np.arange(lengths.max()) < lengths[:, None]).astype(np.int64)
        tokens = np.full(mask.shape, self._pad, np.int64)
        tokens[mask == 1] = np.concatenate(ids)
        halves = self._session.run(["embedding", "middle"], {"input_ids": tokens, "attention_mask": mask})
        return np.concatenate(halves, axis=1, dtype=np.float32)
