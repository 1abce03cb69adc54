"""Arrays in files: for what is too large to be kept in memory, and of which a question needs few places.

Read, not mapped: the system maps 64 KB around every row that is touched, which takes no less time than a copy of the
row and counts as the process's memory. What was read lately the system keeps in its own cache.
"""

import ctypes
import os
import weakref
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

Positions = NDArray[np.int64]

# `os.pread` lets other threads run, and would wait for them after each of hundreds of rows that take a microsecond.
_pread = ctypes.PyDLL(None, use_errno=True).pread
_pread.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64)
_pread.restype = ctypes.c_ssize_t


class Rows(Protocol):
    """What an array and a `Column` have in common."""

    def __len__(self) -> int: ...

    def __getitem__(self, at: Any, /) -> Any: ...


class Column:
    """The rows of a file that never changes. It may be deleted or replaced meanwhile: this goes on with the old one."""

    def __init__(self, path: Path, dtype: DTypeLike) -> None:
        self._form = np.dtype(dtype)
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)
        self._size = os.fstat(self._file).st_size // self._form.itemsize  # a killed writer may leave half a row
        if hasattr(os, "posix_fadvise"):  # not on macOS
            # A row fetched from the disk takes ten times as long: the system may bring in what it has room for.
            os.posix_fadvise(self._file, 0, 0, os.POSIX_FADV_WILLNEED)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, at: slice | Positions) -> NDArray[Any]:
        if isinstance(at, slice):
            first, last, _step = at.indices(self._size)
            return self.spans(np.array([first]), np.array([max(first, last)]))
        return self.spans(at, at + 1)

    def spans(self, firsts: Positions, lasts: Positions) -> NDArray[Any]:
        """The rows from each first to before its last, one span after the other."""
        row = self._form.itemsize
        lengths = (lasts - firsts) * row
        found: NDArray[Any] = np.empty((int((lasts - firsts).sum()), *self._form.shape), self._form.base)
        to = found.ctypes.data
        for start, length in zip((firsts * row).tolist(), lengths.tolist(), strict=True):
            if _pread(self._file, to, length, start) != length:
                raise OSError(ctypes.get_errno(), f"rows from byte {start} on cannot be read")
            to += length
        return found


def opened(path: Path, dtype: DTypeLike, in_memory: bool) -> Rows:
    column = Column(path, dtype)
    return column[:] if in_memory else column


def gathered(rows: Rows, firsts: Positions, lasts: Positions) -> NDArray[Any]:
    """The rows of all these spans, one after the other."""
    if isinstance(rows, Column):
        return rows.spans(firsts, lasts)
    lengths = lasts - firsts
    before = np.cumsum(lengths) - lengths
    found: NDArray[Any] = rows[np.repeat(firsts - before, lengths) + np.arange(lengths.sum())]
    return found


def append(path: Path, rows: NDArray[Any]) -> None:
    with path.open("ab") as file:
        file.write(np.ascontiguousarray(rows).data)
