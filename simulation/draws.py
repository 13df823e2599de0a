"""Chance that can be looked up again: every draw depends on its key alone, never on what was drawn before it."""

from __future__ import annotations

import hashlib
import random

_UNIT = 2.0**-53


def stream(seed: int, index: int, purpose: str) -> random.Random:
    """The random numbers of one purpose of one item. The same key gives the same numbers on every machine."""
    return random.Random(f"{seed}/{index}/{purpose}")


def hex_key(seed: int, index: int, digits: int) -> str:
    """A short name for an item that tells nothing about its place in the catalogue."""
    return hashlib.sha256(f"{seed}/{index}/name".encode()).hexdigest()[:digits]


def chance(seed: int, reader: str, day: int, item: str, purpose: str) -> float:
    """One number, uniform in [0, 1). Worlds that differ only in what they show share it: the reader who would have
    clicked an item today does so wherever it stands."""
    digest = hashlib.blake2b(f"{seed}/{reader}/{day}/{item}/{purpose}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) * _UNIT


def reader_stream(seed: int, reader: str, day: int, purpose: str) -> random.Random:
    """The random numbers of one purpose of one reader's day."""
    return random.Random(f"{seed}/{reader}/{day}/{purpose}")
