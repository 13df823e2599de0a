from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.report import aligned
from benchmarks.retrieval_results import Outcome, Result
from benchmarks.retrieval_runs import Measured
from benchmarks.retrieval_tables import minus, standings, table, values

METRICS = ("recall@10", "ndcg@10", "mrr@10", "recall@100", "recall@300")
LISTS = {"coverage": 0.5, "novelty_bits": 3.0, "popularity_bias": 1.5, "overlap": float("nan")}


def result(model: str, ndcg: list[float], *, seed: int = 0, split: str = "A") -> Result:
    by_reader = {name: np.array(ndcg) for name in METRICS}
    return Result(
        split, model, seed, {"k": 1.0}, 2.0 + seed, 1.0, (Outcome(split, np.arange(len(ndcg)), by_reader, LISTS),)
    )


MEASURED = Measured(
    [result("ours", [0.5, 0.7, 0.6]), result("ours", [0.3, 0.5, 0.4], seed=1), result("peer", [0.3, 0.5, 0.4])]
)


def test_a_standing_averages_seeds_then_readers_and_tells_the_spread_apart() -> None:
    ours, peer = standings(MEASURED)
    assert ours.mean("ndcg@10") == pytest.approx(0.5)
    assert ours.spread == pytest.approx(0.2 / 2**0.5)
    assert ours.fit_s == 2.5
    assert np.isnan(ours.mean("liked ndcg@10"))
    interval = minus(ours, peer)
    assert (interval.low, interval.mean, interval.high) == pytest.approx((0.1, 0.1, 0.1))


def test_readers_without_positives_are_in_no_mean() -> None:
    (one,) = standings(Measured([result("ours", [0.5, np.nan, 0.1])]))
    assert one.mean("ndcg@10") == pytest.approx(0.3)


def test_the_table_has_a_row_a_model_and_names_what_was_only_published() -> None:
    rows = table(standings(MEASURED), "ours", published=True)
    assert [row[:2] for row in rows[1:]] == [
        ("A", "ours"),
        ("A", "peer"),
        ("A", "SASRec, published (RecTools 0.19.0)"),
    ]
    assert len({len(row) for row in rows}) == 1
    assert rows[1][-1] == "-"
    assert rows[2][-1] == "+0.1000 [+0.1000, +0.1000]"
    assert rows[3][2:4] == ("0.1650", "0.0860")
    assert aligned(rows)
    assert len(table(standings(MEASURED), "ours", published=False)) == 3


def test_the_values_are_json_without_nan() -> None:
    told = values(standings(MEASURED), "ours")
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["A"]["ours"]["ndcg@10"] == 0.5
    assert told["A"]["ours"]["seeds"] == [0, 1]
    assert told["A"]["ours"]["ours_minus_it_ndcg@10"] is None
    assert told["A"]["peer"]["ours_minus_it_ndcg@10"]["low"] == pytest.approx(0.1)
    assert told["A"]["peer"]["overlap"] is None
    assert told["A"]["peer"]["seed_spread_ndcg@10"] is None


def test_without_ours_there_is_nothing_to_compare() -> None:
    told = values(standings(Measured([result("peer", [0.5])])), "ours")
    assert told["A"]["peer"]["ours_minus_it_ndcg@10"] is None


def test_a_split_that_asked_nobody_has_no_row() -> None:
    nobody = Result("cold", "peer", 0, {}, 1.0, 1.0, (Outcome("cold items", np.empty(0), {}, {}),))
    assert standings(Measured([nobody])) == []
