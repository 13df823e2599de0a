from __future__ import annotations

import numpy as np
import pytest

from retrieval.candidates import NO_CANDIDATES, Candidates


def test_the_place_is_the_rank() -> None:
    assert len(Candidates(np.array([3, 1]), np.array([0.5, 0.5], np.float32))) == 2
    assert len(NO_CANDIDATES) == 0


@pytest.mark.parametrize(
    ("ids", "scores", "said"),
    [
        ([1, 2], [0.1, 0.2], "best first"),
        ([1, 2], [0.2, float("nan")], "finite"),
        ([1, 1], [0.2, 0.1], "once"),
        ([1], [0.2, 0.1], "parallel"),
    ],
)
def test_what_is_no_ranking_is_refused(ids: list[int], scores: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Candidates(np.array(ids), np.array(scores, np.float32))
