from __future__ import annotations

import numpy as np

from ranking.fitting import Judge, dataset, grow
from tests.ranking.visit_worlds import FEATURE_SET, features_of

RNG = np.random.default_rng(1)
FEATURES = features_of(300, near_score=RNG.normal(size=300), weekday=RNG.integers(0, 7, 300))
WANTED = (FEATURES[:, FEATURE_SET.names.index("weekday")] % 2 == 0).astype(float)
PARAMETERS = {"objective": "regression", "num_leaves": 3, "min_data_in_leaf": 5, "min_data_per_group": 5}


def grown(judge: Judge | None = None, num_trees: int = 20, seed: int = 0) -> str:
    data = dataset(FEATURES, FEATURE_SET.names, FEATURE_SET, label=WANTED)
    parameters = {**PARAMETERS, "bagging_fraction": 0.5, "bagging_freq": 1}
    return grow(data, parameters, num_trees, seed=seed, num_threads=1, judge=judge).text


def test_one_seed_gives_one_model_to_the_byte_and_another_seed_another() -> None:
    assert grown() == grown()
    assert grown() != grown(seed=1)


def test_growing_ends_where_the_judge_liked_it_best() -> None:
    said = iter([1.0, 3.0, 2.0, 2.0, 2.0, 9.0])
    model = grown(Judge(FEATURES, lambda _: next(said), patience=3))
    assert model.count("Tree=") == 2


def test_the_judge_hears_the_scores_of_its_own_rows() -> None:
    lengths: list[int] = []

    def goodness(scores: np.ndarray) -> float:
        lengths.append(len(scores))
        return float(len(lengths))

    grown(Judge(FEATURES[:7], goodness, patience=3), num_trees=4)
    assert lengths == [7] * 4


def test_categories_are_split_as_sets_not_as_numbers() -> None:
    """Even against odd weekdays: one split of a set tells them apart, no threshold does."""
    data = dataset(FEATURES, FEATURE_SET.names, FEATURE_SET, label=WANTED)
    stump = {**PARAMETERS, "num_leaves": 2, "learning_rate": 1.0, "cat_smooth": 1, "cat_l2": 0}
    model = grow(data, stump, 1, seed=0, num_threads=1, judge=None)
    scores = model.raw_scores(FEATURES)
    assert scores[WANTED == 1].min() > scores[WANTED == 0].max()
