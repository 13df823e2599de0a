"""The order in which training sees its rows: by seed, epoch and rank alone, so that any epoch can be run again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from retrieval.spool import Piece, Spool


def epoch_batches(spool: Spool, *, seed: int, epoch: int, batch_size: int, fewest_rows: int = 2) -> Iterator[Piece]:
    """Batches of rows of one refresh interval each, random order; at most `batch_size` rows, at least `fewest_rows`.

    Where rows are held against each other alone, a single one left over in an interval has nobody, and 2 leaves it out
    of this epoch; it gets its turn where another epoch leaves over another row, so never where it is the only one of
    its interval. 1 leaves out none (`Objective.fewest_rows`).
    """
    rng = np.random.default_rng([seed, epoch])
    for piece in spool.pieces(rng):
        for start in range(0, len(piece), batch_size):
            rows = np.arange(start, min(start + batch_size, len(piece)))
            if len(rows) >= fewest_rows:
                yield piece.take(rows)
