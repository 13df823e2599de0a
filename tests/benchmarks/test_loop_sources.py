"""The sources that an arm asks, and the candidates that it keeps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from benchmarks.loop_sources import CANDIDATES, First, PopularFirst, Scored, Unshown
from ranking.request import CandidateColumns, Context, RankingRequest, ReaderState, SourceColumns
from retrieval.candidates import Candidates
from retrieval.query_state import QueryState

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
STATE = QueryState(at=NOW)
NOTHING = np.empty(0, np.int64)


@dataclass(frozen=True)
class Listed:
    """Names these ids, the best first."""

    ids: tuple[int, ...]
    name: str = "listed"

    def candidates(self, _state: QueryState, k: int, *, exclude: np.ndarray) -> Candidates:
        left = np.array([one for one in self.ids if one not in exclude][:k], np.int64)
        return Candidates(left, -np.arange(len(left), dtype=np.float32))


def test_no_source_names_more_than_an_arm_may_ask_for() -> None:
    source = First(Listed(tuple(range(500))))
    assert len(source.candidates(STATE, 200, exclude=NOTHING)) == CANDIDATES
    assert len(source.candidates(STATE, 7, exclude=NOTHING)) == 7


def test_where_little_is_popular_what_is_new_comes_after_it_and_once() -> None:
    source = PopularFirst(Listed((3, 1)), Listed((1, 9, 8, 7)))
    found = source.candidates(STATE, 4, exclude=np.array([9]))
    assert found.item_ids.tolist() == [3, 1, 8, 7]
    nobody_chose_anything = PopularFirst(Listed(()), Listed((5, 4)))
    assert nobody_chose_anything.candidates(STATE, 4, exclude=NOTHING).item_ids.tolist() == [5, 4]


def test_what_is_not_out_yet_or_was_shown_is_not_named_by_scores_from_outside() -> None:
    day = 86_400.0
    published_s = np.array([0, 0, day, np.nan]) + NOW.timestamp() - 60
    source = Scored(np.array([10, 11, 12, 13]), published_s, lambda _at: np.array([0.1, 0.9, 0.5, 0.3]))
    assert source.candidates(STATE, 5, exclude=NOTHING).item_ids.tolist() == [11, 13, 10]
    assert source.candidates(STATE, 5, exclude=np.array([11])).item_ids.tolist() == [13, 10]


def request_of(item_ids: list[int], ranks: list[float]) -> RankingRequest:
    said = SourceColumns(np.zeros(len(ranks), np.float32), np.array(ranks, np.float32))
    zeros = np.zeros(len(ranks), np.float32)
    candidates = CandidateColumns(np.array(item_ids), {"two_tower": said}, zeros, zeros)
    none = np.empty(0, np.int64)
    reader = ReaderState(
        history=none,
        ages_s=none.astype(np.float32),
        gains=none.astype(np.float32),
        topics=none.astype(np.int32),
        authors=none.astype(np.int32),
        languages=none.astype(np.int16),
        tenure_s=0.0,
    )
    return RankingRequest(candidates, reader, Context(NOW.timestamp(), 12.0, 2, "home", 4))


def test_candidates_are_kept_with_their_features_by_the_moment_of_the_page(tmp_path: Path) -> None:
    unshown = Unshown(most=2)
    unshown.keep(request_of([5, 6, 7], [0, 1, 2]), np.arange(6, dtype=np.float32).reshape(3, 2))
    unshown.save(tmp_path / "kept.npz")
    again = Unshown()
    again.load(tmp_path / "kept.npz")
    (at_us,) = again.of_page
    assert at_us == round(NOW.timestamp() * 1e6)
    ids, features = again.of_page[at_us]
    assert len(ids) == 2
    np.testing.assert_array_equal(features[:, 0], (ids - 5) * 2)


def test_what_chance_took_from_outside_is_no_candidate() -> None:
    unshown = Unshown()
    unshown.keep(request_of([5], [np.nan]), np.zeros((1, 2), np.float32))
    assert not unshown.of_page


@pytest.mark.parametrize("most", [None, 60])
def test_all_candidates_are_kept_where_they_are_few(most: int | None) -> None:
    unshown = Unshown(most)
    unshown.keep(request_of([5, 6], [0, 1]), np.zeros((2, 2), np.float32))
    assert [ids.tolist() for ids, _ in unshown.of_page.values()] == [[5, 6]]
