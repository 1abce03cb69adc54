"""Sentiment of an utterance, from a model trained on `nlu_data/sentiment`. Training: `handoff.sentiment.training`."""

from handoff.sentiment.classifier import OtherForm
from handoff.sentiment.model import Sentiment, SentimentModel

__all__ = ["OtherForm", "Sentiment", "SentimentModel"]
