"""Made-up readers with known tastes, for a clone that has no data beside it.

Items belong to topics and differ in how popular they are; a reader has a taste over topics and reads in sittings, each
within one topic. So popularity says something, taste says more, and the last items say what the next will be about.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from benchmarks.retrieval_ratings import ITEM_SCHEMA, Ratings
from retrieval.interactions import Interactions

_NUM_TOPICS = 11
_FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_SITTING_EVENTS = 5
_WORDS = (
    "river",
    "engine",
    "garden",
    "harbour",
    "comet",
    "theatre",
    "market",
    "glacier",
    "orchard",
    "circuit",
    "border",
)
_AGES = ("18-24", "25-34", "35-44", "45 or more")


def made_up_world(num_readers: int, num_items: int, *, seed: int) -> Ratings:
    """About 40 events a reader, fewer than a quarter of the items of a topic; ratings 1 to 5 grow with the taste."""
    rng = np.random.default_rng(seed)
    topic_of_item = rng.permutation(np.arange(num_items) % _NUM_TOPICS)
    pull = 1 / (1 + rng.permutation(num_items)) ** 0.7
    tastes = rng.dirichlet(np.full(_NUM_TOPICS, 0.3), size=num_readers)
    columns = [_history(rng, reader, tastes[reader], topic_of_item, pull) for reader in range(num_readers)]
    reader_ids, item_idx, times_s, ratings = (np.concatenate(column) for column in zip(*columns, strict=True))
    order = np.argsort(times_s, kind="stable")
    return Ratings(
        f"made-up world of {num_readers} readers x {num_items} items",
        Interactions.in_order(reader_ids, item_idx + 1, times_s),
        ratings[order].astype(np.float32),
        None,
        _items(rng, topic_of_item),
        {reader: {"age": _AGES[int(rng.integers(len(_AGES)))]} for reader in range(num_readers)},
    )


def _history(
    rng: np.random.Generator, reader: int, taste: np.ndarray, topic_of_item: np.ndarray, pull: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(reader ids, item_idx, times, ratings) of one reader, who never takes an item twice."""
    wish = pull * rng.random(len(pull)) ** 0.1  # near everybody's pull, though not quite
    per_topic = max(1, len(pull) // _NUM_TOPICS // 4)
    chosen: list[np.ndarray] = []
    for topic in rng.choice(_NUM_TOPICS, size=int(rng.integers(4, 12)), p=taste):
        left = np.setdiff1d(np.flatnonzero(topic_of_item == topic), np.concatenate([np.empty(0, np.int64), *chosen]))
        number = min(_SITTING_EVENTS, per_topic, len(left))
        if number:
            chosen.append(rng.choice(left, size=number, replace=False, p=wish[left] / wish[left].sum()))
    items = np.concatenate(chosen)
    sittings = np.repeat(np.sort(rng.random(len(chosen))) * 90 * 86_400, [len(each) for each in chosen])
    within = np.arange(len(items)) * 60.0
    liked = taste[topic_of_item[items]] / taste.max()
    ratings = np.clip(np.rint(2 + 3 * liked + rng.normal(0, 0.7, len(items))), 1, 5)
    return np.full(len(items), reader), items, _FIRST_DAY.timestamp() + np.rint(sittings + within), ratings


def _items(rng: np.random.Generator, topic_of_item: np.ndarray) -> pa.Table:
    published = [_FIRST_DAY - timedelta(days=float(days)) for days in rng.random(len(topic_of_item)) * 365]
    return pa.table(
        [
            pa.array(np.arange(1, len(topic_of_item) + 1)),
            pa.array([f"{_WORDS[topic]} story {number}" for number, topic in enumerate(topic_of_item.tolist())]),
            pa.array([f"About the {_WORDS[topic]}" for topic in topic_of_item.tolist()]),
            pa.array([[topic] for topic in topic_of_item.tolist()]),
            pa.array((topic_of_item * 3 + rng.integers(3, size=len(topic_of_item))).tolist(), pa.int64()),
            pa.array(["en"] * len(topic_of_item)),
            pa.array(published, ITEM_SCHEMA.field("published_at").type),
        ],
        schema=ITEM_SCHEMA,
    )
