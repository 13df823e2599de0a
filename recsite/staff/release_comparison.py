"""What two releases would show to the same readers now, side by side. Nothing is recorded."""

from __future__ import annotations

import logging
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.cache import cache
from redis.exceptions import RedisError

from catalog.models import Reader
from feedback.models import Slate
from feedback.surfaces import Surface
from feedback.uuid7 import first_uuid7
from recsite.personal_page import NoCandidates
from recsite.reader_state import ReaderState, read_state
from recsite.releases.live import Serving
from recsite.serving import recommend
from recsite.staff.loaded_releases import asking, serving_of
from recsite.staff.subjects import MergedInto, Subject, subject_of

SLOTS = 24
READERS = 20
MOST_S = 5.0
"""A page waits for it: what was not compared by then is left out, and said so."""
KEPT_S = 300

_RECENT = timedelta(days=7)
_NEWEST = 2_000
_KEY = "staff:slate-changes:1:{}:{}"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReaderChange:
    """overlap: share of the longer slate that is in both.  entered, left: item ids, in the slate's order."""

    public_id: uuid.UUID
    overlap: float
    entered: tuple[int, ...]
    left: tuple[int, ...]


@dataclass(frozen=True)
class SlateChanges:
    """readers: the most changed first.  left_out: readers for whom no time was left."""

    made_at: datetime
    readers: tuple[ReaderChange, ...]
    left_out: int = 0

    @property
    def overlap(self) -> float | None:
        """Mean over readers."""
        return sum(one.overlap for one in self.readers) / len(self.readers) if self.readers else None

    def entered(self) -> list[tuple[int, int]]:
        """Items that come to the most readers, with how many."""
        return Counter(item for one in self.readers for item in one.entered).most_common()

    def left(self) -> list[tuple[int, int]]:
        return Counter(item for one in self.readers for item in one.left).most_common()


def slate_changes(one_id: int, other_id: int, *, now: datetime) -> SlateChanges:
    """From `one` to `other`, kept for some minutes. Raises ReleaseUnavailable."""
    key = _KEY.format(one_id, other_id)
    kept = _kept(key)
    if kept is not None:
        return kept
    found = compare_slates(serving_of(one_id), serving_of(other_id), recent_readers(now=now), now=now)
    _keep(key, found)
    return found


def recent_readers(*, now: datetime, most: int = READERS) -> list[Reader]:
    """Who opened the home feed last and have it personalised, the last first. Reads the newest slates alone."""
    newest = Slate.objects.filter(id__gte=first_uuid7(now - _RECENT)).order_by("-id")[:_NEWEST]
    seen = newest.values_list("reader_public_id", "surface", "excluded")
    public_ids = dict.fromkeys(
        public_id for public_id, surface, excluded in seen if surface == Surface.HOME and excluded is None
    )
    candidates = list(public_ids)[: 4 * most]
    rows = {row.public_id: row for row in Reader.objects.filter(public_id__in=candidates, personalised=True)}
    return [rows[public_id] for public_id in candidates if public_id in rows][:most]


def compare_slates(
    one: Serving,
    other: Serving,
    readers: Sequence[Reader],
    *,
    now: datetime,
    passed_s: Callable[[], float] = time.perf_counter,
) -> SlateChanges:
    """Both asked about the same states, in the languages and columns of each reader's next page. Raises
    ReleaseUnavailable.

    passed_s: a stopwatch; after `MOST_S` the rest is left out."""
    ends_s = passed_s() + MOST_S
    changes: list[ReaderChange] = []
    for done, reader in enumerate(readers):
        if passed_s() > ends_s:
            return SlateChanges(now, _by_change(changes), left_out=len(readers) - done)
        subject = _subject(reader)
        if subject is None:
            continue
        state = read_state(reader=reader, languages=subject.languages, now=now)
        before, after = (_shown(serving, state, subject.columns, now) for serving in (one, other))
        changes.append(_change(reader, before, after))
    return SlateChanges(now, _by_change(changes))


def _subject(reader: Reader) -> Subject | None:
    """None for somebody who became another reader, or went, in the meantime."""
    try:
        return subject_of(reader.public_id)
    except MergedInto:
        return None


def _shown(serving: Serving, state: ReaderState, columns: int | None, now: datetime) -> tuple[int, ...]:
    try:
        with asking(serving.release_id):
            page = recommend(state=state, serving=serving, now=now, limit=SLOTS, columns=columns)
    except NoCandidates:
        return ()
    return tuple(page.drawn.item_ids)


def _change(reader: Reader, before: Sequence[int], after: Sequence[int]) -> ReaderChange:
    longer = max(len(before), len(after))
    both = len(set(before) & set(after))
    return ReaderChange(
        reader.public_id,
        overlap=both / longer if longer else 1.0,
        entered=tuple(item for item in after if item not in before),
        left=tuple(item for item in before if item not in after),
    )


def _by_change(changes: Sequence[ReaderChange]) -> tuple[ReaderChange, ...]:
    return tuple(sorted(changes, key=lambda change: change.overlap))


def _kept(key: str) -> SlateChanges | None:
    try:
        kept: SlateChanges | None = cache.get(key)
    except RedisError as error:  # without it the page takes longer
        logger.warning("what was compared cannot be read", extra={"reason": str(error)})
        return None
    return kept


def _keep(key: str, found: SlateChanges) -> None:
    try:
        cache.set(key, found, KEPT_S)
    except RedisError as error:
        logger.warning("what was compared cannot be kept", extra={"reason": str(error)})
