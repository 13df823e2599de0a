"""Writing a batch of catalogue rows: the only place where an import touches the database.

New items go straight into the table with COPY. Items that exist are copied beside it and compared there, so that a row
which says nothing new is not rewritten. Neither path asks the database once per row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any

from django.db import connection
from django.utils.text import slugify

from catalog.importers.names import AUTHORS, TOPICS, ids_of_names
from catalog.importers.rows import CatalogRow

IMPORT_LOCK = 0x63617461
"""Advisory lock, held for one batch: two imports at once would race to make the same topics and items."""

SLUG_TITLE_CHARS = 100

_TEXT_COLUMNS = ("title", "summary", "body", "language", "author_id", "image", "link", "attributes")
_NEW_ITEM_COLUMNS = (
    "id",
    "source",
    "external_id",
    "slug",
    *_TEXT_COLUMNS,
    "published_at",
    "hidden",
    "created_at",
    "updated_at",
)
_KNOWN_ITEM_COLUMNS = ("id", *_TEXT_COLUMNS, "published_at", "hidden", "keeps")

_MAKE_TEMPORARY_TABLES = """
    DROP TABLE IF EXISTS import_seen, import_item, import_item_topic;
    CREATE TEMPORARY TABLE import_seen (external_id text PRIMARY KEY, line bigint NOT NULL);
    CREATE TEMPORARY TABLE import_item (
        id bigint, title text, summary text, body text, language text, author_id bigint, image text, link text,
        attributes jsonb, published_at timestamptz, hidden boolean, keeps text[]
    );
    CREATE TEMPORARY TABLE import_item_topic (item_id bigint, topic_id bigint, place integer);
"""
_DROP_TEMPORARY_TABLES = "DROP TABLE IF EXISTS import_seen, import_item, import_item_topic"

_FILL_IN_WHAT_IS_KEPT = """
    UPDATE import_item AS new
    SET summary = CASE WHEN 'summary' = ANY(keeps) THEN old.summary ELSE new.summary END,
        body = CASE WHEN 'body' = ANY(keeps) THEN old.body ELSE new.body END,
        language = CASE WHEN 'language' = ANY(keeps) THEN old.language ELSE new.language END,
        author_id = CASE WHEN 'author' = ANY(keeps) THEN old.author_id ELSE new.author_id END,
        image = CASE WHEN 'image' = ANY(keeps) THEN old.image ELSE new.image END,
        link = CASE WHEN 'link' = ANY(keeps) THEN old.link ELSE new.link END,
        attributes = CASE WHEN 'attributes' = ANY(keeps) THEN old.attributes ELSE new.attributes END
    FROM catalog_item AS old WHERE old.id = new.id AND new.keeps IS NOT NULL
"""
_FILL_IN_TOPICS_THAT_ARE_KEPT = """
    INSERT INTO import_item_topic (item_id, topic_id, place)
    SELECT old.item_id, old.topic_id, 0 FROM catalog_itemtopic AS old
    JOIN import_item AS new ON new.id = old.item_id WHERE 'topics' = ANY(new.keeps)
"""
_TAKE_TOPICS_AWAY = """
    DELETE FROM catalog_itemtopic AS old USING import_item
    WHERE old.item_id = import_item.id AND NOT EXISTS (
        SELECT FROM import_item_topic AS new WHERE new.item_id = old.item_id AND new.topic_id = old.topic_id
    )
    RETURNING old.item_id
"""
_ADD_TOPICS = """
    INSERT INTO catalog_itemtopic (item_id, topic_id)
    SELECT item_id, topic_id FROM import_item_topic AS new
    WHERE NOT EXISTS (
        SELECT FROM catalog_itemtopic AS old WHERE old.item_id = new.item_id AND old.topic_id = new.topic_id
    )
    ORDER BY item_id, place
    RETURNING item_id
"""
# What a row leaves open, the site keeps: a file that does not speak of `hidden` must not show what staff have hidden.
_UPDATE_ITEMS = """
    UPDATE catalog_item AS old
    SET title = new.title, summary = new.summary, body = new.body, language = new.language, author_id = new.author_id,
        image = new.image, link = new.link, attributes = new.attributes,
        published_at = coalesce(new.published_at, old.published_at),
        hidden = coalesce(new.hidden, old.hidden),
        updated_at = %s
    FROM import_item AS new
    WHERE old.id = new.id AND (
        old.id = ANY(%s)
        OR (old.title, old.summary, old.body, old.language, old.author_id, old.image, old.link, old.attributes,
            old.published_at, old.hidden)
        IS DISTINCT FROM
           (new.title, new.summary, new.body, new.language, new.author_id, new.image, new.link, new.attributes,
            coalesce(new.published_at, old.published_at), coalesce(new.hidden, old.hidden))
    )
    RETURNING old.external_id
"""


@dataclass(frozen=True, slots=True)
class NumberedRow:
    line: int
    row: CatalogRow


@dataclass(frozen=True)
class WrittenBatch:
    """What became of a batch.

    repeated: line of a row whose external_id came before -> the line that had it first.
    created_ids, updated_ids: external ids.
    """

    unchanged: int
    repeated: dict[int, int]
    created_ids: frozenset[str]
    updated_ids: frozenset[str]

    @property
    def created(self) -> int:
        return len(self.created_ids)

    @property
    def updated(self) -> int:
        return len(self.updated_ids)


class CatalogWriter:
    """Writes batches of one source for as long as it is open. It remembers, in the database, which ids it has seen."""

    def __init__(self, *, source: str, now: datetime) -> None:
        self.source = source
        self.now = now

    def __enter__(self) -> CatalogWriter:
        with connection.cursor() as cursor:
            cursor.execute(_MAKE_TEMPORARY_TABLES)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if connection.connection is None or connection.connection.closed or connection.needs_rollback:
            return  # the tables went with the connection, or will
        with connection.cursor() as cursor:
            cursor.execute(_DROP_TEMPORARY_TABLES)

    def write(self, batch: Sequence[NumberedRow]) -> WrittenBatch:
        """Upsert a batch by (source, external_id). Of rows with one external_id, the first of the whole import counts.

        Must run inside a transaction. Raises django.db.DatabaseError if the database refuses a row; then nothing of
        the batch may be kept.
        """
        with connection.cursor() as cursor, connection.wrap_database_errors:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [IMPORT_LOCK])
            repeated = _remember(cursor, batch)
            rows = [numbered.row for numbered in batch if numbered.line not in repeated]
            created, updated = _write_rows(cursor, rows, self.source, self.now)
        return WrittenBatch(len(rows) - len(created) - len(updated), repeated, created, updated)


def _remember(cursor: Any, batch: Sequence[NumberedRow]) -> dict[int, int]:
    """Note the external ids of a batch. Returns WrittenBatch.repeated."""
    first_lines: dict[str, int] = {}
    for numbered in batch:
        first_lines.setdefault(numbered.row.external_id, numbered.line)
    ids, lines = list(first_lines), list(first_lines.values())
    cursor.execute(
        "INSERT INTO import_seen (external_id, line) SELECT * FROM unnest(%s::text[], %s::bigint[])"
        " ON CONFLICT (external_id) DO NOTHING",
        [ids, lines],
    )
    if cursor.rowcount < len(batch):
        cursor.execute("SELECT external_id, line FROM import_seen WHERE external_id = ANY(%s)", [ids])
        first_lines = dict(cursor.fetchall())
    return {
        numbered.line: first for numbered in batch if (first := first_lines[numbered.row.external_id]) != numbered.line
    }


def _write_rows(
    cursor: Any, rows: list[CatalogRow], source: str, now: datetime
) -> tuple[frozenset[str], frozenset[str]]:
    """Returns the external ids of those created and of those updated."""
    author_ids = ids_of_names(cursor, AUTHORS, (row.author for row in rows if row.author))
    topic_ids = ids_of_names(cursor, TOPICS, (topic for row in rows for topic in row.topics))
    known_ids = _known_ids(cursor, source, rows)
    known = [(known_ids[row.external_id], row) for row in rows if row.external_id in known_ids]
    new = [row for row in rows if row.external_id not in known_ids]
    new_with_ids = list(zip(_new_ids(cursor, len(new)), new, strict=True))
    if new_with_ids:
        _copy_new_items(cursor, new_with_ids, author_ids, source, now)
        _copy_topics(cursor, "catalog_itemtopic (item_id, topic_id)", _topic_pairs(new_with_ids, topic_ids))
    updated = _update(cursor, known, author_ids, topic_ids, now) if known else frozenset()
    return frozenset(row.external_id for row in new), updated


def _known_ids(cursor: Any, source: str, rows: list[CatalogRow]) -> dict[str, int]:
    cursor.execute(
        "SELECT external_id, id FROM catalog_item WHERE source = %s AND external_id = ANY(%s)",
        [source, [row.external_id for row in rows]],
    )
    return dict(cursor.fetchall())


def _new_ids(cursor: Any, count: int) -> list[int]:
    """So many fresh ids, taken before the rows are written because slugs and topic pairs need them."""
    # The subquery is there so that the sequence is looked up once, not once per id.
    cursor.execute(
        "SELECT nextval(ids) FROM generate_series(1, %s),"
        " (SELECT pg_get_serial_sequence('catalog_item', 'id')::regclass AS ids OFFSET 0) AS sequence",
        [count],
    )
    return [row[0] for row in cursor.fetchall()]


def _copy_new_items(
    cursor: Any, items: list[tuple[int, CatalogRow]], author_ids: dict[str, int], source: str, now: datetime
) -> None:
    with cursor.copy(f"COPY catalog_item ({', '.join(_NEW_ITEM_COLUMNS)}) FROM STDIN") as copy:
        for item_id, row in items:
            copy.write_row(
                (
                    item_id,
                    source,
                    row.external_id,
                    item_slug(row.title, item_id),
                    *_text_values(row, author_ids),
                    row.published_at or now,
                    bool(row.hidden),
                    now,
                    now,
                )
            )


def _update(
    cursor: Any,
    items: list[tuple[int, CatalogRow]],
    author_ids: dict[str, int],
    topic_ids: dict[str, int],
    now: datetime,
) -> frozenset[str]:
    """Bring items that exist up to date. Returns the external ids of those that had to change."""
    cursor.execute("TRUNCATE import_item, import_item_topic")
    with cursor.copy(f"COPY import_item ({', '.join(_KNOWN_ITEM_COLUMNS)}) FROM STDIN") as copy:
        for item_id, row in items:
            keeps = sorted(row.keeps) or None
            copy.write_row((item_id, *_text_values(row, author_ids), row.published_at, row.hidden, keeps))
    pairs = [(*pair, place) for place, pair in enumerate(_topic_pairs(items, topic_ids))]
    _copy_topics(cursor, "import_item_topic (item_id, topic_id, place)", pairs)
    if any(row.keeps for _, row in items):
        cursor.execute(_FILL_IN_WHAT_IS_KEPT)
        cursor.execute(_FILL_IN_TOPICS_THAT_ARE_KEPT)
    changed_topics: set[int] = set()
    for statement in (_TAKE_TOPICS_AWAY, _ADD_TOPICS):
        cursor.execute(statement)
        changed_topics.update(row[0] for row in cursor.fetchall())
    cursor.execute(_UPDATE_ITEMS, [now, list(changed_topics)])
    return frozenset(external_id for (external_id,) in cursor.fetchall())


def _text_values(row: CatalogRow, author_ids: dict[str, int]) -> tuple[object, ...]:
    """The values of _TEXT_COLUMNS."""
    author_id = author_ids[row.author.casefold()] if row.author else None
    return row.title, row.summary, row.body, row.language, author_id, row.image, row.link, row.attributes_json


def _topic_pairs(items: list[tuple[int, CatalogRow]], topic_ids: dict[str, int]) -> list[tuple[int, int]]:
    """(item id, topic id), in the file's order, each once: two of an item's names may mean one topic."""
    pairs = ((item_id, topic_ids[topic.casefold()]) for item_id, row in items for topic in row.topics)
    return list(dict.fromkeys(pairs))


def _copy_topics(cursor: Any, target: str, pairs: Sequence[tuple[int, ...]]) -> None:
    if not pairs:
        return
    with cursor.copy(f"COPY {target} FROM STDIN") as copy:
        for pair in pairs:
            copy.write_row(pair)


def item_slug(title: str, item_id: int) -> str:
    """Made once, when the item is new, and kept for ever, so that no address of an item ever breaks."""
    return f"{slugify(title, allow_unicode=True)[:SLUG_TITLE_CHARS].strip('-_') or 'item'}-{item_id}"
