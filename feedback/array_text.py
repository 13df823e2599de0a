"""Arrays of plain values as PostgreSQL writes them."""

from __future__ import annotations

from collections.abc import Iterable


def array_text(values: Iterable[object]) -> str:
    """An array that a cast makes one of its type. None becomes NULL.

    psycopg's own adapter looks at each element for itself: over the thousand candidates of a slate it takes longer
    than the insert. No free texts: they would need quoting.
    """
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"
