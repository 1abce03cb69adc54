"""`./kefu evaluate`."""

import sys
from pathlib import Path

import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.commands.promote import chosen
from bot.commands.train import share
from bot.commands.up import console, prepared_secrets
from bot.setup.prepare import Progress
from training import knowledge, report
from training.evaluation import Evaluation, evaluation_of
from training.registry import Registry

WEAKEST = 12
WORST = 10


def evaluate(name: str | None, page: Path | None, *, as_json: bool) -> None:
    """Measures what was not measured yet; prints the figures, and writes the page."""
    settings = prepared_secrets()
    version = chosen(Registry(settings), name)
    with Progress(console, f"Evaluating {version.name}") as progress:
        evaluation = evaluation_of(settings, version, progress.report)
        faq = knowledge.evaluate(settings, progress.report)
    page = page or settings.var_dir / "reports" / f"{version.name}.html"
    report.write(page, version, evaluation, faq)
    if as_json:
        content = {"version": version.name, **evaluation.figures(), "knowledge": faq, "page": str(page)}
        sys.stdout.write(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode() + "\n")
        return
    _show(evaluation, faq)
    console.print(f"The whole report: [bold]{page}[/bold]")


def _show(evaluation: Evaluation, faq: dict[str, float] | None) -> None:
    figures = evaluation.figures()
    out = Console(highlight=False, emoji=False)
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_row("intents", share(figures["accuracy"]), f"of {figures['utterances']} held-out utterances",
                  f"macro F1 {share(figures['macro_f1'])}, ECE {share(figures['ece'])}")  # fmt: skip
    table.add_row("  in scope", share(figures["in_scope_accuracy"]), "", "")
    table.add_row("  acted on", share(figures["accepted"]), "", f"right {share(figures['accepted_accuracy'])}")
    table.add_row("out of scope", share(figures["out_of_scope_recall"]), "recall at 3 % false alarms", "")
    entities = figures["entities"]["all"]
    table.add_row("entities", share(entities["f1"]), f"F1 of {entities['marked']} spans",
                  f"precision {share(entities['precision'])}, recall {share(entities['recall'])}")  # fmt: skip
    table.add_row("stories", f"{figures['stories_passed']}/{figures['stories']}", "passed",
                  "、".join(story.name for story in evaluation.stories if not story.passed))  # fmt: skip
    table.add_row("sentiment", share(figures["mood_accuracy"]), f"of {figures['moods']} held-out utterances",
                  f"ECE {share(figures['mood_ece'])}")  # fmt: skip
    if faq:
        table.add_row("knowledge", share(faq["recall_at_1"]), f"recall@1 of {faq['questions']} held-out questions",
                      f"@5 {share(faq['recall_at_5'])}, answered wrong {share(faq['answered_wrong'])}")  # fmt: skip
    out.print(table)
    weakest = [row for row in report.intent_rows(evaluation.utterances) if row.f1 < 1][:WEAKEST]
    for row in weakest:
        out.print(f"  {row.f1:.2f}  {row.name}  [dim]{row.utterances} utterances; taken for {row.taken_for}[/dim]")
    worst = sorted((one for one in evaluation.utterances if not one.right), key=lambda one: -one.confidence)[:WORST]
    for one in worst:
        out.print(f"  [red]✗[/red] {escape(one.text)}  [dim]{one.intent}, not {one.guess} ({one.confidence:.2f})[/dim]")
