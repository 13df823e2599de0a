from __future__ import annotations

import numpy as np
import pytest

from benchmarks import ranking_sources
from benchmarks.ranking_funnel import FUNNEL, FUSION, TYPE_1, TYPE_2, Answers, answers, fit_funnel, lost, results
from benchmarks.ranking_sources import SOURCES, TWO_TOWER
from benchmarks.retrieval_protocols import Queries, RowLists, Split, splits
from benchmarks.retrieval_results import evaluate
from benchmarks.retrieval_world import made_up_world
from tests.benchmarks.small_funnel import RANKER, Fitted
from tests.benchmarks.small_ratings import ratings_of

WORLD = made_up_world(25, 200, seed=0)


def test_shadows_are_fitted_blind_to_all_labels_and_then_everything_on_all_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fitted = Fitted(monkeypatch)
    (split,) = splits(WORLD, "B")
    funnel = fit_funnel(WORLD, split.unanswered(), seed=0, config=RANKER)
    shadow, final = fitted.splits
    labels = np.concatenate(list(shadow.queries.targets))
    assert not np.isin(labels, shadow.train_rows).any()
    assert np.isin(labels, final.train_rows).all()
    np.testing.assert_array_equal(final.train_rows, split.train_rows)
    assert set(funnel.fit_s) == {FUNNEL, FUSION, *SOURCES}
    assert funnel.fit_s[FUNNEL] > funnel.fit_s[FUSION] == len(SOURCES)


def test_scores_are_nothing_for_what_was_seen_or_not_retrieved(monkeypatch: pytest.MonkeyPatch) -> None:
    Fitted(monkeypatch)
    monkeypatch.setattr(ranking_sources, "ASKED_FOR", 20)
    (split,) = splits(WORLD, "B")
    funnel = fit_funnel(WORLD, split.unanswered(), seed=0, config=RANKER)
    some = split.queries.take(np.arange(0, len(split.queries), 7)).unanswered()
    said = answers(WORLD, funnel, some)
    for order in (FUNNEL, FUSION, TWO_TOWER):
        scores = np.concatenate([said.scorer(order).scores(batch) for batch in some.batches(9)])
        for row, asked in enumerate(funnel.requests.sources.ask(some)):
            proposed = np.flatnonzero(scores[row] > -np.inf)
            assert not np.isin(proposed, WORLD.item_idx[some.history[row]]).any()
            union = WORLD.item_map.idx_of(asked.union.item_ids)
            if order == TWO_TOWER:
                assert len(proposed) == 20
                assert np.isin(proposed, union).all()
            else:
                assert sorted(proposed) == sorted(union)


def test_queries_of_another_split_are_refused() -> None:
    queries, said = by_hand()
    with pytest.raises(ValueError, match="not of the split"):
        said.scorer(FUNNEL).scores(Queries(queries.reader_ids, queries.at_s, queries.targets, queries.targets))


def by_hand() -> tuple[Queries, Answers]:
    """Reader 1 wants 102 and 103: one is not a candidate. Reader 2 wants 101: named, but first by the fusion alone."""
    dataset = ratings_of({1: [100, 101, 102, 103], 2: [100, 101]}, num_items=20)
    rows = np.array([0, 2, 4, 5, 1, 3])  # reader 1's, then reader 2's, in order of time
    queries = Queries(
        np.array([1, 2]),
        np.array([5.0, 5.0]),
        RowLists(rows, np.array([0, 4]), np.array([2, 5])),
        RowLists(rows, np.array([2, 5]), np.array([4, 6])),
    )
    candidates = RowLists(np.arange(14), np.array([0, 2]), np.array([2, 14]))
    item_idx = np.array([2, 5, *range(1, 13)])
    fusion = np.array([2, 1, *range(12, 0, -1)], np.float32)
    scores = {FUNNEL: np.array([2, 1, *range(12)], np.float32), FUSION: fusion}
    return queries, Answers(dataset, queries, candidates, item_idx, scores)


def test_where_held_out_items_were_lost_by_hand() -> None:
    queries, said = by_hand()
    split = Split("B", np.array([0, 1]), queries)
    for order, low in ((FUNNEL, [0, 1]), (FUSION, [0, 0])):
        scorer = said.scorer(order)
        shares = lost(said.dataset, split, scorer, evaluate(said.dataset, split, scorer))
        assert shares[TYPE_1].tolist() == [0.5, 0]
        assert shares[TYPE_2].tolist() == low


def test_every_order_is_measured_and_no_item_is_lost_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    Fitted(monkeypatch)
    (split,) = splits(WORLD, "C")
    made = results(WORLD, split, 5, fit_funnel(WORLD, split.unanswered(), seed=5, config=RANKER))
    assert [one.model for one in made] == [FUNNEL, FUSION, *SOURCES]
    assert {(one.protocol, one.seed) for one in made} == {("C", 5)}
    for one in made:
        found = one.outcomes[0].by_reader
        np.testing.assert_allclose(found[TYPE_1] + found[TYPE_2] + found["recall@10"], 1)
        assert found[TYPE_2].min() > -1e-9
    by_name = {one.model: one.outcomes[0].by_reader for one in made}
    np.testing.assert_array_equal(by_name[FUNNEL][TYPE_1], by_name[FUSION][TYPE_1])
