"""Reading the log as Arrow tables: rows go from PostgreSQL into columns, and are never Python objects.

So training, exports and measurements read the log, and a web process the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pyarrow as pa
from django.db import connection
from psycopg import pq, sql
from psycopg.conninfo import make_conninfo

from feedback.adbc import dbapi

_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


@contextmanager
def log_connection() -> Iterator[dbapi.Connection]:
    """A session of its own on Django's database: it sees what is committed."""
    with closing(dbapi.connect(_address())) as session:
        yield session


@contextmanager
def one_moment(session: dbapi.Connection) -> Iterator[dbapi.Cursor]:
    """Everything read inside is of one moment. Keep it short: meanwhile the database can clear nothing away."""
    with closing(session.cursor()) as cursor:
        cursor.execute(_SNAPSHOT)
        try:
            yield cursor
        finally:
            session.rollback()


def fetch(cursor: dbapi.Cursor, query: sql.Composed) -> pa.Table:
    """All rows, through a binary COPY. Values stand in the text: COPY takes no parameters, psycopg quotes them."""
    cursor.execute(query.as_string())
    return pa.RecordBatchReader.from_stream(cursor.fetch_arrow()).read_all()


def _address() -> str:
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    settings = connection.get_connection_params()
    return make_conninfo(**{name: value for name, value in settings.items() if name in known})
