"""`./kefu train`: everything that learns from data files, with its progress."""

import threading
import time

from rich.console import Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from bot.commands.prepare import run
from bot.commands.up import console, prepared_secrets
from training.promote import FIRST
from training.registry import Registry, Version
from training.train import PARTS, train

TITLES = {"assistant": "意图、实体与对话 assistant", "sentiment": "情绪 sentiment", "version": "模型版本 version"}
DETAIL_WIDTH = 90


def train_all(*, force: bool) -> None:
    """Train what changed into a new version, and say how good it is. The first one also serves."""
    run(only=("encoder",))
    settings = prepared_secrets()
    began = time.monotonic()
    with Progress() as progress:
        version = train(settings, progress.report, force=force)
    seconds = time.monotonic() - began
    registry = Registry(settings)
    if not progress.worked:
        console.print(f"Nothing changed since {version.name}; --force trains all the same.")
    else:
        console.print(f"[green]✓[/green] {version.name}  [dim]{seconds:.1f} s[/dim]")
    show(version)
    if registry.serving() is None:
        registry.point_to(version, FIRST)
    elif registry.current().name != version.name:
        console.print("Bring it into service: [bold]./kefu promote[/bold]; look at it first: ./kefu evaluate")


def show(version: Version) -> None:
    """What the manifest says, in a few lines."""
    metrics, held_out = version.manifest["metrics"], version.manifest["held_out"]
    intent, mood = metrics["intent"], metrics["sentiment"]
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_row("model", str(version.folder))
    out_of_fold = intent["out_of_fold"]
    table.add_row(
        "intents", f"{intent['intents']} from {intent['examples']} examples",
        f"out of fold {out_of_fold['accuracy']:.3f}",
        f"ECE {out_of_fold['ece']:.3f}", f"fallback below {intent['threshold']:.2f}",
    )  # fmt: skip
    table.add_row(
        "held out", f"{held_out['utterances']} utterances", f"accuracy {share(held_out['accuracy'])}",
        f"ECE {share(held_out['ece'])}", f"entities F1 {share(held_out['entities']['all']['f1'])}",
    )  # fmt: skip
    table.add_row(
        "", f"{held_out['stories']} stories", f"passed {held_out['stories_passed']}",
        "", f"out of scope {share(held_out['out_of_scope_recall'])} at 3 % false alarms",
    )  # fmt: skip
    table.add_row(
        "sentiment", f"{held_out['moods']} held-out utterances", f"accuracy {share(held_out['mood_accuracy'])}",
        f"ECE {share(held_out['mood_ece'])}", f"anger below {mood['anger']['threshold']}",
    )  # fmt: skip
    console.print(table)


def share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


class Progress:
    """A line a part: what it is doing, since when; without a terminal, a line at each end."""

    def __init__(self) -> None:
        self.worked = False
        self._began = dict.fromkeys(PARTS, 0.0)
        self._doing = dict.fromkeys(PARTS, "")
        self._took: dict[str, float] = {}
        self._lock = threading.Lock()
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=8, transient=True)

    def __enter__(self) -> "Progress":
        if console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if console.is_terminal:
            self._live.stop()
        for part, seconds in self._took.items():
            console.print(f"[green]✓[/green] {TITLES[part]}  [dim]{seconds:.1f} s[/dim]")

    def report(self, part: str, text: str) -> None:
        """An empty text: the part is done."""
        with self._lock:
            self.worked = True
            self._began[part] = self._began[part] or time.monotonic()
            self._doing[part] = text
            if not text:
                self._took[part] = time.monotonic() - self._began[part]
            elif not console.is_terminal and part not in self._took and self._doing[part] == text:
                console.print(f"  {TITLES[part]}: {text[:DETAIL_WIDTH]}", style="dim")

    def _render(self) -> RenderableType:
        lines: list[RenderableType] = []
        for part in PARTS:
            if part in self._took:
                lines.append(Text.from_markup(f"[green]✓[/green] {TITLES[part]}  [dim]{self._took[part]:.1f} s[/dim]"))
            elif began := self._began[part]:
                detail = f"[dim]{time.monotonic() - began:4.0f} s  {self._doing[part][:DETAIL_WIDTH]}[/dim]"
                lines.append(Spinner("dots", Text.from_markup(f"{TITLES[part]}  {detail}")))
        return Group(*lines)
