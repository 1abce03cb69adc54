"""The embedded encoder's weights as a real sentence-transformers folder: what fine-tuning starts from. Needs the extra.

python -m retrieval.encoder.export FOLDER
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from retrieval.encoder import weights
from retrieval.encoder.tokenizer import build_tokenizer
from retrieval.encoder.weights import Weights

# Ours to theirs, in a layer; each has a weight (.w) and a bias (.b).
PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


def export(folder: Path) -> None:
    """Takes about 10 s and 1 GB of memory."""
    source = weights.read(weights.wheel_file())
    vocabulary = source.vocabulary
    pieces = {"bos": vocabulary.bos, "eos": vocabulary.eos, "pad": vocabulary.pad, "unk": vocabulary.unk}
    special = {f"{name}_token": vocabulary.pieces[position] for name, position in pieces.items()}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=build_tokenizer(vocabulary), model_max_length=source.shape.positions, **special
    )
    with tempfile.TemporaryDirectory() as scratch:
        _bert(source).save_pretrained(scratch)
        tokenizer.save_pretrained(scratch)
        transformer = Transformer(scratch)
    pooling = Pooling(source.shape.hidden, pooling_mode="mean")
    SentenceTransformer(modules=[transformer, pooling, Normalize()], prompts={"query": "query: "}).save(str(folder))


def _bert(source: Weights) -> Any:
    shape = source.shape
    bert = BertModel(
        BertConfig(
            vocab_size=shape.vocabulary,
            hidden_size=shape.hidden,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            intermediate_size=shape.feed_forward,
            max_position_embeddings=shape.positions,
            layer_norm_eps=shape.layer_norm_epsilon,
        )
    )
    state = {name: torch.zeros_like(value) for name, value in bert.state_dict().items()}  # BERT's own pooler is unused
    for name, value in _named(source):
        state[name] = torch.from_numpy(value.copy()).reshape(state[name].shape)
    bert.load_state_dict(state)
    return bert


def _named(source: Weights) -> Iterator[tuple[str, NDArray[np.float32]]]:
    everything = source.vectors | {name: matrix.dequantise() for name, matrix in source.matrices.items()}
    for ours, theirs in {"word": "word", "pos": "position", "type": "token_type"}.items():
        yield f"embeddings.{theirs}_embeddings.weight", everything[f"emb.{ours}"]
    yield "embeddings.LayerNorm.weight", everything["emb.ln.w"]
    yield "embeddings.LayerNorm.bias", everything["emb.ln.b"]
    for layer in range(source.shape.layers):
        for ours, theirs in PARTS.items():
            yield f"encoder.layer.{layer}.{theirs}.weight", everything[f"l{layer}.{ours}.w"]
            yield f"encoder.layer.{layer}.{theirs}.bias", everything[f"l{layer}.{ours}.b"]


if __name__ == "__main__":
    export(Path(sys.argv[1]))
