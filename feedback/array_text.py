"""Arrays of plain values as PostgreSQL writes them."""

from __future__ import annotations

from collections.abc import Iterable


def array_text(values: Iterable[object]) -> str:
    """An array that a cast makes one of its type. None becomes NULL.

    psycopg's own adapter looks at each element for itself: over the thousand candidates of a slate it takes longer
    than the insert. No free texts: they would need quoting.
    """
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def real_array_text(values: Iterable[float | None]) -> str:
    """An array for a column of type real[]. Nine digits tell every float32 apart; those that a float64 may have on top
    take most of the time that recording a slate takes."""
    return "{" + ",".join(["NULL" if value is None else f"{value:.9g}" for value in values]) + "}"
