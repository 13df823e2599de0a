"""Statements that every page executes: parsed and planned once a connection, and not with each page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection
from django.db.backends.utils import CursorWrapper

_ON = 5
"""Any number: what is executed here says for itself that it wants to be prepared."""


class _PreparingCursor(psycopg.Cursor[Any]):
    """Sends values apart from the text, where Django's cursor writes them into it."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> _PreparingCursor:
        return super().execute(query, params, **{"prepare": True, **options})


@contextmanager
def prepared_cursor() -> Iterator[CursorWrapper]:
    """For one statement at a time, whose values have a type: `%s::bigint[]`, not `%s`, where Python's does not tell.

    A value without one may become another type with another value (an integer by its size), and that is another
    statement to prepare. So has what is selected: a column that a migration makes wider would else change the plan's
    result under processes that are still running.
    """
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    session = connection.connection
    # Switched on for as long: psycopg would else keep the texts of the last hundred statements of everybody.
    session.prepare_threshold = _ON
    try:
        # As `connection.cursor()` does: its errors become Django's, and its statements are counted.
        with connection._prepare_cursor(_PreparingCursor(session)) as cursor:  # type: ignore[attr-defined]
            yield cursor
    finally:
        session.prepare_threshold = None
