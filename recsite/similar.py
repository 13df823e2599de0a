"""Items like the one that somebody looks at."""

from __future__ import annotations

from datetime import datetime

from catalog.models import Item
from feedback.slates import Named
from feedback.surfaces import Surface
from recsite.filters import reasons_to_remove
from recsite.reader_state import ReaderState
from recsite.slates import NO_RELEASE, Policy, Slate, SlateEntry, unscored

SHARED_TOPICS = "shared topics"


def serve_similar(*, item: Item, state: ReaderState, now: datetime, limit: int) -> Slate:
    """Items that share the most topics with `item`, then its author; in its language, newest first among equals.

    state: of `read_refusals`; what the reader has opened may be shown again.
    """
    topic_ids = [topic.pk for topic in item.topics.all()]
    neighbours = (
        Item.objects.published(now)
        .filter(language=item.language, topics__in=topic_ids)
        .exclude(pk=item.pk)
        .newest_first()
        .values_list("pk", "author_id")[: 20 * limit]
    )
    shared: dict[int, tuple[int, bool]] = {}
    for item_id, author_id in neighbours:
        count, _ = shared.get(item_id, (0, False))
        shared[item_id] = (count + 1, author_id is not None and author_id == item.author_id)
    # Sorting is stable, so among equals the newest stays first.
    ordered = sorted(shared, key=lambda item_id: shared[item_id], reverse=True)
    named = {item_id: (Named(SHARED_TOPICS, float(shared[item_id][0]), rank),) for rank, item_id in enumerate(ordered)}
    removed = reasons_to_remove(named, state=state, shown=(), now=now)
    kept = [item_id for item_id in ordered if item_id not in removed]
    return Slate(
        tuple(SlateEntry(item_id, index, SHARED_TOPICS, named[item_id]) for index, item_id in enumerate(kept[:limit])),
        is_end=True,
        surface=Surface.SIMILAR,
        policy=Policy(SHARED_TOPICS, "1", {"item": item.pk}, NO_RELEASE),
        candidates=unscored(kept, SHARED_TOPICS, removed),
    )
