from __future__ import annotations

from dataclasses import replace

import numpy as np

from ranking.reason_evidence import Liking, PopularTopics, topics_of
from ranking.request import NONE, ItemTable
from tests.ranking.small_requests import candidates, four_items, reader, request


def liking(*choices: tuple[int, float]) -> Liking:
    """choices: (item, gain), oldest first."""
    state = reader([(item_id, 100.0 - age, gain) for age, (item_id, gain) in enumerate(choices)])
    return Liking(request(candidates([10]), state), four_items())


def many_items(popularity: list[float], topics: list[list[int]]) -> ItemTable:
    n = len(popularity)
    return ItemTable(
        item_ids=np.arange(n),
        topic_offsets=np.cumsum([0, *map(len, topics)]),
        topics=np.array([topic for each in topics for topic in each], np.int32),
        authors=np.full(n, NONE, np.int32),
        languages=np.full(n, NONE, np.int16),
        published_s=np.zeros(n),
        views=np.zeros((3, n), np.float32),
        clicks=np.zeros((3, n), np.float32),
        dismissals=np.zeros((3, n), np.float32),
        popularity=np.array(popularity, np.float32),
        vectors=np.empty((n, 0), np.float32),
    )


def test_what_was_liked_counts_once_with_its_highest_gain_the_newest_first() -> None:
    assert liking((10, 1.0), (20, 3.0), (10, 2.0)).gains == {10: 2.0, 20: 3.0}
    assert list(liking((10, 1.0), (20, 3.0), (10, 2.0)).gains) == [10, 20]


def test_a_dismissal_takes_back_what_was_liked_before_it_but_not_after() -> None:
    assert liking((10, 3.0), (10, -1.0), (20, 1.0)).gains == {20: 1.0}
    assert liking((10, 3.0), (10, -1.0), (10, 1.0)).gains == {10: 1.0}


def test_gains_of_zero_say_nothing() -> None:
    assert liking((10, 0.0)).gains == {}


def test_liked_topics_and_authors_are_counted_by_item() -> None:
    # 10 has topics 100 and 200, 20 has 200, both of author 5; 30 has none of it; 77 is no longer there.
    liked = liking((10, 1.0), (20, 1.0), (30, 1.0), (77, 1.0))
    assert liked.topics == {100: 1, 200: 2}
    assert liked.authors == {5: 2}


def test_the_most_alike_comes_first_by_cosine_and_none_is_alike_to_itself() -> None:
    liked = liking((10, 1.0), (20, 1.0), (30, 1.0))
    assert liked.alike([2, 3], 0.5) == [[20, 10], []]  # row 2 is item 30, with cosines of 0.8 and 0.6
    assert liked.alike([2, 3], 0.7) == [[20], []]
    assert liked.alike([], 0.5) == []


def test_nobody_is_alike_where_nothing_was_liked_or_nothing_has_vectors() -> None:
    assert liking().alike([0, 1], -1) == [[], []]
    bare = replace(four_items(), vectors=np.empty((4, 0), np.float32))
    assert replace(liking((10, 1.0)), table=bare).alike([1], -1) == [[]]


def test_a_topic_has_its_own_measure_of_popularity() -> None:
    # Topic 1 is in demand, topic 2 is not; of ten items each one is popular, though 0.25 is little elsewhere.
    shares = [0.875, *[0.75] * 9, 0.25, *[0.125] * 9]
    popular = PopularTopics.of(many_items(shares, [[1]] * 10 + [[2]] * 10), share=0.1)
    assert popular.least == {1: 0.875, 2: 0.25}
    assert popular.hold(2, 0.25)
    assert not popular.hold(2, 0.125)
    assert not popular.hold(1, 0.75)


def test_a_small_topic_and_one_where_nothing_was_chosen_have_no_popular_items() -> None:
    popular = PopularTopics.of(many_items([0.9] * 9 + [0.0] * 10, [[1]] * 9 + [[2]] * 10), share=0.1)
    assert not popular.hold(1, 0.9)
    assert not popular.hold(2, 0.0)
    assert not popular.hold(3, 0.9)
    assert PopularTopics.of(many_items([], []), share=0.1).least == {}


def test_topics_of_a_row() -> None:
    assert [topics_of(four_items(), row) for row in range(4)] == [[100, 200], [200], [], [700]]
