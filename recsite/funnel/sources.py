"""Which sources a release asks, and how those that are the same for every release are made."""

from __future__ import annotations

from ranking.features import FeatureSet
from retrieval.candidates import Candidates
from retrieval.interactions import Interactions
from retrieval.sources.followed import FollowedConfig
from retrieval.sources.fresh import FreshConfig
from retrieval.sources.popular import Popular, PopularConfig, Trending, TrendingConfig
from retrieval.stage import PERSONAL_SOURCES

SOURCES = tuple(sorted([*PERSONAL_SOURCES, "popular", "trending", "fresh", "followed"]))
"""Names, in the order in which a union has them."""

FEATURE_SET = FeatureSet.of(SOURCES)

CANDIDATES_PER_SOURCE = 200

POPULAR = PopularConfig(half_life_days=7.0)
TRENDING = TrendingConfig()
FRESH = FreshConfig()
FOLLOWED = FollowedConfig()

CHOICES_DAYS = 42.0
"""What is popular and trending goes by choices of so many days: six half-lives, what is older weighs less than 2%."""

_DAY_S = 86_400.0


def popular_and_trending(choices: Interactions, at_s: float) -> tuple[Candidates, Candidates]:
    """All items that have a score, as of `at_s`, seconds since 1970 UTC: choices from then on play no part."""
    recent = choices.between(at_s - CHOICES_DAYS * _DAY_S, at_s)
    popular = Popular.fit(recent, POPULAR, at_s=at_s)
    trending = Trending.fit(recent, TRENDING, at_s=at_s)
    return (
        Candidates(popular.order.items.item_ids, popular.scores),
        Candidates(trending.order.items.item_ids, trending.scores),
    )
