"""When two readers turn out to be one person, and which ids that person had."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime

from django.db import connection, transaction

from catalog.models import Reader, ReaderMerge
from feedback.kinds import STANDING
from feedback.models import Interaction

# The same save, follow and so on standing on both sides is one fact told twice: the later telling goes.
_DROP_REPEATED = """
    DELETE FROM feedback_interaction AS old USING feedback_interaction AS kept
    WHERE old.reader_id = %(old)s AND kept.reader_id = %(into)s AND old.kind = kept.kind
      AND old.kind = ANY(%(standing)s)
      AND old.undone_at IS NULL AND kept.undone_at IS NULL
      AND (old.item_id, old.topic_id, old.author_id) IS NOT DISTINCT FROM (kept.item_id, kept.topic_id, kept.author_id)
"""


@transaction.atomic
def merge_readers(*, old: Reader, into: Reader, now: datetime) -> None:
    """Give everything of `old` to `into` and delete `old`; its id keeps leading to `into`.

    Raises ValueError when both are the same, or when `old` has an account: an account is never swallowed by another.
    """
    if old.pk == into.pk:
        raise ValueError("A reader cannot be merged into itself.")
    if old.user_id is not None:
        raise ValueError(f"Reader {old.pk} has an account. Only a reader without one can be merged.")
    Reader.objects.select_for_update().filter(pk__in=[old.pk, into.pk]).order_by("pk").first()
    with connection.cursor() as cursor:
        cursor.execute(_DROP_REPEATED, {"old": old.pk, "into": into.pk, "standing": sorted(STANDING)})
    Interaction.objects.filter(reader=old).update(reader=into)
    into.followed_topics.add(*old.followed_topics.all())
    into.followed_authors.add(*old.followed_authors.all())
    into.languages = into.languages or old.languages
    into.country = into.country or old.country
    into.welcomed_at = into.welcomed_at or old.welcomed_at
    into.personalised = into.personalised and old.personalised
    into.save(update_fields=["languages", "country", "welcomed_at", "personalised"])
    ReaderMerge.objects.filter(reader=old).update(reader=into)
    ReaderMerge.objects.create(old_public_id=old.public_id, reader=into, merged_at=now)
    old.delete()


def all_public_ids(public_id: uuid.UUID, reader: Reader | None) -> Iterator[uuid.UUID]:
    """Every id under which somebody was served: `public_id`, and those of readers that became part of `reader`.

    reader: the row of `public_id`, None before the first proof of a person. Looks the others up when asked for them.
    """
    yield public_id
    if reader is not None:
        yield from reader.merged_from.values_list("old_public_id", flat=True)
