"""Locks that end with the process that holds them: PostgreSQL's advisory locks, of a session of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import psycopg
from django.db import connection
from psycopg import pq

_NAMESPACE = 0x72656373
"""Two-number locks are told apart by the first; this one says `recs`."""

PUBLISHING = 10
"""Held while artefacts are written or unfinished ones removed."""
COUNTING = 11
"""Held while the log is counted."""


class Lock:
    def __init__(self, session: psycopg.Connection) -> None:
        self._session = session

    def check(self) -> None:
        """Raises psycopg.Error once the session, and the lock with it, is gone."""
        self._session.execute("SELECT 1")


@contextmanager
def advisory_lock(number: int, *, wait: bool = False) -> Iterator[Lock | None]:
    """None where another process has it, unless told to wait.

    Kept on a session of its own: Django's may be closed, or broken by an interrupted query, while a training runs.
    """
    with closing(psycopg.connect(_address(), autocommit=True)) as session:
        take = "SELECT pg_advisory_lock(%s, %s)" if wait else "SELECT pg_try_advisory_lock(%s, %s)"
        row = session.execute(take, [_NAMESPACE, number]).fetchone()
        if not wait and not (row is not None and row[0]):
            yield None
            return
        try:
            yield Lock(session)
        finally:
            # The server notices only some time later that a session was closed: who asks next would find it busy.
            with suppress(psycopg.Error):
                session.execute("SELECT pg_advisory_unlock(%s, %s)", [_NAMESPACE, number])


def _address() -> str:
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    settings = connection.get_connection_params()
    return psycopg.conninfo.make_conninfo(**{name: value for name, value in settings.items() if name in known})
