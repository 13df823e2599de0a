"""Every feature, declared once, and the one function that builds them, for training and serving alike.

A feature is one entry of this file: its name, what it says and how it is read from `Facts`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import nan

import numpy as np

from ranking.feature import Dtype, Feature, Group
from ranking.feature_facts import Facts
from ranking.prepared_items import ITEM_COLUMNS, PreparedItems
from ranking.request import RankingRequest, RequestError
from ranking.taste import DISMISSED, FOLLOWED, LIKED

REVISION = 1
"""To be raised when a feature is computed otherwise under its old name: models trained before are then refused."""

SURFACES = ("home", "similar", "topic", "search")
"""Codes of `surface` are places here: append, never reorder."""

ACTIVITY_HALF_LIFE_S = 86_400.0

_HOUR_S, _DAY_S = 3_600, 86_400
_SOURCE_NAME = re.compile(r"[A-Za-z0-9_.-]+")  # LightGBM keeps such names as they are


@dataclass(frozen=True)
class FeatureSet:
    """The columns that a ranker reads, in order. sources: whose scores they hold, sorted.

    Raises ValueError for a source named twice, or with characters that a model file cannot hold.
    """

    sources: tuple[str, ...]

    def __post_init__(self) -> None:
        if list(self.sources) != sorted(set(self.sources)):
            raise ValueError(f"Sources must be sorted and differ, but are {self.sources}. Use FeatureSet.of(sources).")
        for source in self.sources:
            if not _SOURCE_NAME.fullmatch(source):
                raise ValueError(f"A source is named with letters, digits, and _ . -, but one is {source!r}.")

    @classmethod
    def of(cls, sources: Sequence[str]) -> FeatureSet:
        """Of sources in any order."""
        return cls(tuple(sorted(sources)))

    @property
    def features(self) -> tuple[Feature, ...]:
        return _features(self.sources)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    @property
    def categorical(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features if feature.dtype is Dtype.CATEGORY)

    @property
    def id(self) -> str:
        """Twelve letters that are the same as long as the columns mean the same: what a slate and a model log."""
        return _id(self.sources)

    def __len__(self) -> int:
        return len(self.features)


def build_features(request: RankingRequest, items: PreparedItems, feature_set: FeatureSet) -> np.ndarray:
    """(n, len(feature_set)) float32, C-contiguous, a row a candidate in the request's order; NaN for not known.

    Sources that the set does not know are passed over; those of the set that were not asked are NaN.
    Raises `RequestError` for a surface that is not one of `SURFACES`.
    """
    if request.context.surface not in SURFACES:
        raise RequestError(f"The surface is {request.context.surface!r}, but must be one of {', '.join(SURFACES)}.")
    facts = Facts.of(request, items, feature_set.sources)
    columns = np.empty((len(feature_set), len(request.candidates)), np.float32)
    for column, feature in zip(columns, feature_set.features, strict=True):
        column[:] = feature.values(facts)
    return np.ascontiguousarray(columns.T)


def feature_table(feature_set: FeatureSet) -> str:
    """The declarations as a table in Markdown, for the documentation."""
    rows = [
        f"| `{feature.name}` | {feature.group} | {feature.dtype} | {feature.meaning} | "
        f"{'always known' if feature.missing is None else 'NaN'} |"
        for feature in feature_set.features
    ]
    return "\n".join(["| feature | group | dtype | meaning | missing |", "| --- | --- | --- | --- | --- |", *rows])


@lru_cache(maxsize=64)
def _features(sources: tuple[str, ...]) -> tuple[Feature, ...]:
    of_sources = [feature for row, source in enumerate(sources) for feature in _of_source(source, row)]
    return (*of_sources, *_OF_ALL_SOURCES, *_MATCH, *_ITEM, *_READER, *_CONTEXT)


@lru_cache(maxsize=64)
def _id(sources: tuple[str, ...]) -> str:
    columns = [[feature.name, str(feature.dtype)] for feature in _features(sources)]
    return hashlib.blake2b(json.dumps([REVISION, columns]).encode(), digest_size=6).hexdigest()


def _of_source(source: str, row: int) -> tuple[Feature, ...]:
    def declared(what: str, meaning: str, values: Callable[[Facts], np.ndarray]) -> Feature:
        return Feature(f"{source}_{what}", Group.SOURCE, Dtype.NUMBER, meaning, nan, values, source)

    return (
        declared("score", f"score that {source} gave, in its own unit", lambda facts: facts.sources.scores[row]),
        declared("rank", f"place among what {source} named, from 0", lambda facts: facts.sources.ranks[row]),
        declared(
            "percentile",
            f"share of {source}'s scores in this request that are not higher: 1 for the best",
            lambda facts: facts.sources.percentiles[row],
        ),
    )


def _number(
    name: str,
    group: Group,
    meaning: str,
    values: Callable[[Facts], np.ndarray | float],
    missing: float | None = nan,
) -> Feature:
    return Feature(name, group, Dtype.NUMBER, meaning, missing, values)


def _item_column(name: str, meaning: str) -> Feature:
    row = ITEM_COLUMNS.index(name)
    return _number(name, Group.ITEM, meaning, lambda facts: facts.items[row])


_OF_ALL_SOURCES = (
    _number("num_sources", Group.SOURCE, "how many sources named it", lambda f: f.sources.counts, None),
    _number(
        "fusion",
        Group.SOURCE,
        "reciprocal rank fusion: sum of 1 / (60 + rank from 1)",
        lambda f: f.sources.fusion,
        None,
    ),
)

_MATCH = (
    _number(
        "topic_liked",
        Group.MATCH,
        "share of what the reader liked, by gain and age, that lies in its topics",
        lambda f: f.topics[LIKED],
    ),
    _number("topic_liked_most", Group.MATCH, "the same, of its most liked topic", lambda f: f.topics[3]),
    _number(
        "topic_dismissed",
        Group.MATCH,
        "share of what the reader dismissed that lies in its topics",
        lambda f: f.topics[DISMISSED],
    ),
    _number("topics_followed", Group.MATCH, "how many of its topics the reader follows", lambda f: f.topics[FOLLOWED]),
    _number("author_liked", Group.MATCH, "share of what the reader liked of its author", lambda f: f.authors[LIKED]),
    _number(
        "author_dismissed",
        Group.MATCH,
        "share of what the reader dismissed of its author",
        lambda f: f.authors[DISMISSED],
    ),
    _number("author_followed", Group.MATCH, "1 where the reader follows its author", lambda f: f.authors[FOLLOWED]),
    _number("language_match", Group.MATCH, "1 where the reader reads its language", lambda f: f.speaks),
    _number(
        "language_liked", Group.MATCH, "share of what the reader liked in its language", lambda f: f.languages[LIKED]
    ),
    _number(
        "similarity_highest",
        Group.MATCH,
        "likeness to the most alike of the 5 items liked last",
        lambda f: f.similarities.highest,
    ),
    _number("similarity_mean", Group.MATCH, "mean likeness to the 5 items liked last", lambda f: f.similarities.mean),
    _number("similarity_newest", Group.MATCH, "likeness to the item liked last", lambda f: f.similarities.newest),
    _number(
        "similarity_lasting", Group.MATCH, "mean likeness to the 50 items liked last", lambda f: f.similarities.lasting
    ),
    _number(
        "similarity_dismissed",
        Group.MATCH,
        "likeness to the item dismissed last",
        lambda f: f.similarities.dismissed,
    ),
    _number(
        "times_viewed",
        Group.MATCH,
        "how often the reader saw it before without choosing it",
        lambda f: f.request.candidates.times_viewed,
        None,
    ),
    _number(
        "covisited",
        Group.MATCH,
        "how much it is chosen together with the reader's last choices",
        lambda f: f.request.candidates.covisited,
        None,
    ),
)

_ITEM = (
    _number(
        "age_hours",
        Group.ITEM,
        "hours since it was published; not known either when it is dated ahead",
        lambda f: f.ages_s / _HOUR_S,
    ),
    _item_column("click_rate_hour", "clicks of a view in the last hour, smoothed by 20 views of the average"),
    _item_column("click_rate_day", "the same, in the last day"),
    _item_column("click_rate_week", "the same, in the last week"),
    _item_column("dismiss_rate_week", "dismissals of a view in the last week, smoothed in the same way"),
    _item_column("log_views_hour", "ln(1 + views) in the last hour"),
    _item_column("log_views_day", "the same, in the last day"),
    _item_column("log_views_week", "the same, in the last week"),
    _item_column("popularity", "share of items that are chosen less often"),
)

_READER = (
    _number(
        "log_liked",
        Group.READER,
        "ln(1 + choices with a gain above 0)",
        lambda f: np.log1p(np.count_nonzero(f.request.reader.gains > 0)),
        None,
    ),
    _number(
        "log_dismissed",
        Group.READER,
        "ln(1 + dismissals)",
        lambda f: np.log1p(np.count_nonzero(f.request.reader.gains < 0)),
        None,
    ),
    _number(
        "activity",
        Group.READER,
        "choices, each counting half after a day",
        lambda f: np.exp2(f.request.reader.ages_s * (-1 / ACTIVITY_HALF_LIFE_S)).sum(),
        None,
    ),
    _number(
        "hours_since_choice",
        Group.READER,
        "hours since the last choice",
        lambda f: f.request.reader.ages_s[-1] / _HOUR_S if len(f.request.reader.ages_s) else nan,
    ),
    _number(
        "breadth",
        Group.READER,
        "over how many topics the liking is spread (e to its entropy)",
        lambda f: f.taste.breadth,
    ),
    _number("tenure_days", Group.READER, "days since first seen", lambda f: f.request.reader.tenure_s / _DAY_S, None),
)

_CONTEXT = (
    _number("hour", Group.CONTEXT, "0 to 24, where the reader is", lambda f: f.request.context.hour, None),
    Feature(
        "weekday",
        Group.CONTEXT,
        Dtype.CATEGORY,
        "0 (Monday) to 6, where the reader is",
        None,
        lambda f: f.request.context.weekday,
    ),
    Feature(
        "surface",
        Group.CONTEXT,
        Dtype.CATEGORY,
        "where the slate will stand: " + ", ".join(f"{code} {name}" for code, name in enumerate(SURFACES)),
        None,
        lambda f: SURFACES.index(f.request.context.surface),
    ),
    _number("columns", Group.CONTEXT, "of the grid of cards", lambda f: f.request.context.columns or nan),
)
