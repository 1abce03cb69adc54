"""Sentiment of an utterance, from a model trained on `nlu_data/sentiment`. Training: `handoff.sentiment.training`."""

from handoff.sentiment.model import Sentiment, SentimentModel

__all__ = ["Sentiment", "SentimentModel"]
