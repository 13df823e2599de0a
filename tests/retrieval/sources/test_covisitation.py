from __future__ import annotations

import numpy as np
import pytest

from retrieval.interactions import Interactions
from retrieval.sources.covisitation import Covisitation, CovisitationConfig
from retrieval.sources.covisitation_graph import CovisitationGraph, CovisitationGraphConfig
from retrieval.sources.evidence import Evidence
from tests.retrieval.sources.states import NOTHING, log_of, reader_of
from tests.retrieval.sources.worlds import ML_100K, everybody_reads_on, last_item_out, ml_100k

A, B, C = 10, 20, 30
PLAIN = CovisitationConfig(evidence=Evidence(last_items=10, recency=0.5), row_power=0.0, end_power=0.0)


def fitted(log: Interactions, config: CovisitationConfig = PLAIN) -> Covisitation:
    return Covisitation.fit(CovisitationGraph.fit(log, CovisitationGraphConfig()), config)


CHAIN = fitted(log_of((1, A, 0), (1, B, 1), (1, C, 2)))


def test_one_item_proposes_its_neighbours() -> None:
    proposed = CHAIN.candidates(reader_of([A]), 5, exclude=NOTHING)
    assert proposed.item_ids.tolist() == [B, C]
    assert proposed.scores.tolist() == [1.0, 0.5]


def test_the_arrows_of_the_last_items_add_up_the_older_ones_at_a_discount() -> None:
    proposed = CHAIN.candidates(reader_of([A, B]), 5, exclude=NOTHING)
    assert proposed.item_ids.tolist() == [C, A, B]
    assert proposed.scores.tolist() == [1.0 + 0.5 * 0.5, 0.5, 0.5 * 1.0]


def test_what_was_chosen_last_counts_most() -> None:
    log = log_of((1, 1, 0), (1, 11, 1), (2, 2, 2), (2, 12, 3))
    assert fitted(log).candidates(reader_of([1, 2]), 1, exclude=NOTHING).item_ids.tolist() == [12]
    assert fitted(log).candidates(reader_of([2, 1]), 1, exclude=NOTHING).item_ids.tolist() == [11]


def test_items_further_back_than_the_last_ones_are_not_asked() -> None:
    config = CovisitationConfig(evidence=Evidence(last_items=1, recency=1.0))
    log = log_of((1, 1, 0), (1, 11, 1), (2, 2, 2), (2, 12, 3))
    assert fitted(log, config).candidates(reader_of([1, 2]), 5, exclude=NOTHING).item_ids.tolist() == [12]


def test_a_dismissed_item_proposes_nothing() -> None:
    assert len(CHAIN.candidates(reader_of([A, A], ["click", "dismiss"]), 5, exclude=NOTHING)) == 0


def test_row_power_gives_every_item_of_the_history_the_same_say() -> None:
    log = log_of((1, 1, 0), (1, 11, 1), (2, 1, 2), (2, 11, 3), (3, 2, 4), (3, 12, 5))
    asked = reader_of([2, 1])
    even = CovisitationConfig(evidence=Evidence(last_items=2, recency=1.0), row_power=1.0, end_power=0.0)
    assert fitted(log).candidates(asked, 2, exclude=NOTHING).scores.tolist() == [2.0, 0.5]
    assert fitted(log, even).candidates(asked, 2, exclude=NOTHING).scores.tolist() == [1.0, 1.0]


def test_end_power_makes_popularity_count_less() -> None:
    log = log_of((1, A, 0), (1, B, 1), (2, B, 2), (3, B, 3), (4, B, 4), (5, A, 5), (5, C, 6))
    fair = CovisitationConfig(row_power=0.0, end_power=0.5)
    assert fitted(log).candidates(reader_of([A]), 2, exclude=NOTHING).scores.tolist() == [1.0, 1.0]
    proposed = fitted(log, fair).candidates(reader_of([A]), 2, exclude=NOTHING)
    assert proposed.item_ids.tolist() == [C, B]
    assert proposed.scores.tolist() == [1.0, 0.5]


def test_where_everybody_reads_on_the_next_item_comes_first() -> None:
    """The twin of the test on ML-100K."""
    source = fitted(everybody_reads_on(), CovisitationConfig())
    for last in range(0, 50, 7):
        history = np.arange(last - 4, last + 1) % 50
        proposed = source.candidates(reader_of(history.tolist()), 1, exclude=history)
        assert proposed.item_ids.tolist() == [(last + 1) % 50]


@pytest.mark.skipif(not ML_100K.exists(), reason=f"{ML_100K} is not there; the twin above runs everywhere")
def test_the_last_item_of_real_readers_is_found_about_as_often_as_the_field_finds_it() -> None:
    log, readers = last_item_out(ml_100k())
    source = fitted(log, CovisitationConfig())
    asked = list(readers.values())[::6]
    within = [
        np.isin(items[-1], source.candidates(reader_of(items[:-1].tolist()), 100, exclude=items[:-1]).item_ids)
        for items in asked
    ]
    assert np.mean(within) > 0.58
