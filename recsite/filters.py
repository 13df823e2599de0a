"""What may not be shown to a reader, and why. Each removal keeps its reason: the log and staff pages ask for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

import numpy as np

from feedback.array_text import array_text
from feedback.prepared import prepared_cursor
from recsite.funnel.catalogue import Catalogue
from recsite.reader_state import ReaderState

LANGUAGE, HIDDEN_TOPIC, HIDDEN_AUTHOR = "language", "hidden_topic", "hidden_author"

# Candidates are found by their primary keys, and only those with a reason come back.
_UNWANTED = """
    SELECT id, reason FROM (
        SELECT candidate.id, CASE
            WHEN item.id IS NULL OR item.hidden OR item.published_at > %(now)s::timestamptz THEN 'not_public'
            WHEN %(languages)s::text[] <> '{}' AND item.language <> ALL (%(languages)s::text[]) THEN 'language'
            WHEN %(topics)s::bigint[] <> '{}' AND EXISTS (
                SELECT FROM catalog_itemtopic AS of_topic
                WHERE of_topic.item_id = item.id AND of_topic.topic_id = ANY (%(topics)s::bigint[])
            ) THEN 'hidden_topic'
            WHEN item.author_id = ANY (%(authors)s::bigint[]) THEN 'hidden_author'
        END AS reason
        FROM unnest(%(candidates)s::bigint[]) AS candidate (id)
        LEFT JOIN catalog_item AS item ON item.id = candidate.id
    ) AS judged
    WHERE reason IS NOT NULL
"""


def reasons_to_remove(
    candidates: Collection[int], *, state: ReaderState, shown: Iterable[int], now: datetime
) -> dict[int, str]:
    """Why a candidate (item id) is not shown, for those that are not; the first reason that holds."""
    present = set(candidates)
    reasons: dict[int, str] = {}
    for reason, item_ids in kept_out(state, shown):
        for item_id in present.intersection(item_ids):
            reasons.setdefault(item_id, reason)
    return unwanted([item_id for item_id in candidates if item_id not in reasons], state=state, now=now) | reasons


def kept_out(state: ReaderState, shown: Iterable[int]) -> tuple[tuple[str, Iterable[int]], ...]:
    """Item ids that are not shown whoever names them, by reason."""
    return (
        ("shown", shown),
        ("dismissed", state.dismissed),
        ("already_seen", state.already_seen),
        ("consumed", state.consumed),
    )


def unwanted(candidates: Collection[int], *, state: ReaderState, now: datetime) -> dict[int, str]:
    """Of these items those that are no longer public, or that this reader does not want for what they are; one
    query."""
    if not candidates:
        return {}
    with prepared_cursor() as cursor:
        cursor.execute(
            _UNWANTED,
            {
                "now": now,
                "languages": sorted(state.languages),
                "topics": array_text(state.hidden_topic_ids),
                "authors": array_text(state.hidden_author_ids),
                "candidates": array_text(candidates),
            },
        )
        return dict(cursor.fetchall())


def unwanted_by_catalogue(catalogue: Catalogue, item_ids: np.ndarray, *, state: ReaderState) -> dict[int, str]:
    """`unwanted`, as this process knows the catalogue, which may be a minute ago: a hundredth of the work for many
    candidates. What is shown in the end has to be asked of the database.

    item_ids: (n,) int64 of what is out.
    """
    reasons: dict[int, str] = {}
    for reason, is_left in (
        (HIDDEN_AUTHOR, ~catalogue.is_by(item_ids, state.hidden_author_ids)),
        (HIDDEN_TOPIC, ~catalogue.is_about(item_ids, state.hidden_topic_ids)),
        (LANGUAGE, catalogue.is_read(item_ids, state.languages)),
    ):
        reasons.update(dict.fromkeys(item_ids[~is_left].tolist(), reason))
    return reasons
