"""Telling every process that something changed, through PostgreSQL's LISTEN and NOTIFY.

A notification is a hint: it may be lost with a connection, so whoever listens looks for itself now and then too.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any

import psycopg
from django.db import connection

logger = logging.getLogger(__name__)

CHANNEL = "recsite_changes"

RELEASE = "release"
ITEMS = "items"
SOURCES = "sources"
PINS = "pins"

_LOOKS_UP_S = 0.5
"""So often a listener that waits looks whether it should stop."""


def notify(what: str) -> None:
    """Tell all listeners that `what` changed. Inside a transaction they hear of it when, and only if, it commits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, what])


class Listener:
    """One thread's ear: a connection of its own, because a pooled one would be handed to somebody else.

    It is opened by the first `wait` (or by `open`) and again after every failure.
    """

    def __init__(self) -> None:
        self._session: psycopg.Connection[Any] | None = None
        self._stop = threading.Event()

    def open(self) -> bool:
        """Begin to listen. False when the database does not answer; `wait` will try again."""
        try:
            self._session = self._session or _listening()
        except psycopg.Error as error:
            logger.warning("cannot listen for changes", extra={"reason": str(error)})
            return False
        return True

    def wait(self, timeout_s: float) -> frozenset[str]:
        """What was told since the last call, at once if there is something; nothing after `timeout_s`, or when told to
        `stop`. While the database is away this waits all the same: the caller's own looking is what is left."""
        if not self.open():
            self._stop.wait(timeout_s)
            return frozenset()
        left_s = timeout_s
        while left_s > 0 and not self._stop.is_set():
            part_s = min(left_s, _LOOKS_UP_S)
            try:
                heard = self._hear(part_s)
            except psycopg.Error as error:
                logger.warning("the connection that listens for changes broke", extra={"reason": str(error)})
                self._hang_up()
                self._stop.wait(min(left_s, _LOOKS_UP_S))
                return frozenset()
            if heard:
                return heard
            left_s -= part_s
        return frozenset()

    def stop(self) -> None:
        """From any thread: let `wait` return soon, now and ever after."""
        self._stop.set()

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    def close(self) -> None:
        """From the thread that waits."""
        self.stop()
        self._hang_up()

    def _hear(self, timeout_s: float) -> frozenset[str]:
        session = self._session
        if session is None:
            return frozenset()
        heard = [notice.payload for notice in session.notifies(timeout=timeout_s, stop_after=1)]
        if heard:  # what came with the first is taken along, so that a burst is one change
            heard += [notice.payload for notice in session.notifies(timeout=0)]
        return frozenset(heard)

    def _hang_up(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with contextlib.suppress(psycopg.Error):
                session.close()


def listen_until(listener: Listener, react: Callable[[frozenset[str]], None], *, every_s: float) -> None:
    """Call `react` with what was told, or with nothing after `every_s`, until the listener is stopped."""
    try:
        listener.open()  # before the first look, so that nothing falls between the two
        react(frozenset())
        while not listener.stopped:
            heard = listener.wait(every_s)
            if not listener.stopped:
                react(heard)
    finally:
        listener.close()


def _listening() -> psycopg.Connection[Any]:
    session: psycopg.Connection[Any] = psycopg.connect(**connection.get_connection_params(), autocommit=True)
    session.execute(f"LISTEN {CHANNEL}")
    return session
