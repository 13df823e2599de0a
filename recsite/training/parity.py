"""Whether serving would show what was measured: the same questions, asked through the site's own code."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import zip_longest

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from django.db.models import Q

from catalog.models import Reader
from feedback.models import Interaction
from ranking.order import best_first
from recsite.funnel.funnel import Funnel
from recsite.funnel.query import FunnelQuery
from recsite.personal_page import NoCandidates
from recsite.reader_state import read_state
from recsite.releases.live import Serving
from recsite.serving import recommend
from recsite.training.asking import Asked, FunnelAt, asked

TRIED = 20
FIRST = 50
TOLERANCE = 1e-5
"""Of scores: items that are this close may change places."""

_JUST_BEFORE = timedelta(microseconds=1)
_EXAMPLES = 5
UNRELEASED = 0
"""As the number of a release that is none yet."""


@dataclass(frozen=True)
class Parity:
    """tried: readers.  different: to how many of those serving gave another order.  examples: what of some of them."""

    tried: int
    different: int
    examples: tuple[str, ...]


def compare_with_serving(funnel_at: FunnelAt, positives: pa.Table) -> Parity:
    """Ask for the last moment of some readers of the window, once as it was measured and once by `serving.recommend`,
    which reads their state from the log and records nothing.

    The first `FIRST` places must hold the same items, but for those whose scores are alike. Left out are items that
    serving filtered, for measuring filters none, and readers who changed whom they follow since. What was viewed and
    not chosen is taken from serving: a history does not know it.
    """
    tried, wrong = 0, []
    for question in _last_moments(positives):
        reader = Reader.objects.filter(pk=question.reader_id).first()
        at = question.query.state.at - _JUST_BEFORE
        if reader is None or not reader.personalised or _followed_since(reader, at):
            continue
        tried += 1
        found = _difference(funnel_at(question.at_s), question.query, reader, at)
        if found:
            wrong.append(f"reader {reader.pk} at {at.isoformat()}: {found}")
    return Parity(tried, len(wrong), tuple(wrong[:_EXAMPLES]))


def _difference(funnel: Funnel, query: FunnelQuery, reader: Reader, at: datetime) -> str:
    """What differs first, or ""."""
    state = read_state(reader=reader, languages=frozenset(reader.languages), now=at)
    try:
        page = recommend(state=state, serving=Serving(UNRELEASED, funnel), now=at, limit=1)
    except NoCandidates:
        return "serving has no candidates"
    query = replace(query, state=replace(query.state, at=at), viewed=state.viewed)
    ranked = funnel.ranked(query)
    kept = ~np.isin(ranked.union.item_ids, list(page.removed))
    measured = _first(ranked.union.item_ids[kept], ranked.scores[kept])
    # What staff hid since the history was read is served no more, and its absence is no difference.
    left = ~np.isin(page.candidates.item_ids, list(page.removed))
    served = _first(page.candidates.item_ids[left], page.candidates.scores[left])
    scores = dict(zip(ranked.union.item_ids.tolist(), ranked.scores.tolist(), strict=True))
    for place, (here, there) in enumerate(zip_longest(served, measured)):
        if here is None or there is None or abs(scores.get(here, np.inf) - scores[there]) > TOLERANCE:
            return f"at place {place} item {here} is served, where {there} was measured"
    return ""


def _first(item_ids: np.ndarray, scores: np.ndarray) -> list[int]:
    best: list[int] = item_ids[best_first(scores)][:FIRST].tolist()
    return best


def _last_moments(positives: pa.Table) -> list[Asked]:
    """In order of time, of at most `TRIED` readers."""
    readers = np.unique(positives["reader_id"].to_numpy())
    chosen = np.random.default_rng(0).permutation(readers)[:TRIED]
    last = {one.reader_id: one for one in asked(positives.filter(pc.is_in(positives["reader_id"], pa.array(chosen))))}
    return sorted(last.values(), key=lambda one: one.at_s)


def _followed_since(reader: Reader, at: datetime) -> bool:
    """Serving reads whom a reader follows now."""
    later = Q(received_at__gt=at) | Q(undo_received_at__gt=at)
    return Interaction.objects.filter(later, reader=reader, kind=Interaction.Kind.FOLLOW).exists()
