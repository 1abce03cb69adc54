"""Questions of the knowledge base among the training examples: they keep intents from claiming what it answers."""

from rasa.shared.nlu.constants import METADATA
from rasa.shared.nlu.training_data.message import Message

SOURCE = {"source": "knowledge"}
"""As `training/sources.py` marks them."""


def is_knowledge(message: Message) -> bool:
    return (message.get(METADATA) or {}).get("intent") == SOURCE
