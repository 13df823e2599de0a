from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from retrieval.candidates import NO_CANDIDATES, Candidates
from retrieval.query_state import QueryState
from retrieval.union import FusionConfig, ask, fuse, unite
from tests.retrieval.sources.states import NOTHING, reader_of


def proposed(*pairs: tuple[int, float]) -> Candidates:
    return Candidates(
        np.array([item for item, _ in pairs], np.int64), np.array([score for _, score in pairs], np.float32)
    )


BOTH = unite({"x": proposed((1, 9.0), (2, 8.0)), "y": proposed((2, 0.5), (3, 0.25))})


def test_an_item_stands_once_and_remembers_every_source_that_named_it() -> None:
    assert BOTH.item_ids.tolist() == [1, 2, 3]
    assert BOTH.sources == ("x", "y")
    assert BOTH.ranks.tolist() == [[0, -1], [1, 0], [-1, 1]]
    assert np.isnan(BOTH.scores).tolist() == [[False, True], [False, False], [True, False]]
    assert BOTH.named_by(0) == (("x", 9.0, 0),)
    assert BOTH.named_by(1) == (("x", 8.0, 1), ("y", 0.5, 0))
    assert BOTH.named_by(2) == (("y", 0.25, 1),)


def test_some_of_the_items_keep_their_sources() -> None:
    part = BOTH.only(np.array([3, 2]))
    assert part.item_ids.tolist() == [3, 2]
    assert part.named_by(1) == (("x", 8.0, 1), ("y", 0.5, 0))


def test_an_item_that_nobody_named_cannot_be_picked_out() -> None:
    with pytest.raises(ValueError, match="Item 77"):
        BOTH.only(np.array([3, 77]))


def test_reciprocal_ranks_add_up() -> None:
    fused = fuse(BOTH, FusionConfig(k0=60.0))
    assert fused.item_ids.tolist() == [2, 1, 3]
    assert fused.scores.tolist() == pytest.approx([1 / 62 + 1 / 61, 1 / 61, 1 / 62])


def test_a_weight_makes_a_source_count_more_and_zero_makes_it_count_nothing() -> None:
    doubled = fuse(BOTH, FusionConfig(k0=60.0, weights=(("y", 2.0),)))
    assert doubled.scores.tolist() == pytest.approx([1 / 62 + 2 / 61, 2 / 62, 1 / 61])
    assert doubled.item_ids.tolist() == [2, 3, 1]
    silent = fuse(BOTH, FusionConfig(k0=60.0, weights=(("x", 0.0),)))
    assert silent.item_ids.tolist() == [2, 3, 1]
    assert silent.scores.tolist() == pytest.approx([1 / 61, 1 / 62, 0.0])


def test_a_small_k0_lets_one_first_place_beat_two_lower_ones() -> None:
    union = unite({"x": proposed((1, 3.0), (2, 2.0), (3, 1.0)), "y": proposed((9, 3.0), (8, 2.0), (3, 1.0))})
    assert fuse(union, FusionConfig(k0=60.0)).item_ids[0] == 3
    assert fuse(union, FusionConfig(k0=0.0)).item_ids[0] == 1


def test_among_equals_the_lower_id_comes_first_whatever_the_order_of_sources() -> None:
    one, other = proposed((5, 1.0)), proposed((4, 1.0))
    assert fuse(unite({"x": one, "y": other}), FusionConfig()).item_ids.tolist() == [4, 5]
    assert fuse(unite({"y": other, "x": one}), FusionConfig()).item_ids.tolist() == [4, 5]


def test_no_sources_and_silent_sources_make_an_empty_union() -> None:
    assert len(unite({})) == 0
    assert len(fuse(unite({"x": NO_CANDIDATES}), FusionConfig())) == 0
    assert unite({"x": NO_CANDIDATES, "y": proposed((1, 1.0))}).named_by(0) == (("y", 1.0, 0),)


@dataclass(frozen=True)
class Counting:
    """Proposes 0, 1, 2, ..."""

    name: str

    def candidates(self, state: QueryState, k: int, *, exclude: np.ndarray) -> Candidates:
        items = np.setdiff1d(np.arange(100), exclude)[:k]
        return Candidates(items, -items.astype(np.float32))


class Broken(Counting):
    def candidates(self, state: QueryState, k: int, *, exclude: np.ndarray) -> Candidates:
        raise OSError("the index is gone")


def test_every_source_is_asked_for_as_many_as_it_may_name_and_none_excluded() -> None:
    sources, exclude = [Counting("x"), Counting("y")], np.array([0])
    assert ask(sources, reader_of([]), 2, exclude=exclude).item_ids.tolist() == [1, 2]
    each = ask(sources, reader_of([]), {"x": 1, "y": 3}, exclude=exclude)
    assert (each.ranks >= 0).sum(axis=0).tolist() == [1, 3]


def test_what_a_source_raises_is_raised() -> None:
    with pytest.raises(OSError, match="gone"):
        ask([Counting("x"), Broken("y")], reader_of([]), 2, exclude=NOTHING)


def test_two_sources_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="same name"):
        ask([Counting("x"), Counting("x")], reader_of([]), 2, exclude=NOTHING)
    with pytest.raises(ValueError, match="same name"):
        replace(BOTH, sources=("x", "x"))


def test_shapes_and_configs_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        replace(BOTH, ranks=BOTH.ranks[:1])
    with pytest.raises(ValueError, match="k0"):
        FusionConfig(k0=-1.0)
    with pytest.raises(ValueError, match="weights"):
        FusionConfig(weights=(("x", -1.0),))
