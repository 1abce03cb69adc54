"""An utterance is understood once: normalised, encoded, looked up in the knowledge base, its mood taken."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from core.errors import SettingsError
from handoff.sentiment import Sentiment, SentimentModel
from retrieval.encoder.embedded import EmbeddedEncoder
from retrieval.search import KnowledgeSearch, SearchResult
from retrieval.text import normalise

UNREADABLE = "?"  # for what has nothing to read in it


@dataclass(frozen=True)
class Understood:
    """What is known of one utterance before the dialogue sees it. `vector` is of `encode_deep`."""

    text: str
    vector: NDArray[np.float32]
    faq: SearchResult
    sentiment: Sentiment
    risk_terms: tuple[str, ...]

    def as_metadata(self) -> dict[str, Any]:
        """As the assistant reads it; see `bot/assistant/README.md`."""
        return {
            "vector": base64.b64encode(self.vector.astype(np.float16).tobytes()).decode(),
            "faq": self.faq_json(),
            "sentiment": {
                "score": round(self.sentiment.score, 4),
                "degree": self.sentiment.degree,
            },
            "risk_terms": list(self.risk_terms),
        }

    def faq_json(self) -> dict[str, Any]:
        candidates = [
            {"entry_id": c.entry_id, "question": c.question, "probability": round(c.probability, 4)}
            for c in self.faq.candidates
        ]
        return {"outcome": self.faq.outcome, "candidates": candidates}

    def as_json(self) -> dict[str, Any]:
        """As the event log keeps it."""
        sentiment = asdict(self.sentiment)
        return {"text": self.text, "faq": self.faq_json(), "sentiment": sentiment, "risk_terms": list(self.risk_terms)}


class Understanding:
    """Holds the models. `understand` is CPU work of a few milliseconds: call it in a thread.

    `encoder` is the embedded one, which the assistant and the sentiment model were trained on. The knowledge search may
    have been given another one; then it encodes for itself.
    """

    def __init__(
        self, encoder: EmbeddedEncoder, search: KnowledgeSearch, sentiment: SentimentModel, risk_terms: Sequence[str]
    ) -> None:
        self._encoder = encoder
        self._search = search
        self._sentiment = sentiment
        self._risk_terms = tuple(normalise(term) for term in risk_terms)

    def use_sentiment(self, sentiment: SentimentModel) -> None:
        """From the next utterance on."""
        self._sentiment = sentiment

    def understand(self, text: str) -> Understood:
        text = utterance(text)
        asked = self._search.read(text)
        shared = self._search.encoder is self._encoder
        vector = (asked.deep if shared else self._encoder.encode_deep([text]))[0]
        return Understood(
            text=text,
            vector=vector,
            faq=self._search.search(asked),
            sentiment=self._sentiment.score(text, vector),
            risk_terms=tuple(term for term in self._risk_terms if term in text),
        )


def utterance(text: str) -> str:
    """What was typed, as the assistant gets it: never empty, and never with a slash first, which would name an intent.

    The channels took slashes away before; normalising can bring one forward from behind characters it removes.
    """
    return normalise(text).lstrip("/ ") or UNREADABLE


def load_risk_terms(path: Path) -> list[str]:
    """The safety and legal words of `nlu_data/risk_terms.yml`. Raises SettingsError for a file of another form."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(content, Mapping) or not all(isinstance(terms, list) for terms in content.values()):
        raise SettingsError(f"{path}: expected lists of words under names such as `safety:` and `legal:`")
    return [str(term) for terms in content.values() for term in terms]
