"""Which rows of an index may be found: one bit a row, as FAISS's selectors read them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import faiss
import numpy as np

from retrieval.ids import UNKNOWN

_WORD_BITS = 64


@dataclass(frozen=True, eq=False)
class OpenRows:
    """An immutable set of rows.

    num_rows: how many rows there are, open or not.
    count: how many are open.
    bits: uint8, row i is bit i % 8 of byte i // 8, set when open, padded with zeros to whole words of 64 bits;
        None when every row is open, which costs a search nothing.
    asked: what earlier searches of these rows were asked with, by what was wanted. A cache: parameters take 30 us to
        make, a twentieth of a search. Searches only read them, and two threads that make the same make equal ones.
    """

    num_rows: int
    count: int
    bits: np.ndarray | None = None
    asked: dict[tuple[int, int], faiss.SearchParameters] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def all_of(cls, num_rows: int) -> OpenRows:
        return cls(num_rows, num_rows)

    @classmethod
    def of_bits(cls, num_rows: int, bits: np.ndarray) -> OpenRows:
        return cls(num_rows, int(np.bitwise_count(bits.view(np.uint64)).sum()), bits)

    @property
    def closed_share(self) -> float:
        return 1 - self.count / self.num_rows if self.num_rows else 0.0

    def without(self, rows: np.ndarray) -> OpenRows:
        """rows: int64, any order, repeated or not; `UNKNOWN` is passed over."""
        rows = rows[rows != UNKNOWN]
        if not len(rows):
            return self
        bits = _all_open(self.num_rows) if self.bits is None else self.bits.copy()
        np.bitwise_and.at(bits, rows >> 3, ~(np.uint8(1) << (rows & 7).astype(np.uint8)))
        return OpenRows.of_bits(self.num_rows, bits)

    @cached_property
    def closed(self) -> np.ndarray:
        """(num_rows,) bool."""
        if self.bits is None:
            return np.zeros(self.num_rows, bool)
        return np.unpackbits(~self.bits, count=self.num_rows, bitorder="little").view(bool)

    def selector(self) -> faiss.IDSelector | None:
        """What FAISS is told of these rows; None when all are open."""
        return None if self.bits is None else faiss.IDSelectorBitmap(self.bits)


def _all_open(num_rows: int) -> np.ndarray:
    words = -(-num_rows // _WORD_BITS)
    bits = np.zeros(words * _WORD_BITS // 8, np.uint8)
    bits[: num_rows // 8] = 0xFF
    if num_rows % 8:
        bits[num_rows // 8] = (1 << num_rows % 8) - 1
    return bits
