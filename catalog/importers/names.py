"""Topics and authors by name: found if the site has them, made if not.

A name means an existing row when it is that row's name; or that row's slug; or, whatever the case, the name of a row
that still has a slug made from it. Otherwise a row is made. Its slug comes from the name; when another name has taken
that slug ("C" and "C++" both make `c`), the new one gets `-2`, `-3` and so on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, LiteralString

from django.utils.text import slugify
from psycopg import sql

SLUG_MAX_CHARS = 80
"""Room is left for the number of a name whose slug was taken."""


@dataclass(frozen=True)
class NameTable:
    """A table with the columns id, name and slug.

    fallback: the slug of names without a letter or digit.
    blank_columns: further text columns, which a new row leaves empty.
    """

    table: str
    fallback: str
    blank_columns: tuple[str, ...] = ()


TOPICS = NameTable("catalog_topic", "topic", ("description",))
AUTHORS = NameTable("catalog_author", "author")


@dataclass
class _Known:
    """What has been found so far."""

    id_of_name: dict[str, int] = field(default_factory=dict)
    id_of_slug: dict[str, int] = field(default_factory=dict)
    slugs: set[str] = field(default_factory=set)

    def add(self, rows: Iterable[tuple[int, str, str]]) -> None:
        for row_id, name, slug in sorted(rows):
            self.id_of_name.setdefault(name.casefold(), row_id)
            self.id_of_slug.setdefault(slug, row_id)
            self.slugs.add(slug)

    def id_of(self, key: str) -> int | None:
        return self.id_of_name.get(key, self.id_of_slug.get(key))


def ids_of_names(cursor: Any, where: NameTable, names: Iterable[str]) -> dict[str, int]:
    """The id of each name, by its casefold(); missing ones are made, in the order given.

    Must run inside a transaction that no other import runs beside, or two could make the same name.
    """
    wanted: dict[str, str] = {}
    for name in names:
        wanted.setdefault(name.casefold(), name)
    if not wanted:
        return {}
    known = _Known()
    known.add(_rows_with(cursor, where, "name = ANY(%s)", list(wanted.values())))
    slugs = {key: _slug(name, where) for key, name in wanted.items() if known.id_of(key) is None}
    if slugs:
        known.add(_rows_with(cursor, where, "slug = ANY(%s)", [*slugs, *slugs.values()]))
        taken = {slug for key, slug in slugs.items() if known.id_of(key) is None} & known.slugs
        known.add(_rows_with(cursor, where, "slug LIKE ANY(%s)", [_with_a_number(slug) for slug in taken]))
        _make(cursor, where, {key: name for key, name in wanted.items() if known.id_of(key) is None}, slugs, known)
    return {key: row_id for key in wanted if (row_id := known.id_of(key)) is not None}


def _slug(name: str, where: NameTable) -> str:
    return slugify(name, allow_unicode=True)[:SLUG_MAX_CHARS].strip("-_") or where.fallback


def _rows_with(cursor: Any, where: NameTable, condition: LiteralString, texts: list[str]) -> list[tuple[int, str, str]]:
    if not texts:
        return []
    query = sql.SQL("SELECT id, name, slug FROM {} WHERE ").format(sql.Identifier(where.table)) + sql.SQL(condition)
    cursor.execute(query, [texts])
    return list(cursor.fetchall())


def _with_a_number(slug: str) -> str:
    """A LIKE pattern for the slug with something behind it."""
    return re.sub(r"([\\%_])", r"\\\1", slug) + "-%"


def _make(cursor: Any, where: NameTable, names: dict[str, str], slugs: dict[str, str], known: _Known) -> None:
    if not names:
        return
    next_number: dict[str, int] = {}
    chosen = [_free_slug(slugs[key], known.slugs, next_number) for key in names]
    query = sql.SQL(
        "INSERT INTO {table} ({columns}) SELECT {values} FROM unnest(%s::text[], %s::text[])"
        " WITH ORDINALITY AS new (name, slug, place) ORDER BY place RETURNING id, name"
    ).format(
        table=sql.Identifier(where.table),
        columns=sql.SQL(", ").join(map(sql.Identifier, ("name", "slug", *where.blank_columns))),
        values=sql.SQL(", ").join([sql.SQL("name"), sql.SQL("slug"), *(sql.Literal("") for _ in where.blank_columns)]),
    )
    cursor.execute(query, [list(names.values()), chosen])
    known.id_of_name.update((name.casefold(), row_id) for row_id, name in cursor.fetchall())


def _free_slug(slug: str, taken: set[str], next_number: dict[str, int]) -> str:
    """`slug`, or `slug-2` and so on; the result is taken from then on."""
    free, number = slug, next_number.get(slug, 2)
    while free in taken:
        free, number = f"{slug}-{number}", number + 1
    next_number[slug] = number
    taken.add(free)
    return free
