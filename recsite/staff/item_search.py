"""Finding items for staff, also those that are hidden: by id, by the id they came with, by words of the title."""

from __future__ import annotations

from django.contrib.postgres.search import SearchQuery
from django.db import connection

from catalog.models import Item, ItemQuerySet
from catalog.search import clean_query, prefix_query

LARGEST_ID = 2**63 - 1

# The index begins with the source: its few values are skipped through, so that no item but the ones asked for is read.
_BY_EXTERNAL_ID = """
    WITH RECURSIVE sources AS (
        (SELECT source FROM catalog_item ORDER BY source LIMIT 1)
        UNION ALL
        SELECT (SELECT source FROM catalog_item WHERE source > sources.source ORDER BY source LIMIT 1)
        FROM sources WHERE sources.source IS NOT NULL
    )
    SELECT item.id FROM sources JOIN catalog_item AS item
        ON item.source = sources.source AND item.external_id = %(external_id)s
"""


def find_items(text: str, *, limit: int) -> list[Item]:
    """What is named exactly first, then the newest whose titles have words that begin so."""
    text = clean_query(text)
    if not text:
        return []
    named = _named(text)
    words = prefix_query(text)
    if not words:
        return named
    query = SearchQuery(words, config="simple", search_type="raw")
    titled = _rows().filter(title_words=query).exclude(pk__in=[item.pk for item in named])
    return [*named, *titled.order_by("-published_at", "-pk")[: limit - len(named)]]


def _named(text: str) -> list[Item]:
    with connection.cursor() as cursor:
        cursor.execute(_BY_EXTERNAL_ID, {"external_id": text})
        item_ids = [item_id for (item_id,) in cursor.fetchall()]
    if text.isascii() and text.isdigit() and int(text) <= LARGEST_ID:
        item_ids.insert(0, int(text))
    found = _rows().in_bulk(item_ids)
    return [found[item_id] for item_id in dict.fromkeys(item_ids) if item_id in found]


def _rows() -> ItemQuerySet:
    return Item.objects.for_cards()
