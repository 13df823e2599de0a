"""Memory that this process has freed goes back to the machine, where the C library would keep it.

glibc keeps a heap for each thread that was ever busy and gives back only what lies at its end; after a catalogue was
read, or a release swapped, that is more than everything that is in use. Elsewhere nothing happens here.
"""

from __future__ import annotations

import ctypes
from functools import cache

import pyarrow as pa

_M_ARENA_MAX = -8
"""Of glibc's malloc.h."""

_M_MMAP_THRESHOLD = -3

_HEAPS = 2
_OF_ITS_OWN = 4 * 1024 * 1024
"""What is larger gets pages of its own, which go back as soon as it is freed. glibc moves this border up to 32 MiB when
such a thing is freed, and then leaves holes of that size in its heaps."""


@cache
def _libc() -> ctypes.CDLL | None:
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "malloc_trim") and hasattr(libc, "mallopt") else None


def keep_few_heaps() -> None:
    """To be called before the process has threads."""
    libc = _libc()
    if libc is not None:
        libc.mallopt(_M_ARENA_MAX, _HEAPS)
        libc.mallopt(_M_MMAP_THRESHOLD, _OF_ITS_OWN)


def give_back() -> None:
    """To be called after much was freed; takes some milliseconds."""
    pa.default_memory_pool().release_unused()
    libc = _libc()
    if libc is not None:
        libc.malloc_trim(0)
