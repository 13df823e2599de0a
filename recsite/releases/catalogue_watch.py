"""One process's catalogue, read anew when something about it changed."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from recsite.funnel.catalogue import Catalogue
from recsite.funnel.item_facts import ItemFacts
from recsite.releases.catalogue_reading import items_version, read_catalogue, read_facts, sources_version
from recsite.releases.changes import ITEMS, SOURCES

LOOKED_AT_EVERY = timedelta(minutes=1)
MOST_OF_THE_TIME = 0.05
"""Reading takes no more than this share of a process's time, however large the catalogue is."""

_EVERYTHING = frozenset({ITEMS, SOURCES})


class CatalogueWatch:
    """One thread asks."""

    def __init__(self) -> None:
        self._catalogue: Catalogue | None = None
        self._items = self._sources = ""
        self._read_at: datetime | None = None
        self._took = timedelta()

    def latest(self, *, now: datetime, heard: frozenset[str] | None) -> Catalogue:
        """The same object as long as nothing changed. heard: what was notified; None: look at everything.

        Only what is committed is seen.
        """
        known, heard = self._catalogue, _EVERYTHING if heard is None or self._is_due(now) else heard
        items, sources = items_version(), sources_version()
        facts = None if known is None else known.facts
        if facts is None or ITEMS in heard or items != self._items:
            facts = self._read_facts(facts, now)
        if known is None or facts is not known.facts or SOURCES in heard or sources != self._sources:
            read = read_catalogue(now=now, facts=facts)
            # What says the same is not new: whoever holds the old one keeps what was made of it.
            if known is None or read.version != known.version:
                known = _ready_for_pages(read)
        self._catalogue, self._items, self._sources = known, items, sources
        return known

    def _is_due(self, now: datetime) -> bool:
        if self._read_at is None:
            return True
        return abs(now - self._read_at) >= max(LOOKED_AT_EVERY, self._took / MOST_OF_THE_TIME)

    def _read_facts(self, known: ItemFacts | None, now: datetime) -> ItemFacts:
        started = time.perf_counter()
        facts = read_facts(known)
        self._read_at, self._took = now, timedelta(seconds=time.perf_counter() - started)
        return facts


def _ready_for_pages(catalogue: Catalogue) -> Catalogue:
    """What the first page would have to wait for is made here, in the thread that reads."""
    _ = catalogue.popular_topics
    return catalogue
