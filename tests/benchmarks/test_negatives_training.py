from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from benchmarks.negatives_choices import PRIOR, REFERENCE, Draw
from benchmarks.negatives_training import Cell, do, popularity, positives, rows_an_epoch, with_dislikes
from benchmarks.retrieval_protocols import splits
from benchmarks.retrieval_ratings import Ratings
from benchmarks.retrieval_states import positives_before
from benchmarks.retrieval_world import made_up_world
from retrieval.content import ItemContent
from retrieval.spool import fill_spool
from tests.benchmarks.small_ratings import ratings_of

DRAW = Draw(0.5, 0.5, 0.5)


@pytest.fixture(scope="module")
def world() -> Ratings:
    torch.set_num_threads(1)
    return made_up_world(60, 300, seed=1)


def cell(**options: object) -> Cell:
    base = Cell("one", REFERENCE.config(16, DRAW, epochs=1, seed=0), validation=True)
    return replace(base, **options)  # type: ignore[arg-type]


def test_dislikes_are_what_the_reader_had_rated_low_before_and_no_positives() -> None:
    ratings = ratings_of({1: [100, 101, 102, 103], 2: [103, 100]}, num_items=5, ratings=[1, 2, 5, 4, 2, 3])
    # events in order of time: reader 1's 100 (1), reader 2's 103 (2), 101 (5), 100 (4), 102 (2), 103 (3)
    tables = positives_before(ratings, np.arange(6), 10)
    rows = pa.concat_tables(with_dislikes(table) for table in tables).to_pylist()
    found = {(row["reader_id"], row["item_id"]): row["not_chosen"] for row in rows}
    assert found == {
        (1, 101): [100],
        (1, 103): [100, 102],
        (2, 100): [103],
    }


def test_dislikes_change_what_is_learned(world: Ratings) -> None:
    """A film that stays a positive of its reader is never held against them: then the term would add nothing."""
    weighty = replace(cell().config, training=replace(cell().config.training, impression_weight=1.0))
    plain, with_term = (do(world, cell(config=config, dislikes=True)) for config in (cell().config, weighty))
    assert not np.array_equal(plain.outcomes[0].by_reader["ndcg@10"], with_term.outcomes[0].by_reader["ndcg@10"])


def test_nobody_dislikes_where_nobody_rates() -> None:
    ratings = ratings_of({1: [100, 101], 2: [101]}, num_items=3)
    (table,) = positives_before(ratings, np.arange(3), 10)
    assert with_dislikes(table)["not_chosen"].to_pylist() == [[], [], []]


def test_popularity_counts_training_events_only(world: Ratings) -> None:
    split = splits(world, "B")[0]
    counts = np.bincount(world.item_idx[split.train_rows], minlength=world.num_items)
    chosen = counts > 0
    assert popularity(world, split)[chosen] == pytest.approx(np.log(counts[chosen] / counts.sum()), abs=1e-5)


def test_a_key_says_all_that_a_result_depends_on() -> None:
    others = [
        cell(validation=False),
        cell(alpha=0.5),
        cell(dislikes=True),
        cell(config=REFERENCE.config(64, DRAW, epochs=1, seed=0)),
        cell(config=REFERENCE.config(16, DRAW, epochs=2, seed=0)),
        cell(config=REFERENCE.config(16, DRAW, epochs=1, seed=1)),
    ]
    assert len({cell().key, *(other.key for other in others)}) == 7
    assert cell(name="another").key == cell().key


def test_a_training_says_what_it_is_worth_and_what_it_took(world: Ratings) -> None:
    result = do(world, cell())
    outcome = result.outcomes[0]
    assert outcome.split == "B validation"
    assert outcome.by_reader["ndcg@10"].shape == outcome.reader_ids.shape
    assert len(outcome.reader_ids) > 50
    assert result.settings["epochs"] == 1
    again = do(world, cell())
    assert again.outcomes[0].by_reader["ndcg@10"].tolist() == outcome.by_reader["ndcg@10"].tolist()


@pytest.mark.parametrize(("half_life_days", "most"), [(None, 25), (30.0, 25), (30.0, 5), (None, 1_000)])
def test_rows_an_epoch_are_those_that_training_draws(
    world: Ratings, tmp_path: Path, half_life_days: float | None, most: int
) -> None:
    config = REFERENCE.config(16, DRAW, epochs=1, seed=0)
    config = replace(config, training=replace(config.training, half_life_days=half_life_days, most_per_reader=most))
    tables, until = positives(world, cell(config=config, validation=False))
    content = ItemContent.from_table(world.items, config.towers)
    spool = fill_spool(tables, content, tmp_path, until=until, towers=config.towers, training=config.training)
    assert rows_an_epoch(world, config) == pytest.approx(spool.expected_draws.sum())


def test_more_prior_proposes_more_popular_items(world: Ratings) -> None:
    config = PRIOR.config(16, DRAW, epochs=1, seed=0)
    biases = [
        do(world, cell(config=config, validation=False, alpha=alpha)).outcomes[0].lists["popularity_bias"]
        for alpha in (0.0, 1.0, 5.0)
    ]
    assert biases == sorted(biases)
    assert biases[0] < biases[2]
