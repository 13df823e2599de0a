"""Releases that staff ask questions of beside the one that serves: a few, kept loaded for the next page."""

from __future__ import annotations

import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import InterfaceError, OperationalError

from ranking.artefact import RankerArtefact
from recsite import clock
from recsite.funnel.catalogue import Catalogue
from recsite.models import Release
from recsite.personal_page import NoCandidates
from recsite.releases.catalogue_watch import CatalogueWatch
from recsite.releases.kept import Kept, kept, with_catalogue_of, with_vectors
from recsite.releases.live import Serving, shelf
from recsite.releases.loading import ReleaseBroken, load_ranker_of, load_release, read_vectors, vectors_version
from recsite.releases.store import StoreError, store

logger = logging.getLogger(__name__)

Thing = TypeVar("Thing")

MOST = 2
"""So many are kept beside those that serve: enough to compare two. Each costs its item vectors once more."""

MOST_RANKERS = 8
"""Trees alone are small."""

_DOES_NOT_LOAD = (ReleaseBroken, StoreError, ValueError)
"""ValueError: its parts can be read, but do not go together."""


class ReleaseUnavailable(Exception):
    """This release cannot be asked. Its text is a sentence for whoever looks at the page."""


class _Loaded:
    """Of one process; a child that was forked has one of its own."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._one_at_a_time = threading.Lock()
        self._kept: OrderedDict[int, Kept] = OrderedDict()
        self._rankers: OrderedDict[int, RankerArtefact] = OrderedDict()
        self._catalogues = CatalogueWatch()
        self._vectors_version = ""

    def serving(self, release_id: int) -> Serving:
        with self._one_at_a_time:
            catalogue = self._catalogue()
            self._read_new_vectors()
            held = self._kept.get(release_id)
            ready = _load(release_id, catalogue, self._kept) if held is None else with_catalogue_of(held, catalogue)
            _keep(self._kept, release_id, ready, MOST)
            return Serving(release_id, ready.funnel)

    def ranker(self, release_id: int) -> RankerArtefact:
        with self._one_at_a_time:
            held = self._kept.get(release_id)
            ranker = self._rankers.get(release_id) if held is None else held.loaded.ranker
            if ranker is None:
                ranker = _load_ranker(release_id)
            _keep(self._rankers, release_id, ranker, MOST_RANKERS)
            return ranker

    def catalogue(self) -> Catalogue:
        with self._one_at_a_time:
            return self._catalogue()

    def _catalogue(self) -> Catalogue:
        """What this process serves with, so that it is not read twice."""
        current = shelf().current()
        if current is not None:
            return current.funnel.catalogue
        return self._catalogues.latest(now=clock.now(), heard=frozenset())

    def _read_new_vectors(self) -> None:
        """Of items that were published since the releases were loaded."""
        version = vectors_version()
        if version == self._vectors_version:
            return
        for release_id, held in self._kept.items():
            width = held.loaded.base.item_vectors.shape[1]
            try:
                vectors = read_vectors(held.loaded.retriever_sha256, width=width)
            except ReleaseBroken as error:
                raise ReleaseUnavailable(f"Release {release_id} cannot be brought up to date. {error}") from error
            self._kept[release_id] = with_vectors(held, vectors)
        self._vectors_version = version


_process: list[_Loaded] = []


def serving_of(release_id: int) -> Serving:
    """This release with the catalogue of today: the one that serves where it is, else loaded, which takes seconds.

    Raises ReleaseUnavailable where there is none of the number, or its files are gone or not of this code.
    """
    return shelf().of_release(release_id) or _loaded().serving(release_id)


def ranker_of(release_id: int) -> RankerArtefact:
    """Its ranker alone, which is loaded at once. Raises ReleaseUnavailable, as `serving_of`."""
    serving = shelf().of_release(release_id)
    return _loaded().ranker(release_id) if serving is None else serving.funnel.ranker


def make_sure_it_serves(release: Release) -> None:
    """Load it anew and build its funnel, as a web process does that is to serve it. Takes seconds, keeps nothing.

    Raises ReleaseBroken where its files do not load, ReleaseUnavailable where they do not go together.
    """
    loaded = load_release(release)
    try:
        kept(loaded, _loaded().catalogue())
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # a release that fails here would fail every reader
        logger.exception("a release cannot serve", extra={"release": release.pk})
        raise ReleaseUnavailable(f"Release {release.pk} cannot serve: {error}") from error


@contextmanager
def asking(release_id: int) -> Iterator[None]:
    """Within it, whatever goes wrong in this release becomes ReleaseUnavailable, and the log has the traceback.

    Let through are a database that does not answer, which is not the release's fault, and NoCandidates, an answer.
    """
    try:
        yield
    except (OperationalError, InterfaceError, NoCandidates):
        raise
    except Exception as error:  # whatever is wrong with a release, these pages are where staff look for it
        logger.exception("a release fails while staff ask it", extra={"release": release_id})
        raise ReleaseUnavailable(f"Release {release_id} fails when it is asked: {error!r}") from error


def forget() -> None:
    """Begin anew, for tests."""
    _process.clear()


def _loaded() -> _Loaded:
    if not _process or _process[-1].pid != os.getpid():
        _process[:] = [_Loaded()]
    return _process[-1]


def _load(release_id: int, catalogue: Catalogue, beside: OrderedDict[int, Kept]) -> Kept:
    release = _row(release_id)
    try:
        loaded = load_release(release, beside=[other.loaded for other in beside.values()])
        return kept(loaded, catalogue, beside=beside.values())
    except _DOES_NOT_LOAD as error:
        raise ReleaseUnavailable(_why(release, (release.retriever, release.ranker), error)) from error


def _load_ranker(release_id: int) -> RankerArtefact:
    release = _row(release_id)
    try:
        return load_ranker_of(release)
    except _DOES_NOT_LOAD as error:
        raise ReleaseUnavailable(_why(release, (release.ranker,), error)) from error


def _row(release_id: int) -> Release:
    release = Release.objects.filter(pk=release_id).first()
    if release is None:
        raise ReleaseUnavailable(f"There is no release {release_id}.")
    return release


def _why(release: Release, names: tuple[str, ...], error: Exception) -> str:
    try:
        gone = [name for name in names if name not in store().names()]
    except StoreError as unreadable:
        return f"Release {release.pk} cannot be loaded. {unreadable}"
    if gone:
        return f"Release {release.pk} cannot be loaded: its files were pruned ({', '.join(gone)})."
    return f"Release {release.pk} cannot be loaded. {error}"


def _keep(held: OrderedDict[int, Thing], release_id: int, thing: Thing, most: int) -> None:
    """The one that was not asked for the longest goes."""
    held[release_id] = thing
    held.move_to_end(release_id)
    while len(held) > most:
        held.popitem(last=False)
