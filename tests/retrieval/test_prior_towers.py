"""Towers that add a popularity prior to their scores: trained, exported, measured and served."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch

from retrieval.artefact import RetrieverArtefact, load, save
from retrieval.config import ConfigError, Negatives, TwoTowerConfig
from retrieval.encoding import QueryEncoder, candidate_vectors
from retrieval.index import NO_IDS, Index
from retrieval.popularity_prior import log_prior
from retrieval.query_state import QueryState
from retrieval.retriever import Retriever
from retrieval.train import train_retriever
from tests.retrieval.worlds import SMALL, UNTIL, catalogue, positives

ALPHA, TAU = 0.8, SMALL.training.temperature
PLAIN = replace(
    SMALL,
    training=replace(SMALL.training, epochs=2, negatives=Negatives.SAMPLED, uniform_negatives=16, log_q_strength=0.0),
)
NEVER_CHOSEN = 110


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def with_prior(alpha: float = ALPHA, **options: object) -> TwoTowerConfig:
    training = replace(PLAIN.training, popularity_prior=alpha, **options)  # type: ignore[arg-type]
    return replace(PLAIN, training=training)


def chosen() -> pa.Table:
    table = positives()
    return table.filter(pc.not_equal(table["item_id"], NEVER_CHOSEN))


def learn(config: TwoTowerConfig, **options: object) -> RetrieverArtefact:
    return train_retriever([chosen()], catalogue(), config, until=UNTIL, **options)  # type: ignore[arg-type]


def loves_even() -> QueryState:
    ages_s = np.array([130_000, 90_000, 40_000], np.float32)
    return QueryState(UNTIL, np.array([100, 104, 108]), ("click",) * 3, ages_s)


def wanted_prior() -> np.ndarray:
    """Of the catalogue's order: every item has one topic, and one item was never chosen."""
    counts = np.bincount(chosen()["item_id"].to_numpy() - 100, minlength=24)
    assert counts[NEVER_CHOSEN - 100] == 0
    return log_prior(counts, np.arange(25), np.arange(24, dtype=np.int64) % 2)


def test_a_prior_is_one_more_number_of_each_vector_and_changes_nothing_that_is_learned() -> None:
    plain, prior = learn(PLAIN), learn(with_prior())
    np.testing.assert_array_equal(prior.item_embeddings[:, :-1], plain.item_embeddings)
    np.testing.assert_allclose(prior.item_embeddings[:, -1], TAU * ALPHA * wanted_prior(), rtol=1e-6)
    for name, weights in plain.weights.items():
        np.testing.assert_array_equal(prior.weights[name], weights)
    asked = QueryEncoder.of(prior).vectors([loves_even()])[0]
    np.testing.assert_allclose(asked[:-1], QueryEncoder.of(plain).vectors([loves_even()])[0], atol=1e-6)
    assert asked[-1] == 1


def test_an_index_ranks_by_scores_with_the_prior_in_them() -> None:
    plain, prior = learn(PLAIN), learn(with_prior())
    retriever = Retriever(QueryEncoder.of(prior), Index.build(prior.item_embeddings, prior.item_ids))
    found = retriever.search(loves_even(), 24, NO_IDS)
    scores = plain.item_embeddings @ QueryEncoder.of(plain).vectors([loves_even()])[0] + TAU * ALPHA * wanted_prior()
    np.testing.assert_allclose(found.scores, np.sort(scores)[::-1], atol=1e-5)
    assert found.item_ids.tolist() == prior.item_ids[np.argsort(-scores)].tolist()


def test_the_candidate_tower_knows_the_prior_of_each_item_and_gives_new_ones_the_median() -> None:
    prior = learn(with_prior())
    known = candidate_vectors(prior, catalogue(), UNTIL.timestamp())
    np.testing.assert_allclose(known, prior.item_embeddings, atol=1e-5)
    new = catalogue(26).slice(24)
    np.testing.assert_allclose(
        candidate_vectors(prior, new, UNTIL.timestamp())[:, -1], np.median(prior.item_embeddings[:, -1]), rtol=1e-6
    )


def test_an_artefact_with_a_prior_is_read_as_it_was_written(tmp_path: Path) -> None:
    prior = learn(with_prior())
    save(prior, tmp_path / "one")
    read = load(tmp_path / "one")
    np.testing.assert_array_equal(read.item_embeddings, prior.item_embeddings)
    assert read.config == prior.config
    assert read.config.width == 17


def test_a_training_goes_on_from_towers_with_a_prior_and_without() -> None:
    plain, prior = learn(PLAIN), learn(with_prior())
    onward = [learn(with_prior(), warm_start=before) for before in (plain, prior)]
    np.testing.assert_array_equal(onward[0].item_embeddings, onward[1].item_embeddings)


def test_an_epoch_is_judged_by_scores_with_the_prior_in_them() -> None:
    """A prior that drowns all else ranks by popularity, whoever reads; towers say only which of equals comes first."""
    later, prior = chosen(), wanted_prior()
    drowned = learn(with_prior(1_000.0), validation=later).metrics["validation_ndcg_at_100"]
    gains = []
    for row in later.to_pylist():
        own = prior[row["item_id"] - 100]
        others = np.delete(prior, [item - 100 for item in {*row["history"], row["item_id"]}])
        gains.append([1 / np.log2(2 + above) for above in ((others >= own).sum(), (others > own).sum())])
    least, most = np.mean(gains, axis=0)
    assert least < drowned < most < learn(PLAIN, validation=later).metrics["validation_ndcg_at_100"]


def test_a_bias_and_a_prior_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match="popularity_prior at 0"):
        replace(with_prior(), towers=replace(SMALL.towers, unit_norm=False))
    with pytest.raises(ConfigError, match="popularity_prior"):
        with_prior(-0.5)
