from __future__ import annotations

import numpy as np
import pytest

from ranking.caps import NO_CAPS, Caps
from ranking.diversity import Mmr
from ranking.slate_config import Pin, ScoredCandidates, SlateConfig, SlateRules
from tests.ranking.pages import scored

ONE = np.array([1])
KEYS = np.array([[0, 0]])


@pytest.mark.parametrize(
    ("scores", "keys", "vectors", "match"),
    [
        (np.zeros(2, np.float32), KEYS, None, r"must be \(1,\) and \(1, 2\)"),
        (np.zeros(1, np.float32), KEYS[0], None, r"must be \(1,\) and \(1, 2\)"),
        (np.zeros(1, np.float32), KEYS, np.zeros((2, 3)), "vectors"),
        (np.array([np.nan], np.float32), KEYS, None, "finite"),
        (np.array([np.inf], np.float32), KEYS, None, "finite"),
    ],
    ids=["scores", "keys", "vectors", "nan", "infinity"],
)
def test_columns_that_do_not_fit_are_refused(
    scores: np.ndarray, keys: np.ndarray, vectors: np.ndarray | None, match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        ScoredCandidates(ONE, scores, keys, vectors)


def test_some_rows_keep_what_is_theirs() -> None:
    some = scored((5, 0.5, 1, 2), (6, 0.25, 3, 4), vectors=[[1, 0], [0, 1]]).of_rows(np.array([1]))
    assert (some.item_ids.tolist(), some.scores.tolist(), some.cap_keys.tolist()) == ([6], [0.25], [[3, 4]])
    assert some.vectors is not None
    assert some.vectors.tolist() == [[0, 1]]


@pytest.mark.parametrize("pins", [(Pin(0, 1), Pin(0, 2)), (Pin(0, 1), Pin(1, 1))], ids=["position", "item_id"])
def test_two_pins_of_one_place_or_one_item_are_refused(pins: tuple[Pin, ...]) -> None:
    with pytest.raises(ValueError, match="Two pins have the same"):
        SlateRules(pins=pins)


def test_a_page_has_room() -> None:
    with pytest.raises(ValueError, match="1 slot or more"):
        SlateConfig(size=0)


def test_with_mmr_there_are_no_caps() -> None:
    assert SlateConfig(diversity=Mmr()).caps == NO_CAPS
    assert SlateConfig(diversity=Caps(1)).caps == Caps(1)
