"""The encoder that ships with the bot: multilingual-e5-small as int8 ONNX, one thread.

Imports only the standard library, numpy, onnxruntime and tokenizers: also runs inside Rasa (Python 3.10).
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from retrieval.encoder.projection import MOST, SIZE, Projection, Tokens
from retrieval.encoder.protocol import EncoderError, Vectors
from retrieval.text import normalise

MODEL, TOKENIZER, DESCRIPTION = "model.onnx", "tokenizer.json", "encoder.json"
_BATCH = 32
_POOLED, _TOKENS = ("embedding", "middle"), "tokens"


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
        # A folder made before there were token vectors still serves, without them.
        self.gives_tokens: bool = any(output.name == _TOKENS for output in self._session.get_outputs())
        self._projection = Projection()
        # The start mark and the prefix; the space after it becomes a part of the text's first token.
        self._before = len(self._tokenizer.encode(self._prefix.strip()).ids) - 1

    def encode(self, texts: Sequence[str]) -> Vectors:
        return self.encode_deep(texts)[:, : self.dimension]

    def encode_deep(self, texts: Sequence[str]) -> Vectors:
        """(n, 2 * dimension): the vectors of `encode`, and beside each the mean of the network's middle layer, also of
        length 1. Classifiers tell intents apart better with both; for search the first half is the better one."""
        vectors = np.empty((len(texts), 2 * self.dimension), np.float32)
        for rows, (embedding, middle) in self._batches(texts, _POOLED):
            vectors[rows] = np.concatenate([embedding, middle], axis=1)
        return vectors

    def encode_tokens(self, texts: Sequence[str]) -> Tokens:
        """(n, MOST, SIZE), as `Projection.small`."""
        small = [self._projection.small(tokens) for tokens in self.last_layer(texts)]
        return np.stack(small) if small else np.empty((0, MOST, SIZE), np.int8)

    def encode_whole(self, texts: Sequence[str]) -> tuple[Vectors, Tokens | None]:
        """Few texts by `encode_deep` and `encode_tokens` at once; no tokens if the folder gives none."""
        ids = [self._ids(text) for text in texts]
        embedding, middle, *tokens = self._run(ids, _POOLED + (_TOKENS,) * self.gives_tokens)
        vectors = np.concatenate([embedding, middle], axis=1)
        if not tokens:
            return vectors, None
        own = [self._own(of_text, row) for of_text, row in zip(tokens[0], ids, strict=True)]
        return vectors, np.stack([self._projection.small(rows) for rows in own])

    def last_layer(self, texts: Sequence[str]) -> list[Vectors]:
        """Of each text its tokens' vectors (n, hidden), without the prefix and the marks of start and end."""
        found: list[Vectors] = [np.empty(0, np.float32)] * len(texts)
        for rows, (tokens,) in self._batches(texts, (_TOKENS,)):
            for row, of_text in zip(rows, tokens, strict=True):
                found[row] = self._own(of_text, self._ids(texts[row]))
        return found

    def _own(self, tokens: Vectors, ids: Sequence[int]) -> Vectors:
        return tokens[self._before : len(ids) - 1]

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(self._prefix + normalise(text)).ids
        return ids

    def _batches(self, texts: Sequence[str], outputs: tuple[str, ...]) -> Iterator[tuple[list[int], list[Vectors]]]:
        """Rows, and what the network gives for them. Neighbours of one length share a batch, so little is computed on
        padding."""
        ids = [self._ids(text) for text in texts]
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            yield rows, self._run([ids[row] for row in rows], outputs)

    def _run(self, ids: list[list[int]], outputs: tuple[str, ...]) -> list[Vectors]:
        lengths = np.array([len(row) for row in ids])
        mask = (np.arange(lengths.max()) < lengths[:, None]).astype(np.int64)
        tokens = np.full(mask.shape, self._pad, np.int64)
        tokens[mask == 1] = np.concatenate(ids)
        found: list[Vectors] = self._session.run(list(outputs), {"input_ids": tokens, "attention_mask": mask})
        return found
