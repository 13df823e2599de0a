"""Monthly partitions of what was shown and seen: made ahead, drained into, dropped when too old.

Bounds are UUIDs of version 7: a partition holds the slates that were served in one month (UTC), and what belongs to
them. What no month has a place for goes into the default partition, until `ensure_partitions` makes that place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connection, transaction
from psycopg import sql

from feedback.uuid7 import first_uuid7, time_of_uuid7

TABLES = {"feedback_slate": "id", "feedback_slatedetail": "slate_id", "feedback_view": "slate_id"}
"""Partitioned tables, and the column that holds the slate's id."""

_PARTITION_NAME = re.compile(r"_(\d{4})_(\d{2})$")


@dataclass(frozen=True, order=True)
class Month:
    year: int
    month: int

    @classmethod
    def of(cls, moment: datetime) -> Month:
        moment = moment.astimezone(UTC)
        return cls(moment.year, moment.month)

    @property
    def start(self) -> datetime:
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    def following(self, count: int = 1) -> Month:
        months = self.year * 12 + self.month - 1 + count
        return Month(months // 12, months % 12 + 1)

    def partition_of(self, table: str) -> str:
        return f"{table}_{self.year:04}_{self.month:02}"


def ensure_partitions(*, now: datetime, months_ahead: int = 2) -> list[str]:
    """Make the partitions of this month, of the next ones, and of every month that lies in a default partition.

    Returns the names of those made. Safe to repeat, and to run twice at once.
    """
    made = []
    for table, key in TABLES.items():
        months = {Month.of(now).following(count) for count in range(months_ahead + 1)} | _months_in_default(table, key)
        missing = months - set(partitions(table))
        made += [month.partition_of(table) for month in sorted(missing) if _make_partition(table, key, month)]
    return made


def drop_expired(*, table: str, before: datetime) -> list[str]:
    """Drop the partitions that hold nothing served at `before` or later. Returns their names."""
    dropped = []
    for month, name in sorted(partitions(table).items()):
        if month.following().start <= before:
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
            dropped.append(name)
    return dropped


def partitions(table: str) -> dict[Month, str]:
    """The monthly partitions of `table` that exist."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT child.relname FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid"
            " WHERE inhparent = %s::regclass",
            [table],
        )
        names = [name for (name,) in cursor.fetchall()]
    found = {name: _PARTITION_NAME.search(name) for name in names}
    return {Month(int(match[1]), int(match[2])): name for name, match in found.items() if match}


def _months_in_default(table: str, key: str) -> set[Month]:
    """Which months the default partition holds rows of. Skips along the key: one probe a month."""
    query = sql.SQL("SELECT {key} FROM {default} WHERE {key} >= %s ORDER BY {key} LIMIT 1").format(
        key=sql.Identifier(key), default=sql.Identifier(f"{table}_default")
    )
    months: set[Month] = set()
    bound = first_uuid7(datetime(1970, 1, 1, tzinfo=UTC))
    with connection.cursor() as cursor:
        while True:
            cursor.execute(query, [bound])
            row = cursor.fetchone()
            if row is None or row[0].version != 7:
                return months
            month = Month.of(time_of_uuid7(row[0]))
            months.add(month)
            bound = first_uuid7(month.following().start)


def _make_partition(table: str, key: str, month: Month) -> bool:
    """Make it, moving over what lies in the default partition. False when somebody else has just done so."""
    names = {
        "table": sql.Identifier(table),
        "default": sql.Identifier(f"{table}_default"),
        "new": sql.Identifier(month.partition_of(table)),
        "key": sql.Identifier(key),
        "low": sql.Literal(str(first_uuid7(month.start))),
        "high": sql.Literal(str(first_uuid7(month.following().start))),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        # Writers wait here for as long as moving takes; made ahead, there is nothing to move.
        cursor.execute(sql.SQL("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE").format(**names))
        if month in partitions(table):
            return False
        for statement in _MAKE:
            cursor.execute(sql.SQL(statement).format(**names))
    return True


_MAKE = (
    "CREATE TABLE {new} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)",
    """
    WITH moved AS (DELETE FROM {default} WHERE {key} >= {low} AND {key} < {high} RETURNING *)
    INSERT INTO {new} SELECT * FROM moved
    """,
    "ALTER TABLE {table} ATTACH PARTITION {new} FOR VALUES FROM ({low}) TO ({high})",
)
