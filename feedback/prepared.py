"""Statements that every page executes: parsed and planned once a connection, and not with each page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection
from django.db.backends.utils import CursorWrapper


class _PreparingCursor(psycopg.Cursor[Any]):
    """Sends values apart from the text, where Django's cursor writes them into it."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> _PreparingCursor:
        return super().execute(query, params, **{"prepare": True, **options})


@contextmanager
def prepared_cursor() -> Iterator[CursorWrapper]:
    """For one statement at a time, whose values have a type: `%s::bigint[]`, not `%s`, where Python's does not tell.

    A value without one may become another type with another value (an integer by its size), and that is another
    statement to prepare.
    """
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    # As `connection.cursor()` does: its errors become Django's, and its statements are counted.
    with connection._prepare_cursor(_PreparingCursor(connection.connection)) as cursor:  # type: ignore[attr-defined]
        yield cursor
