from __future__ import annotations

import pytest

from ranking.config import RankerConfig


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"later_share": 0.0}, "some must judge"),
        ({"later_share": 1.0}, "some must judge"),
        ({"viewed_gain": -0.1}, "worse than dismissed"),
        ({"min_examination": 0.0}, "above 0"),
        ({"min_examination": 1.1}, "above 0"),
    ],
)
def test_a_config_that_cannot_train_is_refused(changes: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        RankerConfig(**changes)  # type: ignore[arg-type]
