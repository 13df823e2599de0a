from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from retrieval.sources.item_table import ItemTable
from retrieval.sources.popular import Popular, PopularConfig, Trending, TrendingConfig
from tests.retrieval.sources.states import AT_S, DAY_S, NOTHING, log_of, reader_of

NOBODY = reader_of([])
A, B, C = 10, 20, 30
PLAIN = PopularConfig(half_life_days=None)


def test_the_most_chosen_item_comes_first() -> None:
    log = log_of((1, A, 0), (1, B, 1), (2, B, 2), (3, C, 3, 3.0))
    proposed = Popular.fit(log, PLAIN, at_s=AT_S).candidates(NOBODY, 5, exclude=NOTHING)
    assert proposed.item_ids.tolist() == [C, B, A]
    assert proposed.scores.tolist() == [3.0, 2.0, 1.0]


def test_a_choice_counts_half_after_a_half_life() -> None:
    log = log_of((1, A, 30), (2, B, 60))
    proposed = Popular.fit(log, PopularConfig(half_life_days=30.0), at_s=AT_S).candidates(NOBODY, 5, exclude=NOTHING)
    assert proposed.item_ids.tolist() == [B, A]
    assert proposed.scores.tolist() == pytest.approx([1.0, 0.5])


def test_a_shorter_half_life_prefers_what_is_chosen_now() -> None:
    log = log_of((1, A, 0), (2, A, 0), (3, A, 0), (1, B, 59), (2, B, 59))
    first = {
        days: Popular.fit(log, PopularConfig(days), at_s=AT_S).candidates(NOBODY, 1, exclude=NOTHING).item_ids[0]
        for days in (None, 7.0)
    }
    assert first == {None: A, 7.0: B}


def test_one_reader_cannot_make_an_item_popular_by_coming_often() -> None:
    log = log_of((1, A, 0), (1, A, 1), (1, A, 2), (2, B, 3), (3, B, 4))
    proposed = Popular.fit(log, PLAIN, at_s=AT_S).candidates(NOBODY, 5, exclude=NOTHING)
    assert proposed.item_ids.tolist() == [B, A]
    assert proposed.scores.tolist() == [2.0, 1.0]


def test_a_reader_gets_languages_that_she_reads_or_that_nobody_knows() -> None:
    log = log_of((1, A, 0), (2, A, 0), (1, B, 1), (1, C, 2))
    items = ItemTable(np.array([A, B]), np.zeros(2), ["de", "en"])
    source = Popular.fit(log, PLAIN, at_s=AT_S, items=items)
    assert source.candidates(reader_of([], languages=("en",)), 5, exclude=NOTHING).item_ids.tolist() == [B, C]
    assert source.candidates(NOBODY, 5, exclude=NOTHING).item_ids.tolist() == [A, B, C]


@pytest.mark.parametrize("source", [Popular, Trending])
def test_counts_do_not_look_into_the_future(source: type[Popular] | type[Trending]) -> None:
    config = PopularConfig() if source is Popular else TrendingConfig()
    with pytest.raises(ValueError, match="future"):
        source.fit(log_of((1, A, 60)), config, at_s=AT_S - 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("source", [Popular, Trending])
def test_on_the_first_day_there_is_nothing_to_propose(source: type[Popular] | type[Trending]) -> None:
    config = PopularConfig() if source is Popular else TrendingConfig()
    empty = log_of((1, A, 0)).before(0.0)
    fitted = source.fit(empty, config, at_s=AT_S)  # type: ignore[arg-type]
    assert len(fitted.candidates(NOBODY, 5, exclude=NOTHING)) == 0


def test_a_rise_is_what_happens_now_over_what_is_usual_drawn_towards_one() -> None:
    """Half-lives of 1 and 2 days; A was chosen twice two days ago, B twice now."""
    log = log_of((1, A, 58), (2, A, 58), (3, B, 60), (4, B, 60))
    source = Trending.fit(log, TrendingConfig(recent_days=1.0, usual_days=2.0, prior=1.0), at_s=AT_S)
    now_b, long_b, traffic = 2.0, 2.0, (2.0 + 0.5) / (2.0 + 1.0)
    proposed = source.candidates(NOBODY, 5, exclude=NOTHING)
    assert proposed.item_ids.tolist() == [B]
    assert proposed.scores.tolist() == pytest.approx([(now_b + 1) / (long_b * traffic + 1)])


def test_what_was_always_popular_is_no_trend() -> None:
    steady = [(reader, A, day) for day in range(60) for reader in range(day * 10, day * 10 + 10)]
    rising = [(reader, B, 60) for reader in range(1000, 1005)]
    proposed = Trending.fit(log_of(*steady, *rising), TrendingConfig(), at_s=AT_S).candidates(
        NOBODY, 5, exclude=NOTHING
    )
    assert proposed.item_ids.tolist() == [B]


def test_a_single_choice_is_a_smaller_trend_than_many() -> None:
    usual = [(reader, A, day) for day in range(60) for reader in range(day * 10, day * 10 + 10)]
    log = log_of(*usual, (2000, B, 60), *((reader, C, 60) for reader in range(1000, 1010)))
    proposed = Trending.fit(log, TrendingConfig(), at_s=AT_S).candidates(NOBODY, 5, exclude=NOTHING)
    assert proposed.item_ids.tolist() == [C, B]


def test_a_busy_day_for_the_whole_site_makes_no_trend() -> None:
    quiet = [(day * 10 + item, item, day) for day in range(50) for item in range(5)]
    busy = [(1000 + visit * 10 + item, item, 60) for visit in range(30) for item in range(5)]
    source = Trending.fit(log_of(*quiet, *busy), TrendingConfig(), at_s=AT_S)
    assert len(source.candidates(NOBODY, 5, exclude=NOTHING)) == 0


def test_configs_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="half_life_days"):
        PopularConfig(half_life_days=0.0)
    with pytest.raises(ValueError, match="recent_days"):
        replace(TrendingConfig(), usual_days=0.5)
    with pytest.raises(ValueError, match="prior"):
        TrendingConfig(prior=0.0)


def test_scores_fall_with_the_moment_from_which_they_are_counted() -> None:
    log = log_of((1, A, 60))
    later = Popular.fit(log, PopularConfig(half_life_days=1.0), at_s=AT_S + DAY_S)
    assert later.candidates(NOBODY, 1, exclude=NOTHING).scores.tolist() == pytest.approx([0.5])
