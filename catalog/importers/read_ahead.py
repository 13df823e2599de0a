"""Two things at once: the next piece of work is prepared while the present one is done."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

_END = object()


def read_ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items in the same order; while the caller works on one, another thread computes the next.

    Worth it when the caller mostly waits, as for a database. What `items` raises is raised where its item was due. One
    item more than without it is in memory.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as pool:
        coming = pool.submit(next, items, _END)
        while (item := coming.result()) is not _END:
            coming = pool.submit(next, items, _END)
            yield item  # type: ignore[misc]
