"""`./kefu train`."""

from bot.commands.prepare import run
from bot.commands.up import console, prepared_secrets
from bot.setup.prepare import Progress
from training.train import summary, train


def train_all(*, force: bool) -> None:
    """Train what learns from nlu_data/: the mood of a message, and the assistant; print what the held-out data says."""
    run(only=("encoder", "sentiment"))
    settings = prepared_secrets()
    with Progress(console, "Assistant") as progress:
        trained = train(settings, progress.report, force=force)
    run(only=("assistant",))  # stamps what was just made
    console.print("[green]Trained.[/green]" if trained.fresh else "Nothing changed; --force trains all the same.")
    console.print(summary(trained))
