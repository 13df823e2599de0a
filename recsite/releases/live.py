"""What a web process serves with: the live release beside the one before it, swapped between requests.

A thread of its own looks, loads and warms; requests read one attribute. Nothing that goes wrong here reaches a reader:
what was served with before is kept.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from prometheus_client import Counter, Gauge

from recsite import clock
from recsite.funnel.catalogue import Catalogue
from recsite.funnel.funnel import Funnel
from recsite.memory import give_back
from recsite.models import Release
from recsite.pins import board
from recsite.releases.catalogue_watch import CatalogueWatch
from recsite.releases.changes import ITEMS, RELEASE, Listener, listen_until
from recsite.releases.kept import Kept, kept, rebuilt, warm, with_catalogue_of, with_vectors
from recsite.releases.loading import load_release, read_vectors, vectors_version
from recsite.releases.registry import live_release, may_go_live_again, previous_release
from recsite.releases.store import StoreError, store
from retrieval.index import ItemVectors

logger = logging.getLogger(__name__)

PREVIOUS_KEPT = timedelta(minutes=30)
"""For so long after a swap visits go on with the release that they began with."""

TRIED_AGAIN_AFTER = timedelta(seconds=30)
"""A release that could not be loaded is not loaded again with every look."""

NOT_LOADED = "live release not loaded"

SWAPS = Counter("recsite_release_swaps_total", "Releases that a process began to serve with.")
TROUBLES = Counter("recsite_release_troubles_total", "Looks for the live release that went wrong.")
TRAINED_UNTIL = Gauge(
    "recsite_release_trained_until_seconds",
    "Newest interaction that the release in use may know, Unix time; the oldest of all processes.",
    multiprocess_mode="livemin",
)
ITEMS_FOUND = Gauge(
    "recsite_release_items",
    "Items that the release in use can find by its towers; the fewest of all processes.",
    multiprocess_mode="livemin",
)


@dataclass(frozen=True, eq=False)
class Serving:
    """fallback: why this is not the live release, where it is not."""

    release_id: int
    funnel: Funnel
    fallback: str | None = None


@dataclass(frozen=True, eq=False)
class _Shelved:
    """All of it, so that one assignment swaps all of it. before: until `before_until`."""

    current: Kept | None = None
    fallback: str | None = None
    before: Kept | None = None
    before_until: datetime | None = None

    def all(self) -> Iterator[Kept]:
        return (held for held in (self.current, self.before) if held is not None)


@dataclass(frozen=True)
class _Failure:
    release_id: int
    at: datetime
    why: str

    def is_recent(self, now: datetime) -> bool:
        return abs(now - self.at) < TRIED_AGAIN_AFTER


class Shelf:
    """One a process: `shelf()`.

    trouble: what went wrong at the last look, "" when nothing did.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.trouble = ""
        self._shelved = _Shelved()
        self._catalogues = CatalogueWatch()
        self._vectors_version = ""
        self._failure: _Failure | None = None
        self._needs_previous = False
        self._one_at_a_time = threading.Lock()
        self._starting = threading.Lock()
        self._watcher: tuple[threading.Thread, Listener] | None = None

    # --- for requests ---

    def current(self) -> Serving | None:
        """The live release, or, with a reason in `fallback`, the one that serves until that can be loaded."""
        shelved = self._shelved
        return _serving(shelved.current, shelved.fallback)

    def previous(self) -> Serving | None:
        """The one before, for half an hour after a swap."""
        return _serving(self._shelved.before)

    def of_release(self, release_id: int) -> Serving | None:
        """This one, if it is the current or the previous one."""
        return next((one for one in (self.current(), self.previous()) if one and one.release_id == release_id), None)

    def need_previous(self) -> None:
        """A release failed while it served. Where the one before it is kept no more, it is loaded again at the next
        look, from this machine's copy: a request does not wait for it."""
        self._needs_previous = True

    def catalogue(self) -> Catalogue | None:
        serving = self.current()
        return None if serving is None else serving.funnel.catalogue

    # --- for whoever keeps it up to date ---

    def ensure_watching(self) -> None:
        """Start the thread that keeps this up to date, once; with RELEASE_POLL_S=0 there is none."""
        if self._watcher is not None or not settings.RELEASE_POLL_S:
            return
        with self._starting:
            if self._watcher is None:
                listener = Listener()
                thread = threading.Thread(target=self._watch, args=(listener,), name="releases", daemon=True)
                self._watcher = thread, listener
                thread.start()

    def refresh(self, *, now: datetime, heard: frozenset[str] | None = None) -> bool:
        """Look what is live, load it beside what is served with, warm it, swap. True when anything changed.

        heard: what was notified; None: look at everything. Never raises: what goes wrong is logged and counted, stands
        in `trouble`, and everything stays as it was.
        """
        with self._one_at_a_time:
            before = self._shelved
            try:
                board().refresh()
                self._look(now, heard)
                self.trouble = "" if self._failure is None else self._failure.why
            except Exception as error:  # of a database, a disk, a file: whatever it is, serving goes on
                self.trouble = _said(error)
                TROUBLES.inc()
                logger.exception("looking for the live release went wrong")
            current = self._shelved.current
            if current is not None:
                TRAINED_UNTIL.set(current.loaded.trained_until.timestamp())
                ITEMS_FOUND.set(len(current.funnel.stage.index))
            is_new = self._shelved is not before
        del before  # what was served with, which may be all that holds it
        if is_new:
            give_back()
        return is_new

    def rebuild(self) -> bool:
        """Build the index of what serves anew, where changes have made it dear to search. True when it was due.

        A million items take a minute. Requests are answered from the old one, which is slower, not wrong; nothing is
        looked for meanwhile. Never raises, as `refresh`.
        """
        with self._one_at_a_time:
            before = self._shelved.current
            if before is None:
                return False
            try:
                current = rebuilt(before)
            except Exception as error:  # of memory, of FAISS: serving goes on with the old one
                self.trouble = _said(error)
                TROUBLES.inc()
                logger.exception("building an index anew went wrong")
                return False
            if current is before:
                return False
            self._shelved = replace(self._shelved, current=current)
        del before
        logger.info("an index was built anew", extra={"release": current.release_id})
        give_back()
        return True

    def stop(self) -> None:
        """End the thread, if there is one."""
        if self._watcher is not None:
            thread, listener = self._watcher
            listener.stop()
            thread.join()
            self._watcher = None

    # --- inside; one thread at a time ---

    def _watch(self, listener: Listener) -> None:
        def look(heard: frozenset[str]) -> None:
            try:
                self.refresh(now=clock.now(), heard=heard)
                self.rebuild()
            finally:
                connection.close()  # back to the pool, whose connections requests need

        listen_until(listener, look, every_s=settings.RELEASE_POLL_S)

    def _look(self, now: datetime, heard: frozenset[str] | None) -> None:
        release = live_release()
        if release is None:
            self._failure = None
            if self._shelved.current is not None:
                self._shelved = _Shelved()
            return
        catalogue = self._catalogues.latest(now=now, heard=heard)
        try:
            self._serve_with(release, catalogue, now, heard)
            if self._needs_previous:
                self._load_previous(catalogue, now)
        finally:  # a release that is broken does not keep news from those that serve
            self._bring_up_to_date(catalogue, now, heard)

    def _bring_up_to_date(self, catalogue: Catalogue, now: datetime, heard: frozenset[str] | None) -> None:
        """What is kept gets the newest catalogue and vectors; the one before goes when its time is over."""
        shelved = self._shelved
        version = vectors_version()
        read = heard is None or ITEMS in heard or version != self._vectors_version
        is_over = shelved.before_until is not None and now >= shelved.before_until
        current = shelved.current and _up_to_date(shelved.current, catalogue, read_vectors=read)
        before = shelved.before and not is_over and _up_to_date(shelved.before, catalogue, read_vectors=read)
        self._vectors_version = version
        if current is not shelved.current or (before or None) is not shelved.before:
            self._shelved = replace(shelved, current=current, before=before or None)

    def _serve_with(self, release: Release, catalogue: Catalogue, now: datetime, heard: frozenset[str] | None) -> None:
        shelved = self._shelved
        if shelved.current is not None and shelved.current.release_id == release.pk:
            self._failure = None
            if shelved.fallback is not None:
                self._shelved = replace(shelved, fallback=None)
            return
        was_asked_to = heard is None or RELEASE in heard
        failure = self._failure
        if failure and failure.release_id == release.pk and failure.is_recent(now) and not was_asked_to:
            return
        try:
            ready = self._ready(release, catalogue, now)
        except Exception as error:
            self._failure = _Failure(release.pk, now, _said(error))
            self._fall_back(catalogue, now)
            raise
        self._failure = None
        self._swap(ready, now)

    def _ready(self, release: Release, catalogue: Catalogue, now: datetime) -> Kept:
        """Loaded and warm, or taken from what is kept."""
        for held in self._shelved.all():
            if held.release_id == release.pk:
                return held
        beside = tuple(self._shelved.all())
        loaded = load_release(release, beside=[held.loaded for held in beside])
        ready = kept(loaded, catalogue, beside=beside)
        warm(ready, now=now)
        return ready

    def _load_previous(self, catalogue: Catalogue, now: datetime) -> None:
        """Beside what serves, for half an hour."""
        self._needs_previous = False
        before = previous_release()
        if before is not None and self._shelved.before is None and self._shelved.current is not None:
            ready = self._ready(before, catalogue, now)
            self._shelved = replace(self._shelved, before=ready, before_until=now + PREVIOUS_KEPT)

    def _swap(self, ready: Kept, now: datetime) -> None:
        """Visits go on with the release they began with, unless it was rolled back from or refused: also where others
        went live and were replaced while this one was loaded."""
        old = self._shelved.current
        if old is not None and may_go_live_again(old.release_id):
            self._shelved = _Shelved(ready, before=old, before_until=now + PREVIOUS_KEPT)
        else:
            self._shelved = _Shelved(ready)
        SWAPS.inc()
        logger.info("serving with another release", extra={"release": ready.release_id})
        try:
            store().clear_cache()
        except StoreError as error:  # files too many are no reason to stop
            logger.warning("old copies of releases stay", extra={"reason": str(error)})

    def _fall_back(self, catalogue: Catalogue, now: datetime) -> None:
        """What serves goes on, and says that it is not the live one; in a process that has nothing yet, the release
        before the live one."""
        if self._shelved.current is not None:
            if self._shelved.fallback is None:
                self._shelved = replace(self._shelved, fallback=NOT_LOADED)
            return
        before = previous_release()
        if before is not None:
            self._shelved = _Shelved(self._ready(before, catalogue, now), fallback=NOT_LOADED)


_shelves: list[Shelf] = []


def shelf() -> Shelf:
    """This process's; a child that was forked has one of its own."""
    if not _shelves or _shelves[-1].pid != os.getpid():
        _shelves[:] = [Shelf()]
    return _shelves[-1]


def serve_from(chosen: Shelf) -> None:
    """This process serves from this one from now on: for whoever measures the site with sources of their own."""
    forget()
    _shelves[:] = [chosen]


def forget() -> None:
    """Begin anew, for tests."""
    if _shelves:
        _shelves.pop().stop()
    board().forget()


def _serving(held: Kept | None, fallback: str | None = None) -> Serving | None:
    return None if held is None else Serving(held.release_id, held.funnel, fallback)


def _up_to_date(held: Kept, catalogue: Catalogue, *, read_vectors: bool) -> Kept:
    held = with_catalogue_of(held, catalogue)
    return with_vectors(held, _vectors_of(held)) if read_vectors else held


def _vectors_of(held: Kept) -> ItemVectors:
    return read_vectors(held.loaded.retriever_sha256, width=held.loaded.base.item_vectors.shape[1])


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
