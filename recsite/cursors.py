"""Where a reader is in the endless feed: the items shown so far, carried by the address of the next page.

The feed changes while somebody scrolls. A page number into a list that changes repeats items and skips others; what
was shown
cannot.
"""

from __future__ import annotations

from django.core import signing

SALT = "recsite.feed"
SHOWN_MAX = 900
"""With ids up to ten digits the address stays below gunicorn's limit for a request line (8,190 bytes)."""


class CursorError(ValueError):
    """The cursor is not one that this site made."""


def write_cursor(shown: tuple[int, ...]) -> str:
    """An opaque, signed value for `shown`, item ids in the order shown."""
    return signing.dumps(list(shown), salt=SALT, compress=True)


def read_cursor(cursor: str) -> tuple[int, ...]:
    """What `write_cursor` was given; the empty string is the beginning. Raises CursorError."""
    if not cursor:
        return ()
    try:
        return tuple(signing.loads(cursor, salt=SALT))
    except signing.BadSignature as error:
        raise CursorError("This is not a place in the feed.") from error
