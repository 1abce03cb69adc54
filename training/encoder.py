"""`./kefu train encoder`: fine-tunes the sentence encoder on the deployment's own phrasings. Needs the extra `encoder`.

Multiple-negatives ranking: two phrasings of one entry shall be nearer than those of the other entries in the batch.
Word embeddings stay as they are. About every fifth phrasing is held out, and the new encoder must find more entries by
these than the running one does, by a paired bootstrap, or it is refused.
"""

import json
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import KefuError
from core.settings import Settings
from retrieval.encoder import EMBEDDED, load_encoder
from retrieval.encoder.protocol import Encoder
from retrieval.knowledge import Entry
from retrieval.seed import read_folder

_HELD_OUT = 5
_BATCH, _SCALE, _RATE, _WARM_UP = 32, 50.0, 3e-5, 10
_RESAMPLED = 2000

Progress = Callable[[str], None]


class EncoderRefused(KefuError):
    """The new encoder is not better on held-out phrasings."""


@dataclass(frozen=True)
class Comparison:
    """On `held_out` phrasings, each to be found by the phrasings that were trained on: recall@1 of both encoders, and
    the 95 % interval of their difference. `p_better`: share of resampled sets on which the new one is better."""

    held_out: int
    before: float
    after: float
    interval: tuple[float, float]
    p_better: float

    @property
    def better(self) -> bool:
        return self.p_better >= 0.95


@dataclass(frozen=True)
class Split:
    """Entry by entry: the phrasings to learn from, and those held out."""

    learnt: tuple[tuple[str, ...], ...]
    held_out: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> "Split":
        """The question is never held out; a phrasing's place follows from its text, not from its order."""
        learnt, held_out = [], []
        for entry in entries:
            kept = [t for t in entry.similar if int(sha256(t.encode()).hexdigest()[:8], 16) % _HELD_OUT]
            learnt.append((entry.question, *kept))
            held_out.append(tuple(t for t in entry.similar if t not in kept))
        return cls(tuple(learnt), tuple(held_out))


def train_encoder(
    settings: Settings, *, steps: int = 120, seed: int = 1, progress: Progress = lambda line: None
) -> tuple[Path, Comparison]:
    """A new folder `var/models/encoders/<time>-<weights>` to name in KEFU_ENCODER, and how it compares. Takes about 3 s
    a step on one core. Raises EncoderRefused, and leaves no folder, when it is not better; KefuError without the extra.
    """
    try:
        from retrieval.encoder import tuned
    except ImportError as missing:
        raise KefuError(
            f"fine-tuning needs the extra: pip install 'kefu[encoder]' ({missing.name} is missing)"
        ) from None
    entries = read_folder(settings.home / "nlu_data" / "knowledge")
    split = Split.of(entries)
    home = settings.var_dir / "models"
    scratch = home / "encoders" / ".partial"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        progress("reading the weights")
        model = tuned.start(scratch / "base")
        for step, loss in tuned.fit(
            model, batches(split.learnt, steps, seed), scale=_SCALE, rate=_RATE, warm_up=_WARM_UP
        ):
            progress(f"step {step}/{steps}, loss {loss:.3f}")
        progress("exporting to int8 ONNX")
        folder = scratch / "encoder"
        tuned.export(model, folder)
        progress("comparing on held-out phrasings")
        running = load_encoder(settings.encoder, home / "encoder")
        compared = compare(split, running, load_encoder(EMBEDDED, folder), seed)
        note = asdict(compared) | {"steps": steps, "seed": seed, "entries": len(entries), "against": running.name}
        (folder / "training.json").write_text(json.dumps(note, indent=2), encoding="utf-8")
        if not compared.better:
            raise EncoderRefused(
                f"refused: recall@1 on {compared.held_out} held-out phrasings {compared.before:.3f} before,"
                f" {compared.after:.3f} after (better in {compared.p_better:.0%} of resampled sets, needs 95 %)"
            )
        name = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))["name"]
        target = home / "encoders" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{name[-12:]}"
        folder.rename(target)
        return target, compared
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def batches(learnt: Sequence[Sequence[str]], steps: int, seed: int) -> Iterator[list[tuple[str, str]]]:
    """Pairs of phrasings of one entry; no entry twice in a batch, where its other phrasings would pass for wrong."""
    chance = random.Random(seed)
    several = [phrasings for phrasings in learnt if len(phrasings) > 1]
    if len(several) < 2:
        raise KefuError("nothing to learn from: fewer than two knowledge entries have other phrasings")
    for _ in range(steps):
        chosen = chance.sample(several, min(_BATCH, len(several)))
        yield [(first, second) for first, second in (chance.sample(phrasings, 2) for phrasings in chosen)]


def compare(split: Split, before: Encoder, after: Encoder, seed: int) -> Comparison:
    """Paired: both encoders are asked the same, and the same questions are drawn for both in each resampled set."""
    old, new = _hits(split, before), _hits(split, after)
    if not len(old):
        raise KefuError("nothing to measure on: no phrasing was held out")
    chance = np.random.default_rng(seed)
    drawn = chance.integers(len(old), size=(_RESAMPLED, len(old)))
    gains = (new[drawn].astype(float) - old[drawn]).mean(axis=1)
    low, high = np.percentile(gains, [2.5, 97.5])
    return Comparison(
        len(old), float(old.mean()), float(new.mean()), (float(low), float(high)), float((gains > 0).mean())
    )


def _hits(split: Split, encoder: Encoder) -> NDArray[np.bool_]:
    """(held out,) whether the nearest learnt phrasing belongs to the same entry."""
    owners = np.repeat(np.arange(len(split.learnt)), [len(one) for one in split.learnt])
    right = np.repeat(np.arange(len(split.held_out)), [len(one) for one in split.held_out])
    known = encoder.encode([text for phrasings in split.learnt for text in phrasings])
    asked = encoder.encode([text for phrasings in split.held_out for text in phrasings])
    if not len(asked):
        return np.empty(0, bool)
    hits: NDArray[np.bool_] = owners[(asked @ known.T).argmax(axis=1)] == right
    return hits
