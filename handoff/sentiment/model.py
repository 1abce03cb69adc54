"""The sentiment model as it is served: a spaCy pipeline with one component of ours.

The sentence vector comes from outside (an utterance is encoded once, for everything), so it is set on the Doc before
the pipeline runs. A Doc carries the answer as `doc._.sentiment`, `doc._.sentiment_score`, `doc._.sentiment_degree` and
`doc._.sentiment_probabilities`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import spacy
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc

from handoff.sentiment.classifier import Classifier

COMPONENT = "kefu_sentiment"


def degree_scores(count: int) -> NDArray[np.float32]:
    """The score of each of `count` degrees, evenly from -1 to 1."""
    return np.linspace(-1, 1, count, dtype=np.float32)


@dataclass(frozen=True)
class Sentiment:
    score: float
    """-1 (furious) .. 1 (delighted): the mean of the degrees under their probabilities."""
    degree: str
    """The most probable one."""
    probabilities: Mapping[str, float]

    def as_json(self) -> dict[str, Any]:
        return {"score": self.score, "degree": self.degree, "probabilities": dict(self.probabilities)}


class SentimentComponent:
    """Reads `doc._.sentence_vector`, sets `doc._.sentiment`."""

    def __init__(self, classifier: Classifier | None = None) -> None:
        self.classifier = classifier

    def __call__(self, doc: Doc) -> Doc:
        if self.classifier is None:
            raise ValueError("the sentiment component has no weights; load a trained pipeline")
        if doc._.sentence_vector is None:
            raise ValueError("set doc._.sentence_vector before the sentiment component runs")
        probabilities = self.classifier.probabilities(doc.text, doc._.sentence_vector)
        degrees = self.classifier.degrees
        doc._.sentiment = Sentiment(
            score=round(float(probabilities @ degree_scores(len(degrees))), 4),
            degree=degrees[int(probabilities.argmax())],
            probabilities={degree: round(float(p), 4) for degree, p in zip(degrees, probabilities, strict=True)},
        )
        return doc

    def to_disk(self, path: str | Path, exclude: Iterable[str] = ()) -> None:
        if self.classifier is not None:
            self.classifier.save(Path(path))

    def from_disk(self, path: str | Path, exclude: Iterable[str] = ()) -> SentimentComponent:
        self.classifier = Classifier.load(Path(path))
        return self


@Language.factory(COMPONENT, assigns=["doc._.sentiment"])
def _component(nlp: Language, name: str) -> SentimentComponent:
    return SentimentComponent()


Doc.set_extension("sentence_vector", default=None, force=True)
Doc.set_extension("sentiment", default=None, force=True)
Doc.set_extension("sentiment_score", getter=lambda doc: doc._.sentiment.score, force=True)
Doc.set_extension("sentiment_degree", getter=lambda doc: doc._.sentiment.degree, force=True)
Doc.set_extension("sentiment_probabilities", getter=lambda doc: doc._.sentiment.probabilities, force=True)


def blank_pipeline(classifier: Classifier) -> Language:
    """A Chinese pipeline, segmented by character, with the component holding `classifier`."""
    nlp = spacy.blank("zh")
    component = nlp.add_pipe(COMPONENT)
    assert isinstance(component, SentimentComponent)
    component.classifier = classifier
    return nlp


class SentimentModel:
    """A trained pipeline. Safe to share between coroutines; about 0.2 ms an utterance beyond its encoding."""

    def __init__(self, nlp: Language) -> None:
        self.nlp = nlp

    @classmethod
    def load(cls, folder: Path) -> SentimentModel:
        """Raises FileNotFoundError when nothing was trained into `folder`."""
        if not (folder / "meta.json").exists():
            raise FileNotFoundError(f"no sentiment model in {folder}; `./kefu train` makes it")
        return cls(spacy.load(folder))

    def score(self, text: str, vector: NDArray[np.floating]) -> Sentiment:
        """`vector`: (2 * dimension,), `encode_deep` of the encoder that the model was trained with."""
        doc = self.nlp.make_doc(text)
        doc._.sentence_vector = np.asarray(vector, dtype=np.float32)
        sentiment: Sentiment = self.nlp(doc)._.sentiment
        return sentiment
