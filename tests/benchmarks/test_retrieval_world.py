from __future__ import annotations

import numpy as np

from benchmarks.retrieval_ratings import ITEM_SCHEMA
from benchmarks.retrieval_world import made_up_world


def test_a_seed_gives_one_world() -> None:
    assert made_up_world(20, 60, seed=1).fingerprint == made_up_world(20, 60, seed=1).fingerprint
    assert made_up_world(20, 60, seed=1).fingerprint != made_up_world(20, 60, seed=2).fingerprint


def test_readers_prefer_their_own_topics_and_like_what_they_prefer() -> None:
    world = made_up_world(80, 220, seed=1)
    topic = np.array([topics[0] for topics in world.items["topics"].to_pylist()])[world.item_idx]
    readers = world.interactions.reader_ids
    most = np.array([np.bincount(topic[readers == reader]).argmax() for reader in range(80)])[readers]
    assert np.mean(topic == most) > 2 / 11
    assert world.ratings is not None
    assert world.ratings[topic == most].mean() > world.ratings[topic != most].mean() + 0.5


def test_a_sitting_stays_with_its_topic() -> None:
    world = made_up_world(80, 220, seed=1)
    topic = np.array([topics[0] for topics in world.items["topics"].to_pylist()])[world.item_idx]
    by_reader = np.lexsort((world.interactions.times_s, world.interactions.reader_ids))
    same_reader = np.diff(world.interactions.reader_ids[by_reader]) == 0
    assert np.mean((np.diff(topic[by_reader]) == 0)[same_reader]) > 0.6


def test_items_say_what_they_are_about() -> None:
    world = made_up_world(20, 60, seed=1)
    assert world.items.schema == ITEM_SCHEMA
    assert len(world.items) == 60
    assert world.items["published_at"].null_count == 0
    assert set(world.readers) == set(range(20))
