"""What a reader follows."""

from __future__ import annotations

from dataclasses import dataclass

from catalog.models import Reader
from feedback.prepared import prepared_cursor

_FOLLOWED = """
    SELECT topic_id::bigint, NULL::bigint FROM catalog_reader_followed_topics WHERE reader_id = %(reader)s::bigint
    UNION ALL
    SELECT NULL::bigint, author_id::bigint FROM catalog_reader_followed_authors WHERE reader_id = %(reader)s::bigint
"""


@dataclass(frozen=True)
class Followed:
    """Ids of topics and of authors."""

    topic_ids: frozenset[int] = frozenset()
    author_ids: frozenset[int] = frozenset()


def read_followed(reader: Reader) -> Followed:
    """One query."""
    with prepared_cursor() as cursor:
        cursor.execute(_FOLLOWED, {"reader": reader.pk})
        rows = cursor.fetchall()
    return Followed(
        frozenset(topic_id for topic_id, _ in rows if topic_id is not None),
        frozenset(author_id for _, author_id in rows if author_id is not None),
    )
