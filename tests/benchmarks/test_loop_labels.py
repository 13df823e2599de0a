"""What the rerankers of the arms learn from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from benchmarks.loop_arms import ARMS
from benchmarks.loop_labels import IMPRESSION_FEATURES, as_many_negatives, labelled, take_rows, with_unshown
from benchmarks.loop_sources import Unshown
from ranking.request import NONE
from ranking.visits import ASSUMED_NEGATIVE, DISMISSED, NEGATIVE, POSITIVE, NothingToLearn, Visits
from recsite.funnel.sources import FEATURE_SET
from recsite.training.impressions import ORIGIN, LoggedVisits
from tests.ranking.visit_worlds import visits_of

SIZES, LABELS = [4, 3], [POSITIVE, NEGATIVE, NEGATIVE, DISMISSED, NEGATIVE, NEGATIVE, NEGATIVE]
ITEMS = [1, 2, 3, 4, 5, 6, 7]


def wide(sizes: list[int], labels: list[int], **changes: Any) -> Visits:
    features = np.arange(len(labels) * len(FEATURE_SET), dtype=np.float32).reshape(len(labels), -1)
    return visits_of(sizes, labels, features=features, **changes)


def log_of(visits: Visits, items: list[int]) -> LoggedVisits:
    rows = {
        "slate_id": [b"0" * 16] * len(items),
        "item_id": items,
        "release": [1] * len(items),
    }
    return LoggedVisits(visits, np.arange(visits.num_visits), pa.table(rows, schema=ORIGIN))


def pages_of(visits: Visits, ids: list[int]) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Every page had these candidates."""
    features = np.full((len(ids), len(FEATURE_SET)), -1, np.float32)
    return {round(moment * 1e6): (np.array(ids), features) for moment in np.unique(visits.served_s)}


def never(items: np.ndarray) -> np.ndarray:
    return np.full(len(items), np.inf)


def test_against_unshown_candidates_a_choice_has_as_many_others_as_its_visit_left_and_no_place() -> None:
    visits = wide(SIZES, LABELS)
    rows = with_unshown(log_of(visits, ITEMS), pages_of(visits, [2, 3, 11, 12, 13, 14]), never, viewed=0.0, seed=1)
    assert rows.visit_sizes.tolist() == [4], "a visit without a choice teaches nothing"
    assert rows.labels.tolist() == [POSITIVE] + [ASSUMED_NEGATIVE] * 3
    assert (rows.positions == NONE).all()
    assert (rows.features[1:] == -1).all(), "what was viewed is not among them"


def test_half_of_the_others_are_those_that_were_viewed_where_both_are_asked_for() -> None:
    visits = wide([5], [POSITIVE, NEGATIVE, NEGATIVE, NEGATIVE, NEGATIVE])
    rows = with_unshown(log_of(visits, ITEMS[:5]), pages_of(visits, [11, 12, 13]), never, viewed=0.5, seed=1)
    assert int((rows.features[:, 0] == -1).sum()) == 2
    assert rows.visit_sizes.tolist() == [5]


@pytest.mark.parametrize("viewed", [0.0, 0.5])
def test_what_is_drawn_does_not_go_by_ids_of_visits_which_are_random(viewed: float) -> None:
    one = wide(SIZES, LABELS)
    ids = np.arange(11, 40)
    features = np.repeat(ids[:, None], len(FEATURE_SET), axis=1).astype(np.float32)
    of_page = dict.fromkeys(pages_of(one, []), (ids, features))
    found = []
    for other in range(5):
        ids_of_visits = one.visit_ids + 977 * other
        visits = replace(one, visit_ids=ids_of_visits)
        like = take_rows(visits, np.array([True, True, False, False, True, False, False]))
        unshown = with_unshown(log_of(visits, ITEMS), of_page, never, viewed=viewed, seed=1)
        found.append((unshown.features.tolist(), as_many_negatives(visits, like, seed=1).features.tolist()))
    assert found == found[:1] * 5


def test_negatives_of_all_that_was_served_are_no_more_than_were_viewed() -> None:
    served = wide([5, 3], [POSITIVE, NEGATIVE, NEGATIVE, NEGATIVE, NEGATIVE, NEGATIVE, NEGATIVE, NEGATIVE])
    viewed = wide([3, 1], [POSITIVE, NEGATIVE, NEGATIVE, NEGATIVE])
    rows = as_many_negatives(served, viewed, seed=1)
    assert rows.visit_sizes.tolist() == [3, 1]
    assert int((rows.labels == POSITIVE).sum()) == 1


def test_without_features_of_impressions_their_columns_hold_nothing_and_all_others_stay() -> None:
    visits = wide(SIZES, LABELS)
    rows = labelled(ARMS["d0"], log_of(visits, ITEMS), None, Unshown(), never, seed=1)
    gone = [FEATURE_SET.names.index(name) for name in IMPRESSION_FEATURES]
    assert np.isnan(rows.features[:, gone]).all()
    kept = np.setdiff1d(np.arange(len(FEATURE_SET)), gone)
    np.testing.assert_array_equal(rows.features[:, kept], visits.features[:, kept])
    assert labelled(ARMS["d"], log_of(visits, ITEMS), None, Unshown(), never, seed=1) is visits


def test_visits_that_lose_all_rows_are_gone() -> None:
    visits = wide(SIZES, LABELS)
    rows = take_rows(visits, np.array([True, False, False, True, False, False, False]))
    assert rows.visit_ids.tolist() == [0]
    assert rows.labels.tolist() == [POSITIVE, DISMISSED]
    with pytest.raises(NothingToLearn):
        take_rows(visits, np.zeros(7, bool))


@pytest.mark.parametrize("key", list(ARMS))
def test_every_arm_says_in_a_sentence_what_it_does(key: str) -> None:
    arm = ARMS[key]
    assert arm.key == key
    assert len(arm.title) > 10
    assert arm.labels is None or arm.trains
