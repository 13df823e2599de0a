from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from retrieval.query_state import QueryState

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def test_nothing_need_be_known_but_the_time() -> None:
    assert len(QueryState(at=NOW).history) == 0


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        QueryState(at=datetime(2026, 5, 1))  # noqa: DTZ001 - that is the mistake


def test_a_history_of_unequal_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="hold 1, 2 and 1"):
        QueryState(
            at=NOW, history=np.array([1]), history_kinds=("click", "like"), history_ages_s=np.array([1.0], np.float32)
        )


def test_a_state_cannot_know_the_future() -> None:
    with pytest.raises(ValueError, match="had not happened yet"):
        QueryState(at=NOW, history=np.array([1]), history_kinds=("click",), history_ages_s=np.array([-1.0], np.float32))
