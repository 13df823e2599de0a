from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from benchmarks.retrieval_protocols import splits
from benchmarks.retrieval_states import positives_around, positives_before, query_table
from tests.benchmarks.small_ratings import ratings_of

WORLD = ratings_of({1: [100, 101, 102, 103], 2: [104, 100, 105]}, num_items=6, ratings=[5, 1, 3, 4, 2, 5, 4])


def rows_of(tables: list[pa.Table]) -> dict[tuple[int, int], dict[str, Any]]:
    rows = [row for table in tables for row in table.to_pylist()]
    return {(row["reader_id"], row["item_id"]): row for row in rows}


def test_a_positive_stands_beside_what_came_before_it() -> None:
    rows = rows_of(positives_before(WORLD, WORLD.interactions.times_s.argsort(kind="stable"), 10))
    assert len(rows) == 7
    assert rows[1, 100]["history"] == []
    assert rows[1, 103]["history"] == [100, 101, 102]
    assert rows[1, 103]["history_ages_s"] == [3.0, 2.0, 1.0]
    assert rows[2, 105]["history"] == [104, 100]


def test_a_history_keeps_its_most_recent_part() -> None:
    rows = rows_of(positives_before(WORLD, WORLD.interactions.times_s.argsort(kind="stable"), 2))
    assert rows[1, 103]["history"] == [101, 102]


def test_a_positive_stands_beside_all_else_and_never_beside_itself() -> None:
    rows = rows_of(positives_around(WORLD, WORLD.interactions.times_s.argsort(kind="stable"), 10, seed=0))
    assert rows[1, 101]["history"] == [100, 102, 103]
    assert rows[1, 101]["history_ages_s"] == [4.0, 2.0, 1.0]  # a second after the reader's last event
    assert all(item not in row["history"] for (_, item), row in rows.items())


def test_of_a_long_history_a_random_part_is_kept_in_order() -> None:
    rows = rows_of(positives_around(WORLD, WORLD.interactions.times_s.argsort(kind="stable"), 2, seed=0))
    assert {len(row["history"]) for row in rows.values()} == {2}
    assert all(row["history_ages_s"] == sorted(row["history_ages_s"], reverse=True) for row in rows.values())


def test_ratings_are_read_as_the_site_reads_them() -> None:
    kinds = {}
    for row in rows_of(positives_around(WORLD, WORLD.interactions.times_s.argsort(kind="stable"), 10, seed=0)).values():
        kinds |= {
            (row["reader_id"], item): kind for item, kind in zip(row["history"], row["history_kinds"], strict=True)
        }
    rated = dict(
        zip(
            zip(WORLD.interactions.reader_ids.tolist(), WORLD.interactions.item_ids.tolist(), strict=True),
            WORLD.ratings.tolist() if WORLD.ratings is not None else [],
            strict=True,
        )
    )
    expected = {1.0: "dismiss", 2.0: "dismiss", 3.0: "click", 4.0: "like", 5.0: "like"}
    assert kinds == {pair: expected[rating] for pair, rating in rated.items()}


@pytest.mark.parametrize("protocol", ["A", "C"])
def test_a_query_asks_with_its_own_history(protocol: str) -> None:
    queries = splits(WORLD, protocol)[0].queries
    table = query_table(WORLD, queries, 10)
    asked = [WORLD.interactions.item_ids[rows].tolist() for rows in queries.history]
    assert table["history"].to_pylist() == asked
    assert all(age >= 0 for ages in table["history_ages_s"].to_pylist() for age in ages)
