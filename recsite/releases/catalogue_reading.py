"""The catalogue of this moment, read from PostgreSQL in columns: what web processes hold beside a release."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
from django.db import connection
from psycopg import sql

from feedback.adbc import dbapi
from feedback.count_tables import COUNTS
from feedback.log_connection import fetch, log_connection, one_moment
from ranking.request import WINDOWS
from recsite.funnel.catalogue import Catalogue, Counts
from recsite.funnel.item_facts import ItemFacts
from recsite.releases.rows_written import rows_written
from recsite.releases.snapshots import POPULAR, TRENDING
from retrieval.candidates import NO_CANDIDATES, Candidates
from retrieval.content import ITEM_CONTENT

_ITEM_TABLES = ("catalog_item", "catalog_itemtopic")
_SOURCES_VERSION = """
    SELECT concat_ws('-',
        coalesce(extract(epoch FROM (SELECT max(as_of) FROM recsite_sourcesnapshot))::text, 'none'),
        coalesce(extract(epoch FROM (SELECT max(as_of) FROM feedback_countsnapshot))::text, 'none'))
"""

_ITEMS = sql.SQL("""
    SELECT item.id AS item_id, {title} AS title, {summary} AS summary,
        coalesce(topics.ids, ARRAY[]::bigint[]) AS topics, item.author_id AS author, item.language, item.published_at
    FROM catalog_item AS item LEFT JOIN (
        SELECT item_id, array_agg(topic_id ORDER BY id) AS ids FROM catalog_itemtopic WHERE {of_topics} GROUP BY item_id
    ) AS topics ON topics.item_id = item.id
    WHERE NOT item.hidden AND {of_items}
    ORDER BY item.id
""")
_ALL = sql.SQL("true")
_NO_TEXT = sql.SQL("NULL::text")

_AS_OF = sql.SQL("""
    SELECT coalesce(
        (SELECT max(as_of) FROM recsite_sourcesnapshot WHERE as_of <= {now}),
        (SELECT max(as_of) FROM feedback_countsnapshot WHERE as_of <= {now})
    )
""")
_SOURCES = sql.SQL("SELECT source, item_ids, scores FROM recsite_sourcesnapshot WHERE as_of = {as_of}")
_COUNTS = sql.SQL(
    'SELECT "window", item_ids, views, clicks, likes, dismissals FROM feedback_countsnapshot WHERE as_of = {as_of}'
)


def read_catalogue(*, now: datetime, facts: ItemFacts | None = None) -> Catalogue:
    """All items that are not hidden, without their texts, with the newest counts and standing orders as of `now`.

    facts: of items, where nothing about them changed since. Only what is committed is seen.
    """
    with log_connection() as session, one_moment(session) as cursor:
        facts = facts or ItemFacts.of(_items(cursor, texts=False))
        as_of = _newest(cursor, now)
        counts = _counts(cursor, as_of)
        standing = _standing(cursor, as_of)
    return Catalogue.of_facts(
        facts,
        counts,
        standing.get(POPULAR, NO_CANDIDATES),
        standing.get(TRENDING, NO_CANDIDATES),
        counts_as_of=as_of,
        version=f"{_digest(facts)}-{'' if as_of is None else as_of.isoformat()}",
    )


def read_facts(known: ItemFacts | None = None) -> ItemFacts:
    """Of all items that are not hidden. known: is returned itself where it is just that, so that what was made of it
    may be kept."""
    items = read_items(texts=False)
    return known if known is not None and known.items.equals(items) else ItemFacts.of(items)


def read_items(item_ids: Sequence[int] | None = None, *, texts: bool = True) -> pa.Table:
    """`ITEM_CONTENT` of these items (None: of all), item_id rising, without those that are hidden.

    texts: whether titles and summaries are read; else they are null. Topics stand in the item's own order.
    """
    with log_connection() as session, one_moment(session) as cursor:
        return _items(cursor, item_ids, texts=texts)


def catalogue_version() -> str:
    """Changes within some ten seconds after anything did that `read_catalogue` would see; costs next to nothing."""
    return f"{items_version()}-{sources_version()}"


def items_version() -> str:
    """The part of `catalogue_version` that is about items."""
    return rows_written(*_ITEM_TABLES)


def sources_version() -> str:
    """The part of `catalogue_version` that is about counts and standing orders."""
    with connection.cursor() as cursor:
        cursor.execute(_SOURCES_VERSION)
        return str(cursor.fetchone()[0])


def _items(cursor: dbapi.Cursor, item_ids: Sequence[int] | None = None, *, texts: bool) -> pa.Table:
    some = None if item_ids is None else list(item_ids)
    query = _ITEMS.format(
        title=sql.SQL("item.title") if texts else _NO_TEXT,
        summary=sql.SQL("item.summary") if texts else _NO_TEXT,
        of_items=_ALL if some is None else sql.SQL("item.id = ANY({})").format(some),
        of_topics=_ALL if some is None else sql.SQL("item_id = ANY({})").format(some),
    )
    return fetch(cursor, query).select(ITEM_CONTENT.names).cast(ITEM_CONTENT).combine_chunks()


def _newest(cursor: dbapi.Cursor, now: datetime) -> datetime | None:
    moment: datetime | None = fetch(cursor, _AS_OF.format(now=now)).column(0)[0].as_py()
    return moment


def _counts(cursor: dbapi.Cursor, as_of: datetime | None) -> Counts:
    if as_of is None:
        return Counts.none()
    by_window = {}
    for window, *arrays in _rows(cursor, _COUNTS.format(as_of=as_of)):
        by_window[window] = dict(zip(COUNTS.names, arrays, strict=True))
    if not by_window:
        return Counts.none()
    item_ids = np.unique(np.concatenate([counted["item_id"] for counted in by_window.values()])).astype(np.int64)
    columns = {name: np.zeros((len(WINDOWS), len(item_ids)), np.float32) for name in ("views", "clicks", "dismissals")}
    for place, window in enumerate(WINDOWS):
        if window in by_window:
            rows = np.searchsorted(item_ids, by_window[window]["item_id"])
            for name, column in columns.items():
                column[place, rows] = by_window[window][name]
    return Counts(item_ids, **columns)


def _standing(cursor: dbapi.Cursor, as_of: datetime | None) -> dict[str, Candidates]:
    """What sources of that moment say, by their names."""
    if as_of is None:
        return {}
    found = _rows(cursor, _SOURCES.format(as_of=as_of))
    return {
        source: Candidates(item_ids.astype(np.int64), scores.astype(np.float32)) for source, item_ids, scores in found
    }


def _rows(cursor: dbapi.Cursor, query: sql.Composed) -> list[tuple]:
    """A name and arrays a row."""
    names, *arrays = fetch(cursor, query).columns
    return [
        (name, *(column[row].values.to_numpy(zero_copy_only=False) for column in arrays))
        for row, name in enumerate(names.to_pylist())
    ]


def _digest(facts: ItemFacts) -> str:
    content = hashlib.blake2b("\n".join(facts.codes).encode(), digest_size=12)
    arrays = (facts.item_ids, facts.topic_offsets, facts.topics, facts.authors, facts.languages, facts.published_s)
    for array in arrays:
        content.update(np.ascontiguousarray(array).tobytes())
    return content.hexdigest()
