from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import retrieval_runs
from benchmarks.retrieval_peers import fit_popularity
from benchmarks.retrieval_protocols import Queries, Scorer, Split, splits
from benchmarks.retrieval_ratings import Ratings
from benchmarks.retrieval_runs import Model, measure
from benchmarks.retrieval_store import Store
from benchmarks.retrieval_world import made_up_world
from tests.benchmarks.small_ratings import ratings_of

WORLD = made_up_world(40, 220, seed=4)


class Fits:
    """Popularity or its opposite, and a list of every fit: (rows, seed, sign, split)."""

    def __init__(self) -> None:
        self.done: list[tuple[int, int, int, Split]] = []

    def __call__(self, dataset: Ratings, split: Split, *, seed: int, sign: int = 1) -> Scorer:
        self.done.append((len(split.train_rows), seed, sign, split))
        popular = fit_popularity(dataset, split, seed=seed)

        class Signed:
            def scores(self, queries: Queries) -> np.ndarray:
                return sign * popular.scores(queries)

        return Signed()


def test_seeded_models_run_once_a_seed_and_others_once(tmp_path: Path) -> None:
    seeded, plain = Fits(), Fits()
    models = [Model("seeded", seeded, seeded=True, ours=True), Model("plain", plain)]
    measured = measure(WORLD, models, ["A", "cold"], [5, 6], Store(tmp_path, WORLD.fingerprint))
    assert [(one.protocol, one.seed) for one in measured.of("A", "seeded")] == [("A", 5), ("A", 6)]
    assert [seed for _, seed, _, _ in seeded.done] == [5, 6, 5]  # cold with the first seed only
    assert [seed for _, seed, _, _ in plain.done] == [5, 5]
    assert [outcome.split for outcome in measured.of("cold", "plain")[0].outcomes] == [
        "cold readers",
        "cold items",
        "cold items, among themselves",
    ]
    assert seeded.done[0][3] is seeded.done[1][3]


def test_a_resumed_run_does_only_what_is_left_and_says_the_same(tmp_path: Path) -> None:
    store = Store(tmp_path, WORLD.fingerprint)
    stopped, fits = Fits(), Fits()

    def runs_out(dataset: Ratings, split: Split, *, seed: int) -> Scorer:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(WORLD, [Model("first", stopped), Model("second", runs_out)], ["A"], [0], store)
    assert len(stopped.done) == 1
    models = [Model("first", fits), Model("second", fits)]
    measured = measure(WORLD, models, ["A"], [0], store)
    assert len(fits.done) == 1
    assert measured.reused == 1
    again = measure(WORLD, models, ["A"], [0], store)
    assert len(fits.done) == 1
    assert again.reused == 2
    for one, other in zip(measured.results, again.results, strict=True):
        assert (one.model, one.fit_s, one.fit_cpu_s) == (other.model, other.fit_s, other.fit_cpu_s)
        assert one.fit_cpu_s is not None
        for name, values in one.outcomes[0].by_reader.items():
            assert np.array_equal(values, other.outcomes[0].by_reader[name], equal_nan=True)


def test_settings_are_chosen_on_validation_and_chosen_once(tmp_path: Path) -> None:
    fits = Fits()
    model = Model("signed", fits, grid=({"sign": -1}, {"sign": 1}), seeded=True)
    store = Store(tmp_path, WORLD.fingerprint)
    measured = measure(WORLD, [model], ["B"], [0, 1], store)
    (split,) = splits(WORLD, "B")
    assert split.validation is not None
    inner, outer = len(split.validation.train_rows), len(split.train_rows)
    assert [(rows, seed, sign) for rows, seed, sign, _ in fits.done] == [
        (inner, 0, -1),
        (inner, 0, 1),
        (outer, 0, 1),
        (outer, 1, 1),
    ]
    assert {one.settings["sign"] for one in measured.results} == {1}
    assert measured.tuning_s > 0
    assert measure(WORLD, [model], ["B"], [0, 1], store).tuning_s == measured.tuning_s


def test_no_model_is_handed_an_answer(tmp_path: Path) -> None:
    fits = Fits()
    measure(WORLD, [Model("any", fits, grid=({"sign": 1}, {"sign": -1}))], ["A", "C"], [0], Store(tmp_path, "data"))
    assert len(fits.done) == 6
    for _, _, _, split in fits.done:
        assert {len(targets) for targets in split.queries.targets} == {0}


def test_with_too_many_events_the_first_settings_are_taken_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval_runs, "TUNED_UP_TO", 10)
    model = Model("signed", Fits(), grid=({"sign": -1}, {"sign": 1}))
    measured = measure(WORLD, [model], ["A"], [0], Store(tmp_path, "data"))
    assert measured.results[0].settings == {"sign": -1}
    assert measured.untuned == ["A: signed"]


def test_readers_of_few_events_leave_nothing_to_choose_settings_by(tmp_path: Path) -> None:
    dataset = ratings_of({reader: [100, 101] for reader in range(9)}, num_items=3)
    model = Model("signed", Fits(), grid=({"sign": -1}, {"sign": 1}))
    assert measure(dataset, [model], ["A"], [0], Store(tmp_path, "data")).untuned == ["A: signed"]


def test_a_model_too_large_for_the_catalogue_is_left_out_with_a_reason(tmp_path: Path) -> None:
    fits = Fits()
    measured = measure(WORLD, [Model("large", fits, most_items=219)], ["A"], [0], Store(tmp_path, "data"))
    assert not measured.results
    assert not fits.done
    assert "220 items x items; at most 219" in measured.left_out["large"]
