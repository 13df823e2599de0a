from __future__ import annotations

from typing import Any

from benchmarks.index import report


def measured(
    num_items: int, *, ratio: float = 1.1, recall: float = 0.96, growth: float | None = None
) -> dict[str, Any]:
    built = {
        "kind": "ivf_4bit",
        "build_seconds": 2.0,
        "build_cpu_seconds": 1.0,
        "ann_bytes_per_item": 42.2,
        "vector_bytes_per_item": 256.0,
    }
    compared = {
        "name": "all",
        "p50_ms": 0.5,
        "p99_ms": 0.7,
        "recall": recall,
        "ratios": {"faiss": ratio, "faiss scan": 1.4},
        "bare_p50_ms": {"faiss": 0.4},
    }
    alone = compared | {"name": "200 excluded", "recall": 0.5, "ratios": {}, "bare_p50_ms": {}}
    return {
        "num_items": num_items,
        "built": built,
        "cases": [compared, alone],
        "other_kinds": [[built, compared]],
        "apply_ms": 0.8,
        "peak_rss_mb": 90.0,
        "growth": growth,
    }


def test_every_goal_can_be_met() -> None:
    told = report([measured(100), measured(1_000, growth=1.7)], seed=1, queries=5)
    assert told.met
    assert [goal.name for goal in told.goals] == [
        "recall@300, 100 items, all",
        "over bare FAISS, 100 items, all",
        "recall@300, 1,000 items, all",
        "over bare FAISS, 1,000 items, all",
        "median search, 100 to 1,000 items",
    ]


def test_each_goal_can_be_missed() -> None:
    assert not report([measured(100, ratio=1.2)], seed=1, queries=5).met
    assert not report([measured(100, recall=0.94)], seed=1, queries=5).met
    assert not report([measured(100), measured(1_000, growth=2.1)], seed=1, queries=5).met


def test_the_table_has_a_row_for_every_case_and_prints_exclusions_apart() -> None:
    told = report([measured(100)], seed=1, queries=5)
    assert [row[0] for row in told.table[1:]] == [
        "100, all",
        "100, 200 excluded",
        "100, otherwise",
        "100, change of 200",
        "100, peak of all this",
    ]
    assert told.table[2][-3:] == ("", "", "")
    assert "0.4000" not in told.text()
