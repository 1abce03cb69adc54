"""`./kefu prepare`: the set-up without the start."""

from collections.abc import Collection

from bot.commands.up import console, prepared_secrets
from bot.setup.prepare import prepare
from bot.setup.step import Stamps
from bot.setup.steps import steps


def run(only: Collection[str] = ()) -> None:
    """Bring the set-up up to date: all of it, or `only` the named steps."""
    settings = prepared_secrets()
    stamps = Stamps(settings.var_dir / "stamps")
    wanted = [step for step in steps(settings) if not only or step.name in only]
    prepare(wanted, stamps, console)
    if not only:
        console.print("[green]Everything is set up.[/green]")
