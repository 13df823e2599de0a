from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from retrieval.artefact import RetrieverArtefact, load, save
from retrieval.candidates import Source
from retrieval.encoding import QueryEncoder, candidate_vectors
from retrieval.index import Index
from retrieval.index_vectors import ItemVectors
from retrieval.query_state import QueryState
from retrieval.retriever import Retriever
from retrieval.train import train_retriever
from tests.retrieval.worlds import SMALL, UNTIL, catalogue, positives

NOBODY = np.empty(0, np.int64)
LOVES_EVEN = QueryState(
    at=UNTIL,
    history=np.array([100, 104, 108]),
    history_kinds=("click",) * 3,
    history_ages_s=np.array([90_000.0, 50_000.0, 4_000.0], np.float32),
)


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RetrieverArtefact]:
    """Trained once, and read back from its files, as serving does."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    config = replace(SMALL, training=replace(SMALL.training, epochs=12))
    folder = tmp_path_factory.mktemp("retriever") / "one"
    save(train_retriever([positives()], catalogue(), config, until=UNTIL), folder)
    yield load(folder)
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def retriever(artefact: RetrieverArtefact) -> Retriever:
    return Retriever(QueryEncoder.of(artefact), Index.build(artefact.item_embeddings, artefact.item_ids))


def test_a_reader_gets_items_of_her_taste_with_their_scores(retriever: Retriever, artefact: RetrieverArtefact) -> None:
    found = retriever.search(LOVES_EVEN, 8, NOBODY)
    assert (found.item_ids % 2 == 0).mean() >= 0.9
    query = retriever.encoder.vectors([LOVES_EVEN])[0]
    scores = dict(zip(artefact.item_ids.tolist(), (artefact.item_embeddings @ query).tolist(), strict=True))
    assert found.scores.tolist() == pytest.approx([scores[item] for item in found.item_ids.tolist()], abs=1e-5)
    assert max(scores.values()) == pytest.approx(found.scores[0], abs=1e-5)


def test_what_is_excluded_does_not_come_back(retriever: Retriever) -> None:
    found = retriever.candidates(LOVES_EVEN, 24, exclude=LOVES_EVEN.history)
    assert len(found) == 24 - 3
    assert not set(found.item_ids.tolist()) & {100, 104, 108}


def test_somebody_unknown_gets_candidates_from_context_alone(retriever: Retriever) -> None:
    assert len(retriever.search(QueryState(at=UNTIL), 10, NOBODY)) == 10


def test_a_retriever_is_a_source_like_the_others(retriever: Retriever) -> None:
    source: Source = retriever
    assert source.name == "two_tower"


def test_a_new_item_is_found_at_once_by_the_readers_of_its_topic(
    retriever: Retriever, artefact: RetrieverArtefact
) -> None:
    new = catalogue(26).slice(24)  # 124 is even, 125 odd; training met neither
    vectors = candidate_vectors(artefact, new, UNTIL.timestamp())
    grown = replace(retriever, index=retriever.index.apply(ItemVectors(np.array([124, 125]), vectors)))
    order = grown.search(LOVES_EVEN, 26, NOBODY).item_ids.tolist()
    assert order.index(124) < order.index(125)
    odd = [order.index(item) for item in range(101, 124, 2)]
    assert np.mean([order.index(124) < place for place in odd]) >= 0.8
    assert 124 not in retriever.search(LOVES_EVEN, 26, NOBODY).item_ids.tolist()


def test_an_item_that_training_knew_gets_its_own_vector_back(artefact: RetrieverArtefact) -> None:
    again = candidate_vectors(artefact, catalogue(), UNTIL.timestamp())
    np.testing.assert_allclose(again, artefact.item_embeddings, atol=1e-5)


def test_saving_and_loading_changes_no_query_vector(artefact: RetrieverArtefact, tmp_path: Path) -> None:
    save(artefact, tmp_path / "again")
    first, second = QueryEncoder.of(artefact), QueryEncoder.of(load(tmp_path / "again"))
    np.testing.assert_array_equal(first.vectors([LOVES_EVEN]), second.vectors([LOVES_EVEN]))
