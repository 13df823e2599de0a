"""One row for each reader and item, whatever else she did with it."""

from __future__ import annotations

import numpy as np

from retrieval.interactions import Interactions


def strongest_of_pairs(interactions: Interactions, amounts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each pair of a reader and an item once, with the largest of its `amounts`, (n,) parallel to `interactions`.

    Returns, in parallel, reader ids, item ids, both int64, and amounts: by reader, then by item.
    """
    order = np.lexsort((amounts, interactions.item_ids, interactions.reader_ids))
    readers, items = interactions.reader_ids[order], interactions.item_ids[order]
    is_last = np.ones(len(order), bool)
    is_last[:-1] = (readers[1:] != readers[:-1]) | (items[1:] != items[:-1])
    return readers[is_last], items[is_last], amounts[order][is_last]
