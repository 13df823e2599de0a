"""Worlds whose answer is known, and the real one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from retrieval.interactions import Interactions

ML_100K = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "ml-100k"

NUM_READERS, NUM_ITEMS, CHOICES = 60, 40, 14


def even_readers_like_even_items(seed: int = 0) -> Interactions:
    """60 readers choose 14 of 40 items each, in any order: even readers even ones, odd readers odd ones."""
    random = np.random.default_rng(seed)
    readers, items = [], []
    for reader in range(NUM_READERS):
        liked = np.arange(reader % 2, NUM_ITEMS, 2)
        items += random.permutation(liked)[:CHOICES].tolist()
        readers += [reader] * CHOICES
    times_s = random.permutation(len(items)) * 60.0
    return Interactions.in_order(np.array(readers), np.array(items), times_s)


def everybody_reads_on(num_items: int = 50, seed: int = 0) -> Interactions:
    """200 readers begin anywhere on a ring of items and read twelve in its order: after i comes i + 1."""
    begins = np.random.default_rng(seed).integers(0, num_items, 200)
    items = (begins[:, None] + np.arange(12)) % num_items
    times_s = np.broadcast_to(np.arange(12) * 60.0, items.shape)
    return Interactions.in_order(np.repeat(np.arange(200), 12), items.ravel(), times_s.ravel())


def ml_100k() -> Interactions:
    """All ratings, stably by time."""
    rows = np.loadtxt(ML_100K / "u.data", dtype=np.int64)
    return Interactions.in_order(rows[:, 0], rows[:, 1], rows[:, 3].astype(np.float64))


def last_item_out(log: Interactions) -> tuple[Interactions, dict[int, np.ndarray]]:
    """The log without the last event of each reader, and each reader's items, the one held out last."""
    by_reader = np.argsort(log.reader_ids, kind="stable")
    readers, begins = np.unique(log.reader_ids[by_reader], return_index=True)
    rows = dict(zip(readers.tolist(), np.split(by_reader, begins[1:]), strict=True))
    kept = np.ones(len(log), bool)
    kept[[each[-1] for each in rows.values()]] = False
    return log.take(kept), {reader: log.item_ids[each] for reader, each in rows.items()}
