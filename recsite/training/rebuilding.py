"""Features of slates built again from the log: whether they are those recorded, and what explains the rest."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from catalog.models import Item
from recsite.filters import unwanted_by_catalogue
from recsite.funnel.catalogue import Catalogue
from recsite.funnel.funnel import Funnel
from recsite.funnel.recent import Recent
from recsite.personal_page import without
from recsite.releases.catalogue_reading import read_catalogue, read_facts
from recsite.training.slate_questions import SlateAsked, SlateQuestions
from retrieval.ids import UNKNOWN, IdMap

COUNTS_DROPPED = "the counts of that moment are gone"
ITEMS_CHANGED = "items changed since"

CLOSE = 1e-5
"""Relative: the same sums in another order of rows differ by so much."""

_CATALOGUES = 4
_NEVER = datetime(1970, 1, 2, tzinfo=UTC)


def features_again(funnel: Funnel, asked: SlateAsked, *, skip: Collection[str] = ()) -> np.ndarray:
    """(slots, columns of the ranker's feature set) float32, as serving builds them for what it shows: from everything
    that the sources name and filters leave, and for what none of them names (an explored slot, or what another release
    had found) from nothing that a source says.

    skip: sources that are not asked.
    """
    union = funnel.retrieve(asked.query, skip=skip)
    union = without(union, unwanted_by_catalogue(funnel.catalogue, union.item_ids, state=asked.wishes))
    rows = IdMap(union.item_ids).idx_of(asked.item_ids)
    named = rows != UNKNOWN
    features = np.empty((len(rows), len(funnel.ranker.feature_set)), np.float32)
    if named.any():
        features[named] = funnel.features(funnel.ranking_request(asked.query, union))[rows[named]]
    if not named.all():
        others = funnel.unnamed(asked.item_ids[~named])
        features[~named] = funnel.features(funnel.ranking_request(asked.query, others))
    return features


@dataclass(frozen=True)
class Rebuilt:
    """values: how many were compared.  different: by the name of the feature.  explained: of those, by the name of what
    may explain it (each once for every name that its slate has); the rest is unexplained."""

    slates: int
    values: int
    different: Mapping[str, int]
    explained: Mapping[str, int]
    unexplained: int

    @property
    def equal_share(self) -> float:
        return 1 - sum(self.different.values()) / max(self.values, 1)


def compare_with_recorded(
    slate_ids: Iterable[uuid.UUID], funnel_of: Callable[[int, Catalogue], Funnel | None], *, until: datetime
) -> Rebuilt:
    """Build the features of these slates again, with the counts and orders of their moments, beside those recorded.

    funnel_of: by the number of a release; None for one that is not to be had: its slates are left out, and so are those
    without features.  until: of the log.
    """
    slates = values = unexplained = 0
    different: Counter[str] = Counter()
    explained: Counter[str] = Counter()
    catalogues = CataloguesOfSlates()
    for asked in SlateQuestions.read(until=until).of(slate_ids):
        catalogue, doubts = catalogues.of(asked)
        funnel = None if asked.release is None else funnel_of(asked.release, catalogue)
        if funnel is None or asked.recorded is None or asked.feature_set != funnel.ranker.feature_set.id:
            continue
        again = features_again(funnel, asked)
        wrong = ~np.isclose(again, asked.recorded, rtol=CLOSE, atol=CLOSE, equal_nan=True)
        slates, values = slates + 1, values + wrong.size
        count = int(wrong.sum())
        doubts = (*asked.doubts, *doubts)
        explained.update(dict.fromkeys(doubts, count) if count else {})
        unexplained += 0 if doubts else count
        different.update(dict(zip(funnel.ranker.feature_set.names, wrong.sum(axis=0).tolist(), strict=True)))
    return Rebuilt(slates, values, +different, +explained, unexplained)


class CataloguesOfSlates:
    """What was known of items when a slate was made: its counts and orders, beside what items are now. Ask in order of
    time: only the last few are kept."""

    def __init__(self) -> None:
        self._facts = read_facts()
        self._changed_at = max(Item.objects.values_list("updated_at", flat=True), default=_NEVER)
        self._kept: Recent[datetime, Catalogue] = Recent(_CATALOGUES)

    def of(self, asked: SlateAsked) -> tuple[Catalogue, tuple[str, ...]]:
        """And names of why it may have been another one."""
        as_of = asked.counts_as_of or _NEVER
        catalogue = self._kept.get(as_of, lambda: read_catalogue(now=as_of, facts=self._facts))
        doubts = []
        if catalogue.counts_as_of != asked.counts_as_of:
            doubts.append(COUNTS_DROPPED)
        if self._changed_at > asked.query.state.at:
            doubts.append(ITEMS_CHANGED)
        return catalogue, tuple(doubts)
