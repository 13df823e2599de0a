"""The arms of the loop: what each of them learns from, and how it is told apart from the others.

All begin with one log and one release, have the same filters and the same share of exploration, and towers of the
same size that take as many steps. Where an arm has towers, those are its only source.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

CANDIDATES = 100
"""That the only source names, of at least 5,000 items."""


class Named(StrEnum):
    """By what the only source goes. TRUTH and RANDOM are the ends of the scale, not what any site can have."""

    TOWERS = "towers"
    POPULARITY = "popularity"
    RANDOM = "random"
    TRUTH = "truth"


class Labels(StrEnum):
    """What a reranker holds a choice against, in visits with one: as many rows as were viewed and not chosen there.

    VIEWED: just those.  UNSHOWN: candidates that the visit did not show.  BOTH: half of each.  SERVED: drawn from all
    that was served and not chosen, viewed or not.  ABOVE: of what was viewed, what stood above the last choice.
    """

    VIEWED = "viewed"
    UNSHOWN = "unshown"
    BOTH = "both"
    SERVED = "served"
    ABOVE = "above"


@dataclass(frozen=True)
class Arm:
    """title: one sentence of what it does.

    labels: of its reranker; None for the source's own order.
    impression_features: whether the reranker reads what impressions tell: click rates, views, how often the reader
    saw an item.
    impression_weight: of the towers' term against what was viewed and not chosen, from round `impressions_from` on.
    seen_alone: nothing else is a negative of the towers.
    log_q, prior: strength of the correction while training, and of the popularity prior when serving.
    exploration: share of slots.
    noise: added to the seeds of its trainings: the same world, other luck.
    gated: a release learns until the day begins, and goes live after it only if the site's gate promotes it on that
    day's log.
    """

    key: str
    title: str
    named: Named = Named.TOWERS
    labels: Labels | None = None
    impression_features: bool = True
    impression_weight: float = 0.0
    impressions_from: int = 0
    seen_alone: bool = False
    log_q: float = 1.0
    prior: float = 0.0
    exploration: float = 0.02
    noise: int = 0
    gated: bool = False

    @property
    def trains(self) -> bool:
        """Whether it learns anything from round to round but what is popular."""
        return self.named is Named.TOWERS

    @property
    def needs_unshown(self) -> bool:
        return self.labels in {Labels.UNSHOWN, Labels.BOTH}


_D = Arm("d", "Reranker on what was viewed and not chosen, with features of impressions", labels=Labels.VIEWED)


def _like_d(key: str, title: str, **changed: object) -> Arm:
    return replace(_D, key=key, title=title, **changed)  # type: ignore[arg-type]


_ARMS = (
    Arm("random", "Anything, in any order", named=Named.RANDOM),
    Arm("oracle", "What is truly best for each reader on that day", named=Named.TRUTH),
    Arm("a", "What is popular", named=Named.POPULARITY),
    Arm("b", "Towers on random and in-batch negatives, no reranker"),
    _like_d("c0", "Reranker on clicks against candidates that were not shown", labels=Labels.UNSHOWN,
            impression_features=False),
    _like_d("c1", "c0 with features of impressions", labels=Labels.UNSHOWN),
    _like_d("d0", "Reranker on what was viewed and not chosen, without features of impressions",
            impression_features=False),
    _D,
    _like_d("aa", "d once more, with other luck", noise=1_000),
    _like_d("gated", "d whose releases go live only if the gate promotes them", gated=True),
    _like_d("h", "d with candidates that were not shown among the negatives", labels=Labels.BOTH),
    _like_d("i", "d with anything served and not chosen as a negative", labels=Labels.SERVED),
    _like_d("s", "d with negatives above the last choice alone", labels=Labels.ABOVE),
    _like_d("e01", "d, and impression negatives in the towers at 0.1", impression_weight=0.1),
    _like_d("e", "d, and impression negatives in the towers at 0.3", impression_weight=0.3),
    _like_d("e1", "d, and impression negatives in the towers at 1", impression_weight=1.0),
    _like_d("e_late", "d, and impression negatives in the towers at 0.3 from round 5 on", impression_weight=0.3,
            impressions_from=5),
    Arm("f", "Towers on impressions alone, no reranker", impression_weight=1.0, seen_alone=True),
    _like_d("fd", "Towers on impressions alone, with d's reranker", impression_weight=1.0, seen_alone=True),
    _like_d("g0", "d without exploration", exploration=0.0),
    _like_d("g5", "d with 5% exploration", exploration=0.05),
    _like_d("g10", "d with 10% exploration", exploration=0.1),
    _like_d("p_none", "d without any correction for popularity", log_q=0.0),
    _like_d("p_prior", "d without correction in training, a prior of popularity when serving", log_q=0.0, prior=1.0),
    _like_d("p_strong", "p_prior with one and a half times the prior", log_q=0.0, prior=1.5),
)  # fmt: skip

ARMS: dict[str, Arm] = {arm.key: arm for arm in _ARMS}

SMALL = ("random", "oracle", "b", "c1", "d")
COMMITTED = (
    "random", "oracle", "d", "c1", "b", "h", "aa", "a", "d0", "e", "f", "fd", "p_none", "p_prior",
)  # fmt: skip
"""In the order of what matters most: what is cut short leaves the first of them."""
COMPLETE = tuple(ARMS)
