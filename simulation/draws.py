"""Chance that can be looked up again: every draw depends on its key alone, never on what was drawn before it."""

from __future__ import annotations

import hashlib
import random


def stream(seed: int, index: int, purpose: str) -> random.Random:
    """The random numbers of one purpose of one item. The same key gives the same numbers on every machine."""
    return random.Random(f"{seed}/{index}/{purpose}")


def hex_key(seed: int, index: int, digits: int) -> str:
    """A short name for an item that tells nothing about its place in the catalogue."""
    return hashlib.sha256(f"{seed}/{index}/name".encode()).hexdigest()[:digits]
