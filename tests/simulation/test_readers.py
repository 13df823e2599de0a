from __future__ import annotations

from statistics import mean

import pytest

from simulation.readers import AGE_BANDS, PATIENCE, VISITS_A_DAY, SimulatedReader, draw_readers
from simulation.truth import INTERESTS


@pytest.fixture(scope="module")
def readers() -> list[SimulatedReader]:
    return list(draw_readers(seed=1, num_readers=400))


def test_a_larger_audience_begins_with_the_smaller(readers: list[SimulatedReader]) -> None:
    assert list(draw_readers(seed=1, num_readers=20)) == readers[:20]
    assert list(draw_readers(seed=2, num_readers=20)) != readers[:20]


def test_tastes_are_shares_and_mostly_of_a_few_interests(readers: list[SimulatedReader]) -> None:
    assert all(sum(reader.tastes) == pytest.approx(1) and min(reader.tastes) >= 0 for reader in readers)
    assert mean(sum(sorted(reader.tastes)[-3:]) for reader in readers) > 0.75


def test_an_age_band_says_something_about_tastes_but_not_much(readers: list[SimulatedReader]) -> None:
    for band, common in AGE_BANDS.items():
        places = [INTERESTS.index(name) for name in common]
        inside = [sum(r.tastes[place] for place in places) for r in readers if r.attributes["age_band"] == band]
        outside = [sum(r.tastes[place] for place in places) for r in readers if r.attributes["age_band"] != band]
        assert 1.2 * mean(outside) < mean(inside) < 0.6


def test_readers_come_and_stay_within_their_bounds(readers: list[SimulatedReader]) -> None:
    assert all(VISITS_A_DAY[0] <= reader.visits_a_day <= VISITS_A_DAY[1] for reader in readers)
    assert all(PATIENCE[0] <= reader.patience <= PATIENCE[1] for reader in readers)
    assert all(0 <= reader.hour < 24 for reader in readers)


def test_most_who_read_another_language_first_also_read_english(readers: list[SimulatedReader]) -> None:
    elsewhere = [reader for reader in readers if reader.languages[0] != "en"]
    assert 0.55 < mean("en" in reader.languages for reader in elsewhere) < 0.85
    assert all(len(set(reader.languages)) == len(reader.languages) for reader in readers)


def test_what_the_site_may_know_says_nothing_of_the_truth(readers: list[SimulatedReader]) -> None:
    assert set(readers[0].public) == {"external_id", "languages", "attributes"}
    assert set(readers[0].hidden) & set(readers[0].public) == {"external_id"}
