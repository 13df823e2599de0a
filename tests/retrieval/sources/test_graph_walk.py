from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from retrieval.sources.covisitation_graph import CovisitationGraph, CovisitationGraphConfig
from retrieval.sources.evidence import Evidence
from retrieval.sources.graph_walk import GraphWalk, GraphWalkConfig
from tests.retrieval.sources.states import NOTHING, log_of, reader_of
from tests.retrieval.sources.worlds import even_readers_like_even_items

A, B, C, D = 10, 20, 30, 40
FORWARD = CovisitationGraphConfig(backward=0.0)
PLAIN = GraphWalkConfig(evidence=Evidence(last_items=10, recency=0.5), stop=0.5, steps=2, end_power=0.0)
CHAIN = CovisitationGraph.fit(log_of((1, A, 0), (1, B, 1), (2, B, 2), (2, C, 3), (3, C, 4), (3, D, 5)), FORWARD)


def test_walks_end_further_away_less_often() -> None:
    proposed = GraphWalk.fit(CHAIN, PLAIN).candidates(reader_of([A]), 5, exclude=NOTHING)
    assert proposed.item_ids.tolist() == [A, B, C]
    assert proposed.scores.tolist() == [0.5, 0.25, 0.125]


def test_walks_that_are_still_under_way_after_the_last_step_are_lost() -> None:
    proposed = GraphWalk.fit(CHAIN, replace(PLAIN, steps=1)).candidates(reader_of([A]), 5, exclude=NOTHING)
    assert proposed.item_ids.tolist() == [A, B]


def test_at_a_fork_walks_part_by_the_weights_of_the_arrows() -> None:
    graph = CovisitationGraph.fit(log_of((1, A, 0), (1, B, 1, 3.0), (2, A, 2), (2, C, 3)), FORWARD)
    proposed = GraphWalk.fit(graph, PLAIN).candidates(reader_of([A]), 5, exclude=np.array([A]))
    assert proposed.item_ids.tolist() == [B, C]
    assert proposed.scores.tolist() == [0.25 * 3 / 4, 0.25 * 1 / 4]


def test_more_walks_begin_at_what_was_chosen_last() -> None:
    ended = GraphWalk.fit(CHAIN, PLAIN).candidates(reader_of([A, C]), 5, exclude=NOTHING)
    assert dict(zip(ended.item_ids.tolist(), ended.scores.tolist(), strict=True)) == pytest.approx(
        {A: 1 / 3 / 2, B: 1 / 3 / 4, C: 2 / 3 / 2 + 1 / 3 / 8, D: 2 / 3 / 4}
    )


def test_it_reaches_items_that_nobody_chose_beside_the_history() -> None:
    log = log_of((1, A, 0), (1, B, 1), (2, B, 2), (2, C, 3))
    graph = CovisitationGraph.fit(log, CovisitationGraphConfig())
    assert C in GraphWalk.fit(graph, GraphWalkConfig()).candidates(reader_of([A]), 5, exclude=NOTHING).item_ids


def test_no_walk_is_lost_before_the_bounds_of_cost_are_reached() -> None:
    graph = CovisitationGraph.fit(even_readers_like_even_items(), CovisitationGraphConfig())
    walk = GraphWalk.fit(graph, replace(PLAIN, steps=40))
    _, ended = walk.ended(np.array([3]), np.ones(1))
    assert ended.sum() == pytest.approx(1.0)


def test_only_the_fullest_items_are_walked_on_from_and_nobody_gains_by_it() -> None:
    walk, crowded = GraphWalk.fit(CHAIN, PLAIN), GraphWalk.fit(CHAIN, replace(PLAIN, crowd=1))
    begin = np.array([0, 2]), np.array([0.4, 0.6])
    assert by_row(*walk.ended(*begin)) == pytest.approx({0: 0.2, 1: 0.1, 2: 0.35, 3: 0.15})
    assert by_row(*crowded.ended(*begin)) == pytest.approx({0: 0.2, 2: 0.3, 3: 0.15})


def test_a_walk_with_nowhere_to_go_ends() -> None:
    assert GraphWalk.fit(CHAIN, PLAIN).candidates(reader_of([D]), 5, exclude=NOTHING).item_ids.tolist() == [D]


def test_an_arrow_is_followed_only_while_there_are_arrows_left() -> None:
    graph = CovisitationGraph.fit(log_of((1, A, 0), (1, B, 1, 3.0), (2, A, 2), (2, C, 3)), FORWARD)
    few = GraphWalk.fit(graph, replace(PLAIN, arrows=1))
    assert few.candidates(reader_of([A]), 5, exclude=np.array([A])).item_ids.tolist() == [B]


def test_a_config_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="stop"):
        GraphWalkConfig(stop=1.0)
    with pytest.raises(ValueError, match="crowd"):
        GraphWalkConfig(crowd=0)


def by_row(rows: np.ndarray, shares: np.ndarray) -> dict[int, float]:
    return dict(zip(rows.tolist(), shares.tolist(), strict=True))
