"""Any sentence-transformers model, by name or folder, as an encoder. An optional extra: torch stays out of serving."""

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from retrieval.encoder.protocol import EncoderError, Vectors
from retrieval.text import normalise

_BATCH = 32
_PROMPTS = ("query", "Query", "document")


class SentenceTransformerEncoder:
    """Questions are compared with questions, so the model's prompt for queries, if it has one, goes before each."""

    def __init__(self, model: str) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as missing:
            raise EncoderError(
                f"KEFU_ENCODER={model} is a sentence-transformers model, which is an extra: pip install 'kefu[encoder]'"
            ) from missing
        try:
            self._model: Any = SentenceTransformer(model, device="cpu")
        except (OSError, ValueError) as error:
            raise EncoderError(f"KEFU_ENCODER={model}: not a sentence-transformers model or folder: {error}") from error
        self._prompt: str = next((self._model.prompts[n] for n in _PROMPTS if self._model.prompts.get(n)), "")
        self._lock = threading.Lock()
        self.dimension: int = self._model.encode([""]).shape[1]
        self.name: str = f"{Path(model).name}-{self._digest()}"

    def encode(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        with self._lock:  # a torch tokenizer may not be shared by threads
            vectors = self._model.encode(
                [self._prompt + normalise(text) for text in texts],
                prompt="",
                batch_size=_BATCH,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
        return np.asarray(vectors, np.float32)

    def _digest(self) -> str:
        """Of the weights, so that vectors of a model trained on never mix with those from before."""
        digest = hashlib.sha256(self._prompt.encode())
        for name, weight in sorted(self._model.state_dict().items()):
            digest.update(name.encode())
            digest.update(weight.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:12]
