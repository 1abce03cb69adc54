"""`./kefu promote`, `./kefu rollback`, `./kefu models`."""

import sys

import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot import control
from bot.commands.train import share
from bot.commands.up import console, prepared_secrets
from bot.setup.prepare import Progress
from core.errors import NotFound
from core.settings import Settings
from training.gate import Change, Verdict
from training.promote import FIRST, FORCED, PROMOTED, REFUSED, ROLLED_BACK, judge
from training.registry import Registry, Version

SHOWN_LOSSES = 4
HISTORY = 8


def promote(name: str | None, force: str | None) -> int:
    """0 when the version serves now, 1 when the gate refused it. `force`: why it shall serve all the same."""
    settings = prepared_secrets()
    registry = Registry(settings)
    version = chosen(registry, name)
    serving = registry.serving()
    if serving is None:
        _move(settings, version, FIRST, {})
        return 0
    running = registry.find(serving.current)
    if running.name == version.name:
        console.print(f"{version.name} serves already.")
        return 0
    with Progress(console, "The gate") as progress:
        verdict = judge(settings, version, running, progress.report)
    _show(verdict, running, version)
    if not verdict.passed and not force:
        registry.note(REFUSED, version, **verdict.as_json())
        console.print(f"[bold red]Refused:[/bold red] {version.name} is worse than {running.name} in:")
        for reason in verdict.reasons():
            console.print(f"  {reason}", markup=False)
        console.print("Mend the data and train again; or ./kefu promote --force WHY, which is kept in the history.")
        return 1
    details = verdict.as_json() | ({"force": force} if force else {})
    _move(settings, version, PROMOTED if verdict.passed else FORCED, details)
    return 0


def rollback() -> None:
    """The same move, back to the version before, without the gate. Raises NotFound when there is none."""
    settings = prepared_secrets()
    registry = Registry(settings)
    serving = registry.serving()
    if serving is None or serving.previous is None:
        raise NotFound("no other version served before this one")
    _move(settings, registry.find(serving.previous), ROLLED_BACK, {})


def models(*, as_json: bool) -> None:
    settings = prepared_secrets()
    registry = Registry(settings)
    serving, versions = registry.serving(), registry.versions()
    if as_json:
        known = [version.manifest for version in versions]
        content = {"serving": serving, "versions": known, "history": registry.history()}
        sys.stdout.write(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode() + "\n")
        return
    table = Table(box=None, padding=(0, 1))
    for column in ("", "version", "trained", "seconds", "intents", "entities F1", "stories", "sentiment"):
        table.add_column(column, justify="left" if column in {"", "version", "trained"} else "right", no_wrap=True)
    for version in versions:
        held_out, manifest = version.manifest["held_out"], version.manifest
        marks = {serving.current: "[green]●[/green]", serving.previous: "○"} if serving else {}
        table.add_row(
            marks.get(version.name, ""),
            version.name,
            manifest["trained_at"][:16].replace("T", " "),
            f"{manifest['seconds']['all']:.0f}",
            share(held_out["accuracy"]),
            share(held_out["entities"]["all"]["f1"]),
            f"{held_out['stories_passed']}/{held_out['stories']}",
            share(held_out["mood_accuracy"]),
        )
    out = Console(highlight=False)
    out.print(table)
    out.print("[green]●[/green] serves   ○ served before (./kefu rollback)")
    for entry in registry.history()[-HISTORY:]:
        why = escape(entry.get("force") or "; ".join(entry.get("reasons", [])))
        out.print(
            f"[dim]{entry['at'][:16].replace('T', ' ')}[/dim] {entry['what']} {entry['version']} [dim]{why}[/dim]"
        )


def chosen(registry: Registry, name: str | None) -> Version:
    """The named version, else the newest. Raises NotFound, InvalidInput."""
    if name:
        return registry.find(name)
    if not (there := registry.versions()):
        raise NotFound("nothing is trained yet: ./kefu train")
    return there[-1]


def _move(settings: Settings, version: Version, why: str, details: dict[str, object]) -> None:
    """Through the running Kefu, which starts the new assistant and moves the traffic; else the next start serves it."""
    if control.is_open(settings):
        with Progress(console, f"Moving to {version.name}") as progress:
            done = control.give(settings, "move", progress.report, version=version.name, why=why, details=details)
        console.print(f"[green]✓[/green] {done}; no turn was interrupted. Back again: ./kefu rollback")
    else:
        Registry(settings).point_to(version, why, **details)
        console.print(f"[green]✓[/green] {version.name} serves from the next start on (nothing runs here now).")


def _show(verdict: Verdict, running: Version, version: Version) -> None:
    console.print(f"{running.name} → {version.name}, on {verdict.compared} held-out utterances that both answered")
    table = Table(box=None, padding=(0, 1))
    for column in ("measure", "before", "after", "on", "worse", "lost"):
        table.add_column(column, justify="left" if column in {"measure", "lost"} else "right")
    for change in verdict.changes:
        if change.regressed or change.measure in {"intents", "acting on it", "entities", "sentiment"} or _moved(change):
            style = "red" if change.regressed else ""
            lost = "、".join(change.lost[:SHOWN_LOSSES]) + (" …" if len(change.lost) > SHOWN_LOSSES else "")
            table.add_row(
                change.measure,
                f"{change.before:.3f}",
                f"{change.after:.3f}",
                str(change.pairs),
                f"{change.worse:.3f}",
                escape(lost),
                style=style,
            )
    console.print(table)


def _moved(change: Change) -> bool:
    return change.before != change.after
