"""Which topics readers follow when another system says so, for many readers at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import connection, transaction

from catalog.models import Reader
from feedback.buckets import reader_bucket
from feedback.interaction_rows import InteractionRow, insert_interactions
from feedback.kinds import Kind

_UNFOLLOW = """
    DELETE FROM catalog_reader_followed_topics AS old
    USING unnest(%s::bigint[], %s::bigint[]) AS gone (reader_id, topic_id)
    WHERE old.reader_id = gone.reader_id AND old.topic_id = gone.topic_id
"""
_TAKE_BACK = """
    UPDATE feedback_interaction AS act
    SET undone_at = greatest(act.happened_at, %s), undo_received_at = %s
    FROM unnest(%s::bigint[], %s::bigint[]) AS gone (reader_id, topic_id)
    WHERE act.reader_id = gone.reader_id AND act.topic_id = gone.topic_id AND act.kind = 'follow'
      AND act.undone_at IS NULL
"""


def follow_exactly(topic_ids: Mapping[Reader, frozenset[int]], *, now: datetime) -> frozenset[int]:
    """Make each reader follow these topics and no other. Returns the ids of readers for whom that changed anything.

    Each change is a follow, or the undoing of one, like those that readers make themselves.
    """
    wanted = {(reader.pk, topic_id) for reader, ids in topic_ids.items() for topic_id in ids}
    through = Reader.followed_topics.through
    with transaction.atomic():
        standing = set(through.objects.filter(reader__in=list(topic_ids)).values_list("reader_id", "topic_id"))
        new, gone = sorted(wanted - standing), sorted(standing - wanted)
        if new:
            through.objects.bulk_create(
                [through(reader_id=reader_id, topic_id=topic_id) for reader_id, topic_id in new], ignore_conflicts=True
            )
            _record_follows(new, {reader.pk: reader for reader in topic_ids}, now)
        if gone:
            columns = [reader_id for reader_id, _ in gone], [topic_id for _, topic_id in gone]
            with connection.cursor() as cursor:
                cursor.execute(_UNFOLLOW, columns)
                cursor.execute(_TAKE_BACK, [now, now, *columns])
    return frozenset(reader_id for reader_id, _ in [*new, *gone])


def _record_follows(pairs: list[tuple[int, int]], readers: Mapping[int, Reader], now: datetime) -> None:
    insert_interactions(
        [
            InteractionRow(
                reader_id=reader_id,
                reader_bucket=reader_bucket(readers[reader_id].public_id),
                kind=Kind.FOLLOW,
                topic_id=topic_id,
                happened_at=now,
                received_at=now,
            )
            for reader_id, topic_id in pairs
        ]
    )
