"""Knowledge search on its held-out questions, as a part of the evaluation: by `training/bench/faq.py`, over the seed.

At run time the knowledge base is the database; the seed stands for it here. It belongs to no version: what it measures
is kept by the fingerprint of the entries, the questions and the code that searches.
"""

import contextlib
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import yaml

from core.settings import Settings
from training.rasa import Say
from training.registry import Registry, write_whole
from training.sources import Sources, fingerprint


def evaluate(settings: Settings, say: Say) -> dict[str, Any] | None:
    """The figures of `./kefu bench faq`; None without held-out questions. Half a minute when something changed."""
    sources = Sources(settings)
    queries = sources.held_out / "knowledge.jsonl"
    if not queries.exists():
        return None
    made_from = (sources.knowledge, queries, settings.home / "retrieval", sources.encoder)
    kept = Registry(settings).evaluations_dir / f"knowledge-{fingerprint(made_from)}.json"
    if not kept.exists():
        from training.bench import faq

        say("knowledge search on the held-out questions")
        with tempfile.TemporaryDirectory(prefix="kefu-knowledge-") as folder:
            seed, printed = Path(folder) / "seed.jsonl", io.StringIO()
            seed.write_text("".join(_lines(sources.knowledge)), encoding="utf-8")
            with contextlib.redirect_stdout(printed):
                faq.run(seed, queries, json=True)
        write_whole(kept, printed.getvalue())
    figures: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
    return figures


def _lines(folder: Path) -> list[str]:
    entries = [
        entry
        for file in sorted(folder.glob("*.yml"))
        for entry in yaml.safe_load(file.read_text(encoding="utf-8"))["entries"]
    ]
    return [json.dumps(entry, ensure_ascii=False, default=str) + "\n" for entry in entries]
