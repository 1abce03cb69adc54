"""The sentiment model as a part of a version: training and measuring it, through `handoff.sentiment`."""

from pathlib import Path
from typing import Any

from core.settings import Settings
from training.rasa import Say, TrainingFailed
from training.sources import Sources, encoder_folder


def train(settings: Settings, folder: Path, say: Say) -> dict[str, Any]:
    """Trains into `folder` unless it is there. Returns the metrics, of which `anger.threshold` is the handoff's."""
    from handoff.sentiment.training import train
    from retrieval.encoder.embedded import EmbeddedEncoder

    sources = Sources(settings)
    say(f"training on {sources.sentiment.name}")
    held_out = sources.held_out_sentiment if sources.held_out_sentiment.exists() else None
    report = train(sources.sentiment, EmbeddedEncoder(encoder_folder(settings)), folder, held_out=held_out)
    return report.as_json()


def evaluate(settings: Settings, folder: Path, say: Say) -> list[dict[str, Any]]:
    """Held-out utterances one by one: `text`, `degree` as labelled, `guess`, its `probability`, `score` (-1..1).

    Raises TrainingFailed when this code does not read the model.
    """
    from handoff.sentiment import OtherForm, SentimentModel
    from handoff.sentiment.training import read_tsv
    from retrieval.encoder.embedded import EmbeddedEncoder
    from retrieval.text import normalise

    held_out = Sources(settings).held_out_sentiment
    if not held_out.exists():
        return []
    say("evaluating")
    try:
        model = SentimentModel.load(folder)
    except OtherForm as error:
        raise TrainingFailed(error.message) from None
    encoder = EmbeddedEncoder(encoder_folder(settings))
    rows = []
    for degree, text in read_tsv(held_out):
        found = model.score(normalise(text), encoder.encode_deep([normalise(text)])[0])
        rows.append(
            {
                "text": text,
                "degree": degree,
                "guess": found.degree,
                "probability": max(found.probabilities.values()),
                "score": found.score,
            }
        )
    return rows
