"""A catalogue of four items and one reader, small enough to work every feature out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ranking.features import FeatureSet, build_features
from ranking.prepared_items import PreparedItems
from ranking.request import NONE, CandidateColumns, Context, ItemTable, RankingRequest, ReaderState, SourceColumns

AT_S = 1_800_000_000.0
HOUR_S, DAY_S = 3_600.0, 86_400.0
FEATURE_SET = FeatureSet.of(["near", "popular"])


def four_items() -> ItemTable:
    """Items 10, 20, 30, 40. Of 30 nothing is known but its counts; 40 is dated an hour ahead."""
    return ItemTable(
        item_ids=np.array([10, 20, 30, 40]),
        topic_offsets=np.array([0, 2, 3, 3, 4]),
        topics=np.array([100, 200, 200, 700], np.int32),
        authors=np.array([5, 5, NONE, 6], np.int32),
        languages=np.array([0, 1, NONE, 0], np.int16),
        published_s=np.array([AT_S - DAY_S, AT_S - HOUR_S, np.nan, AT_S + HOUR_S]),
        views=np.array([[0, 0, 0, 0], [10, 0, 30, 0], [80, 20, 60, 0]], np.float32),
        clicks=np.array([[0, 0, 0, 0], [1, 0, 7, 0], [8, 4, 4, 0]], np.float32),
        dismissals=np.array([[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 16, 0]], np.float32),
        popularity=np.array([0.75, 0.25, 0.5, 0], np.float32),
        vectors=np.array([[1, 0], [0, 1], [0.6, 0.8], [-1, 0]], np.float32),
    )


def reader(choices: list[tuple[int, float, float]], **facts: Any) -> ReaderState:
    """choices: (item id, age in seconds, gain), oldest first."""
    history, ages_s, gains = zip(*choices, strict=True) if choices else ((), (), ())
    nothing = ReaderState(
        history=np.array(history, np.int64),
        ages_s=np.array(ages_s, np.float32),
        gains=np.array(gains, np.float32),
        topics=np.empty(0, np.int32),
        authors=np.empty(0, np.int32),
        languages=np.empty(0, np.int16),
        tenure_s=0.0,
    )
    return replace(nothing, **facts)


def candidates(item_ids: list[int], sources: Mapping[str, Mapping[int, float]] | None = None) -> CandidateColumns:
    """sources: by name the scores of items, best first; every other item was not named."""
    n = len(item_ids)
    columns = {}
    for name, scores in (sources or {}).items():
        order = list(scores)
        columns[name] = SourceColumns(
            scores=np.array([scores.get(one, np.nan) for one in item_ids], np.float32),
            ranks=np.array([order.index(one) if one in scores else np.nan for one in item_ids], np.float32),
        )
    return CandidateColumns(np.array(item_ids, np.int64), columns, np.zeros(n, np.float32), np.zeros(n, np.float32))


def request(asked: CandidateColumns, state: ReaderState | None = None, **context: Any) -> RankingRequest:
    usual = Context(at_s=AT_S, hour=8.5, weekday=2, surface="home", columns=3)
    return RankingRequest(asked, state or reader([]), replace(usual, **context))


def column(name: str, asked: RankingRequest, items: ItemTable | None = None) -> list[float]:
    """One feature of every candidate."""
    features = build_features(asked, PreparedItems.of(items or four_items()), FEATURE_SET)
    return features[:, FEATURE_SET.names.index(name)].tolist()
