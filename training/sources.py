"""What a model is made of: the files, and the fingerprints that say whether they changed.

The assistant and the sentiment model have fingerprints of their own, so that a change trains only what it touches.
Held-out data is no source: it measures models and changes none.
"""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from core.errors import InvalidInput, NotFound
from core.settings import Settings

KNOWLEDGE_INTENT = "faq"
DIGITS = 12
_LEARNED_FROM = {".yml", ".py", ".tsv", ".json", ".lock"}


def encoder_folder(settings: Settings) -> Path:
    return settings.var_dir / "models" / "encoder"


class Sources:
    """Where everything is that models are made of and measured on."""

    def __init__(self, settings: Settings) -> None:
        home = settings.home
        nlu, assistant = home / "nlu_data", home / "bot" / "assistant"
        self.python = home / ".venv-assistant" / "bin" / "python"
        self.config = home / "config.yml"
        self.domain = assistant / "domain"
        self.dialogues = assistant / "dialogues"
        self.examples = (nlu / "intents", nlu / "lookups", nlu / "patterns.yml")
        self.knowledge = nlu / "knowledge"
        self.thresholds = home / "handoff" / "thresholds.json"
        self.sentiment = nlu / "sentiment" / "train.tsv"
        self.lexicon = nlu / "sentiment" / "lexicon.yml"
        self.held_out = nlu / "heldout"
        self.held_out_sentiment = nlu / "sentiment" / "heldout.tsv"
        self.stories = nlu / "stories"
        self.encoder = encoder_folder(settings) / "encoder.json"
        self._assistant_code = (
            assistant / "components",
            home / "handoff" / "decision.py",
            home / "retrieval" / "text.py",
            home / "requirements-assistant.lock",
        )
        self._sentiment_code = (home / "handoff" / "sentiment", home / "retrieval" / "text.py")
        self._measuring_code = (assistant / "evaluate.py",)

    def check(self) -> None:
        """Raises NotFound naming all that is missing."""
        needed = (
            self.config,
            self.domain,
            self.dialogues,
            *self.examples,
            self.knowledge,
            self.sentiment,
            self.held_out,
        )
        if missing := [str(path) for path in needed if not path.exists()]:
            raise NotFound(f"the models' sources are incomplete, missing: {', '.join(missing)}")
        if not self.python.exists():
            raise NotFound(f"there is no environment for Rasa ({self.python}): ./kefu up makes it")
        if not self.encoder.exists():
            raise NotFound(f"there is no sentence encoder ({self.encoder.parent}): ./kefu up prepares it")

    def assistant_fingerprint(self) -> str:
        data = (self.config, self.domain, self.dialogues, *self.examples, self.knowledge)
        return fingerprint((*data, self.thresholds, self.encoder, *self._assistant_code))

    def sentiment_fingerprint(self) -> str:
        return fingerprint((self.sentiment, self.lexicon, self.encoder, *self._sentiment_code))

    def fingerprint(self) -> str:
        """Of everything that a version is made of."""
        both = f"{self.assistant_fingerprint()} {self.sentiment_fingerprint()}"
        return hashlib.sha256(both.encode()).hexdigest()[:DIGITS]

    def data_fingerprint(self) -> str:
        """Of nlu_data's training part alone, without code and configuration."""
        return fingerprint((*self.examples, self.knowledge, self.sentiment, self.lexicon))

    def held_out_fingerprint(self) -> str:
        held_out = (self.held_out, self.held_out_sentiment, self.stories)
        return fingerprint((*held_out, *self._measuring_code, *self._assistant_code, *self._sentiment_code))


def fingerprint(paths: Iterable[Path]) -> str:
    """12 hexadecimal digits over names and contents; missing files count by their absence."""
    digest = hashlib.sha256()
    for path in _files(paths):
        digest.update(f"{path.name}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:DIGITS]


def write_knowledge_examples(folder: Path, output: Path) -> int:
    """Questions of the knowledge base as NLU examples, so that the intent knows what it can answer. Returns how many.

    An entry's `intent` says which intent its questions are examples of; without it they are `faq`.
    """
    by_intent: dict[str, dict[str, None]] = {}
    for file in sorted(folder.glob("*.yml")):
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        try:
            for entry in content["entries"]:
                questions = by_intent.setdefault(entry.get("intent", KNOWLEDGE_INTENT), {})
                questions.update(dict.fromkeys(_plain(text) for text in (entry["question"], *entry["similar"])))
        except (KeyError, TypeError) as error:
            raise InvalidInput(f"{file}: expected `entries:` with `question` and `similar` ({error!r})") from error
    nlu = [
        {
            "intent": intent,
            "metadata": {"source": "knowledge"},
            "examples": "".join(f"- {question}\n" for question in questions),
        }
        for intent, questions in by_intent.items()
    ]
    output.write_text(yaml.safe_dump({"version": "3.1", "nlu": nlu}, allow_unicode=True), encoding="utf-8")
    return sum(map(len, by_intent.values()))


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.is_file() and file.suffix in _LEARNED_FROM)
        elif path.exists():
            yield path


def _plain(question: str) -> str:
    """A question as an NLU example: on one line, and no bracket that the format would take for an entity."""
    return " ".join(question.replace("[", "【").replace("]", "】").split())
