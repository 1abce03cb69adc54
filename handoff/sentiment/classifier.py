"""Kernel ridge regression on how near a text is to each text trained on, calibrated by a temperature.

Near is a Gaussian of the distance between two texts, by their sentence vectors and their tokens at once: what no one
word or direction tells, such as praise that mocks, is told by the company it keeps. Scoring needs numpy only; fitting
is in `handoff.sentiment.training` and goes through the same features.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import KefuError
from handoff.sentiment.features import Bags, Floats, TokenFeatures, VectorScaling, Vocabulary, bags
from handoff.sentiment.lexicon import Lexicon

DEGREES = ("very_negative", "negative", "neutral", "positive", "very_positive")

Integers = NDArray[np.int32]


class OtherForm(KefuError):
    """A saved model that this code does not read: train anew, `./kefu train`."""

    code = "other_form"


@dataclass(frozen=True)
class Supports:
    """The n texts trained on, as they are compared with a new one: their scaled vectors (n, d), the square of each
    one's length over vectors and tokens (n,), and who has a token, how heavy: `rows` and `values` of the token in
    column c stand from `starts[c]` to `starts[c + 1]`."""

    vectors: Floats
    squares: Floats
    starts: Integers
    rows: Integers
    values: Floats

    def nearness(self, vector: Floats, columns: NDArray[np.intp], values: Floats) -> Floats:
        """(n,) from 0 to 1. `vector`: (d,) scaled; `columns` and `values`: of the tokens."""
        products = self.vectors @ vector
        starts, ends = self.starts[columns], self.starts[columns + 1]
        if len(columns):
            found = np.concatenate([np.arange(start, end) for start, end in zip(starts, ends, strict=True)])
            weights = self.values[found] * np.repeat(values, ends - starts)
            products += np.bincount(self.rows[found], weights, minlength=len(products)).astype(np.float32)
        square = vector @ vector + values @ values
        return np.asarray(np.exp(2 * products - self.squares - square), dtype=np.float32)


@dataclass(frozen=True)
class Classifier:
    """For k degrees: what each support says of them (n, k), and the bias (k,)."""

    degrees: tuple[str, ...]
    """The worst first."""
    tokens: TokenFeatures
    scaling: VectorScaling
    supports: Supports
    weights: Floats
    bias: Floats
    temperature: float

    def probabilities(self, text: str, vector: Floats) -> Floats:
        """(k,) calibrated, in the order of `degrees`. `vector`: (d,) of the encoder it was trained with."""
        return self.judge(bags(text, self.tokens.lexicon), vector)

    def judge(self, row: Bags, vector: Floats) -> Floats:
        """The same of a text whose `bags` are known."""
        nearness = self.supports.nearness(self.scaling.transform(vector), *self.tokens.transform(row))
        return softmax((nearness @ self.weights + self.bias) / self.temperature)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(
            folder / "weights.npz",
            mean=self.scaling.mean,
            projection=self.scaling.projection,
            vectors=self.supports.vectors,
            squares=self.supports.squares,
            starts=self.supports.starts,
            rows=self.supports.rows,
            values=self.supports.values,
            weights=self.weights,
            bias=self.bias,
            **{f"idf_{kind}": vocabulary.idf for kind, vocabulary in self.tokens.vocabularies.items()},  # type: ignore[arg-type]
        )
        data = {
            "degrees": self.degrees,
            "temperature": self.temperature,
            "lexicon": dict(self.tokens.lexicon.kinds),
            "tokens": {kind: list(vocabulary.index) for kind, vocabulary in self.tokens.vocabularies.items()},
        }
        (folder / "classifier.json").write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Classifier:
        """Raises OtherForm for a model that another version of this code saved."""
        try:
            return cls._read(folder)
        except KeyError as missing:
            raise OtherForm(f"{folder} was saved by another version of Kefu ({missing} is not there)") from None

    @classmethod
    def _read(cls, folder: Path) -> Classifier:
        data = json.loads((folder / "classifier.json").read_text(encoding="utf-8"))
        with np.load(folder / "weights.npz", allow_pickle=False) as file:
            arrays = dict(file)
        vocabularies = {
            kind: Vocabulary({token: column for column, token in enumerate(tokens)}, arrays[f"idf_{kind}"])
            for kind, tokens in data["tokens"].items()
        }
        return cls(
            tuple(data["degrees"]),
            TokenFeatures(Lexicon(data["lexicon"]), vocabularies),
            VectorScaling(arrays["mean"], arrays["projection"]),
            Supports(*(arrays[name] for name in ("vectors", "squares", "starts", "rows", "values"))),
            arrays["weights"],
            arrays["bias"],
            data["temperature"],
        )


def softmax(logits: NDArray[np.floating]) -> Floats:
    """Over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float32)
