from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from retrieval.interactions import Interactions
from retrieval.sources import covisitation_graph
from retrieval.sources.covisitation_graph import CovisitationGraph, CovisitationGraphConfig
from tests.retrieval.sources.states import log_of
from tests.retrieval.sources.worlds import even_readers_like_even_items

A, B, C = 10, 20, 30
CONFIG = CovisitationGraphConfig()


def arrows_of(graph: CovisitationGraph) -> dict[tuple[int, int], float]:
    """Weight by (from, to), in the order in which the graph keeps them."""
    ids = graph.items.item_ids
    near, far, weights = graph.arrows(np.arange(len(ids)))
    return dict(zip(zip(ids[near].tolist(), ids[far].tolist(), strict=True), weights.tolist(), strict=True))


def test_a_pair_weighs_one_over_its_gap_and_half_of_that_backwards() -> None:
    graph = CovisitationGraph.fit(log_of((1, A, 0), (1, B, 1), (1, C, 2)), CONFIG)
    assert arrows_of(graph) == {
        (A, B): 1.0,
        (A, C): 0.5,
        (B, C): 1.0,
        (B, A): 0.5,
        (C, B): 0.5,
        (C, A): 0.25,
    }


def test_pairs_further_apart_than_the_steps_do_not_count() -> None:
    graph = CovisitationGraph.fit(log_of((1, A, 0), (1, B, 1), (1, C, 2)), replace(CONFIG, steps=1))
    assert (A, C) not in arrows_of(graph)
    assert (C, A) not in arrows_of(graph)


def test_readers_do_not_pair_with_each_other_however_their_events_interleave() -> None:
    graph = CovisitationGraph.fit(log_of((1, A, 0), (2, C, 1), (1, B, 2)), CONFIG)
    assert arrows_of(graph) == {(A, B): 1.0, (B, A): 0.5}


def test_the_same_pair_of_two_readers_adds_up() -> None:
    graph = CovisitationGraph.fit(log_of((1, A, 0), (1, B, 1), (2, A, 2), (2, B, 3)), CONFIG)
    assert arrows_of(graph) == {(A, B): 2.0, (B, A): 1.0}


def test_an_item_is_no_neighbour_of_itself() -> None:
    assert arrows_of(CovisitationGraph.fit(log_of((1, A, 0), (1, A, 1)), CONFIG)) == {}


def test_an_arrow_weighs_what_was_done_at_its_far_end() -> None:
    graph = CovisitationGraph.fit(log_of((1, A, 0), (1, B, 1, 3.0)), CONFIG)
    assert arrows_of(graph) == {(A, B): 3.0, (B, A): 0.5}


def test_a_pair_loses_half_of_its_weight_in_a_half_life_since_its_later_event() -> None:
    log = log_of((1, A, 0), (1, B, 10), (2, A, 39), (2, C, 40))
    graph = CovisitationGraph.fit(log, replace(CONFIG, half_life_days=30.0))
    assert arrows_of(graph) == pytest.approx({(A, C): 1.0, (A, B): 0.5, (B, A): 0.25, (C, A): 0.5})
    assert graph.masses.tolist() == pytest.approx([0.5 ** (40 / 30) + 0.5 ** (1 / 30), 0.5, 1.0])


def test_without_a_half_life_age_plays_no_part() -> None:
    arrows = arrows_of(CovisitationGraph.fit(log_of((1, A, 0), (1, B, 0.1), (2, A, 50), (2, C, 51)), CONFIG))
    assert arrows[A, B] == arrows[A, C]


def test_the_strongest_neighbours_are_kept_the_strongest_first() -> None:
    log = log_of((1, A, 0), (1, B, 1), (2, A, 2), (2, C, 3), (3, A, 4), (3, C, 5))
    assert [end for start, end in arrows_of(CovisitationGraph.fit(log, CONFIG)) if start == A] == [C, B]
    assert arrows_of(CovisitationGraph.fit(log, replace(CONFIG, neighbours=1)))[A, C] == 2.0
    assert (A, B) not in arrows_of(CovisitationGraph.fit(log, replace(CONFIG, neighbours=1)))


def test_of_equal_neighbours_the_lower_id_is_kept() -> None:
    log = log_of((1, A, 0), (1, C, 1), (2, A, 2), (2, B, 3))
    assert (A, B) in arrows_of(CovisitationGraph.fit(log, replace(CONFIG, neighbours=1)))


def test_counting_in_small_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    log = even_readers_like_even_items()
    config = replace(CONFIG, half_life_days=1.0, neighbours=7)
    whole = CovisitationGraph.fit(log, config)
    monkeypatch.setattr(covisitation_graph, "_EVENTS_A_BLOCK", 17)  # less than an item has, so items are split, too
    in_blocks = CovisitationGraph.fit(log, config)
    assert in_blocks.starts.tolist() == whole.starts.tolist()
    assert in_blocks.neighbours.tolist() == whole.neighbours.tolist()
    assert in_blocks.weights == pytest.approx(whole.weights)


def test_only_the_strongest_arrows_may_be_asked_for() -> None:
    graph = CovisitationGraph.fit(log_of((1, A, 0), (1, B, 1), (1, C, 2)), CONFIG)
    near, far, weights = graph.arrows(np.array([2, 0]), strongest=1)
    assert near.tolist() == [0, 1]
    assert graph.items.item_ids[far].tolist() == [B, B]
    assert weights.tolist() == [0.5, 1.0]


def test_what_decayed_to_nothing_is_no_arrow_and_still_has_a_mass() -> None:
    log = log_of((1, A, 0), (1, B, 1), (2, A, 59), (2, C, 60))
    graph = CovisitationGraph.fit(log, replace(CONFIG, half_life_days=0.01))
    assert (A, B) not in arrows_of(graph)
    assert (graph.masses > 0).all()


def test_an_empty_log_makes_an_empty_graph() -> None:
    nothing = np.empty(0, np.int64)
    graph = CovisitationGraph.fit(Interactions.in_order(nothing, nothing, nothing), replace(CONFIG, half_life_days=1.0))
    assert len(graph.items) == len(graph.weights) == 0


def test_a_config_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="steps"):
        CovisitationGraphConfig(steps=0)
    with pytest.raises(ValueError, match="backward"):
        CovisitationGraphConfig(backward=-1.0)
    with pytest.raises(ValueError, match="half_life_days"):
        CovisitationGraphConfig(half_life_days=0.0)


def test_a_graph_whose_arrays_do_not_fit_is_refused() -> None:
    graph = CovisitationGraph.fit(log_of((1, A, 0), (1, B, 1)), CONFIG)
    with pytest.raises(ValueError, match="starts"):
        replace(graph, starts=graph.starts[:-1])
    with pytest.raises(ValueError, match="parallel"):
        replace(graph, weights=graph.weights[:-1])
