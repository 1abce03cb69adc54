"""`./kefu train`."""

from bot.commands.prepare import run

NEEDED = ("encoder", "sentiment", "assistant")


def train(*, force: bool) -> None:
    """Train what learns from nlu_data/: the mood of a message, and the assistant."""
    run(only=NEEDED, force=("sentiment", "assistant") if force else ())
