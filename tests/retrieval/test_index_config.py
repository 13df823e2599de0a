from __future__ import annotations

import pytest

from retrieval.index_config import IndexConfig, Kind


def test_the_kind_follows_the_number_of_items() -> None:
    config = IndexConfig(exact_up_to=5_000)
    assert config.kind_for(0) is config.kind_for(5_000) is Kind.EXACT
    assert config.kind_for(5_001) is config.kind_for(1_000_000) is Kind.IVF_4BIT


def test_a_chosen_kind_is_taken_where_there_is_enough_to_train_on() -> None:
    config = IndexConfig(kind=Kind.HNSW)
    assert config.kind_for(999) is Kind.EXACT
    assert config.kind_for(1_000) is Kind.HNSW


def test_only_a_kind_that_goes_by_size_has_others_behind_it() -> None:
    assert IndexConfig().kinds_for(20_001) == (Kind.IVF_4BIT, Kind.IVF_8BIT, Kind.EXACT)
    assert IndexConfig().kinds_for(20_000) == (Kind.EXACT,)
    assert IndexConfig(kind=Kind.IVF_4BIT).kinds_for(20_001) == (Kind.IVF_4BIT,)


def test_lists_grow_with_the_root_of_the_number_of_items() -> None:
    assert IndexConfig().lists_for(1_000_000) == 1_400
    assert IndexConfig(lists_per_sqrt_item=0.001).lists_for(1_000) == 1


@pytest.mark.parametrize(
    "values",
    [
        {"recall_goal": 0.0},
        {"recall_goal": 1.01},
        {"max_dead_share": 1.5},
        {"kept_best": 0.0},
        {"recall_at": 0},
        {"sample_queries": 0},
        {"lists_per_sqrt_item": 0.0},
        {"max_delta": -1},
        {"seed": -1},
    ],
)
def test_values_that_no_index_can_be_built_with_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(values)) if "per" not in str(values) else "lists"):
        IndexConfig(**values)  # type: ignore[arg-type]
