"""Items with their vectors, in order of item id, and exact search over them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import faiss
import numpy as np

from retrieval.ids import UNKNOWN, IdMap


@dataclass(frozen=True, eq=False)
class ItemVectors:
    """Which vector is whose. Rows are put in order of item id, so that rows of equal scores are in order as well.

    item_ids: (n,) int64, unique.  vectors: (n, dim) float32, finite, of any norm. n may be 0, dim may not.
    Arrays that are float32 and in order already are kept, not copied (they may be mapped from a file that several
    processes share): whoever hands them over must not write to them any more.

    Raises ValueError when that does not hold.
    """

    item_ids: np.ndarray
    vectors: np.ndarray
    ids: IdMap = field(init=False, repr=False)

    def __post_init__(self) -> None:
        item_ids = np.ascontiguousarray(self.item_ids, dtype=np.int64)
        vectors = np.ascontiguousarray(self.vectors, dtype=np.float32)
        if vectors.ndim != 2 or vectors.shape[1] == 0 or item_ids.shape != vectors.shape[:1]:
            raise ValueError(
                f"Vectors have the shape {vectors.shape} and item ids {item_ids.shape}; "
                "they must be (num_items, dim) and (num_items,)."
            )
        if not np.isfinite(vectors).all():
            bad = item_ids[~np.isfinite(vectors).all(axis=1)]
            raise ValueError(f"{len(bad)} items have vectors with NaN or infinity, item {bad[0]} among them.")
        if (np.diff(item_ids) <= 0).any():
            order = np.argsort(item_ids, kind="stable")
            item_ids, vectors = item_ids[order], vectors[order]
        object.__setattr__(self, "ids", IdMap(_read_only(item_ids)))
        object.__setattr__(self, "item_ids", self.ids.item_ids)
        object.__setattr__(self, "vectors", _read_only(vectors))

    def __len__(self) -> int:
        return len(self.item_ids)

    @classmethod
    def none(cls, dim: int) -> ItemVectors:
        return cls(np.empty(0, np.int64), np.empty((0, dim), np.float32))

    @property
    def dim(self) -> int:
        return self.vectors.shape[1]

    def take(self, rows: np.ndarray) -> ItemVectors:
        """Some of the rows: a mask, or row numbers."""
        return ItemVectors(self.item_ids[rows], self.vectors[rows])

    def updated(self, upserts: ItemVectors, deletes: np.ndarray) -> ItemVectors:
        """Without the rows of both, and with those of `upserts`."""
        kept = self.take(~np.isin(self.item_ids, np.concatenate([upserts.item_ids, deletes])))
        return ItemVectors(
            np.concatenate([kept.item_ids, upserts.item_ids]), np.concatenate([kept.vectors, upserts.vectors])
        )

    def beyond(self, other: ItemVectors) -> ItemVectors:
        """Those that `other` lacks, or has with another vector."""
        rows = other.ids.idx_of(self.item_ids)
        known = np.flatnonzero(rows != UNKNOWN)
        is_same = np.zeros(len(self), bool)
        is_same[known] = (other.vectors[rows[known]] == self.vectors[known]).all(axis=1)
        return self.take(~is_same)

    def digest(self) -> str:
        """The same for the same items and vectors, in whichever order they came."""
        content = hashlib.blake2b(f"{self.vectors.shape}".encode(), digest_size=16)
        content.update(self.item_ids.data)
        content.update(self.vectors.data)
        return content.hexdigest()


def _read_only(array: np.ndarray) -> np.ndarray:
    shown = array.view()
    shown.flags.writeable = False
    return shown


def inner_products(query: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """(n,) float32. query: (dim,), vectors: (n, dim), both float32 and contiguous.

    FAISS's own kernel, and not BLAS, for two reasons: BLAS may start threads, and its last bits depend on the row that
    a vector stands in, so that the same item would score differently in the base and in the delta.
    """
    products = np.empty(len(vectors), np.float32)
    pointers = map(faiss.swig_ptr, (products, query, vectors))
    faiss.fvec_inner_products_ny(*pointers, vectors.shape[1], len(vectors))
    return products


def best(scores: np.ndarray, tie_breakers: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The `k` highest scores and what stands beside them, best first; among equal scores low tie breakers come first.

    scores: (n,) float32.  tie_breakers: (n,) int64, unique: rows or ids.
    Returns ((at most k,) tie breakers, (at most k,) scores).
    """
    order = scores.argsort()[::-1][: k + 1]  # one more, for it may be equal to the last
    ordered = scores.take(order)
    if (ordered[1:] == ordered[:-1]).any():  # rare, and sorting by two keys costs four times as much
        order = np.lexsort((tie_breakers, -scores))[:k]
        ordered = scores.take(order)
    return tie_breakers.take(order[:k]), ordered[:k]


def best_rows(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The same for a score of every row: (at most k,) int64 rows and their scores, none of minus infinity."""
    least = np.finfo(np.float32).min
    if 0 < k < len(scores):
        least = max(least, np.partition(scores, len(scores) - k)[len(scores) - k])
    rows = (scores >= least).nonzero()[0]
    return best(scores.take(rows), rows, k)
