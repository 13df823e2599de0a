from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from retrieval.batches import epoch_batches
from retrieval.content import ItemContent
from retrieval.features import encode_table
from retrieval.log_q import interval_probabilities
from retrieval.snapshots import Snapshots
from retrieval.spool import Spool, fill_spool
from retrieval.training_errors import NoPositives, NotFinite, OneItem, OneReader
from tests.retrieval.worlds import SMALL, START, UNTIL, catalogue, positives

CONTENT = ItemContent.from_table(catalogue(), SMALL.towers)


def filled(folder: Path, *tables: pa.Table, **options: object) -> Spool:
    training = replace(SMALL.training, **options)  # type: ignore[arg-type]
    return fill_spool(tables, CONTENT, folder, until=UNTIL, towers=SMALL.towers, training=training)


def drawn(spool: Spool, epoch: int = 0) -> Counter[tuple[int, int]]:
    pieces = spool.pieces(np.random.default_rng(epoch))
    return Counter(
        pair for piece in pieces for pair in zip(piece.readers.tolist(), piece.item_idx.tolist(), strict=True)
    )


def of_weights(weights: list[float], reader: int = 1) -> pa.Table:
    rows = positives(num_readers=2, each=len(weights)).filter(pa.compute.field("reader_id") == reader)
    return rows.set_column(rows.column_names.index("weight"), "weight", pa.array(weights, pa.float32()))


def test_rows_of_weight_one_are_all_drawn_once(tmp_path: Path) -> None:
    counts = drawn(filled(tmp_path, positives()))
    assert len(counts) == 40 * 9
    assert set(counts.values()) == {1}


def test_what_comes_back_is_what_was_encoded(tmp_path: Path) -> None:
    table = positives(num_readers=3)
    spool = filled(tmp_path, table)
    encoded = encode_table(table, CONTENT, SMALL.towers)
    found = {
        (int(reader), int(item)): {name: array[row].tolist() for name, array in piece.features.arrays().items()}
        for piece in spool.pieces(np.random.default_rng(0))
        for row, (reader, item) in enumerate(zip(piece.readers, piece.item_idx, strict=True))
    }
    expected = {
        (reader - 1, item - 100): {name: array[row].tolist() for name, array in encoded.arrays().items()}
        for row, (reader, item) in enumerate(
            zip(table["reader_id"].to_pylist(), table["item_id"].to_pylist(), strict=True)
        )
    }
    assert found == expected


def test_a_reader_gives_no_epoch_more_rows_than_the_cap_and_all_rows_get_their_turn(tmp_path: Path) -> None:
    spool = filled(tmp_path, positives(), most_per_reader=4)
    seen: set[tuple[int, int]] = set()
    for epoch in range(40):
        counts = drawn(spool, epoch)
        of_readers = Counter(reader for reader, _ in counts.elements())
        assert set(of_readers.values()) == {4}
        seen |= set(counts)
    assert len(seen) == 40 * 9


def test_weights_are_how_often_a_row_is_drawn(tmp_path: Path) -> None:
    spool = filled(tmp_path, of_weights([3.0, 0.5, 1.0]), of_weights([1.0] * 3, reader=2))
    totals: Counter[tuple[int, int]] = Counter()
    for epoch in range(400):
        totals += drawn(spool, epoch)
    items = of_weights([1.0] * 3)["item_id"].to_pylist()
    rates = [totals[0, item - 100] / 400 for item in items]
    assert rates == pytest.approx([3.0, 0.5, 1.0], abs=0.1)
    assert spool.expected_draws[[item - 100 for item in items]].sum() >= 4.5


def test_a_positive_counts_half_after_each_half_life(tmp_path: Path) -> None:
    table = positives(num_readers=2, each=1)
    early = table.set_column(2, "happened_at", pa.array([UNTIL - timedelta(days=2)] * 2, table.schema.field(2).type))
    spool = filled(tmp_path, early, half_life_days=1.0)
    assert spool.expected_draws.sum() == pytest.approx(2 * 0.25)


def test_an_item_that_left_the_catalogue_teaches_nothing(tmp_path: Path) -> None:
    table = positives(num_readers=2)
    gone = table.set_column(1, "item_id", pa.array([999, *table["item_id"].to_pylist()[1:]]))
    assert filled(tmp_path, gone).num_rows == len(table) - 1


def test_a_reader_in_two_tables_is_refused(tmp_path: Path) -> None:
    table = positives(num_readers=2)
    with pytest.raises(ValueError, match="Reader 1 stands in two tables"):
        filled(tmp_path, table.slice(0, 4), table.slice(4))


@pytest.mark.parametrize(
    ("table", "error"),
    [
        (positives(num_readers=0), NoPositives),
        (positives(num_readers=1), OneReader),
        (positives(num_readers=40, num_items=2, each=1).filter(pa.compute.field("item_id") == 100), OneItem),
        (pa.concat_tables([of_weights([float("nan")]), of_weights([1.0], reader=2)]), NotFinite),
    ],
    ids=["empty", "one reader", "one item", "NaN"],
)
def test_what_cannot_be_learned_from_is_named(tmp_path: Path, table: pa.Table, error: type[Exception]) -> None:
    with pytest.raises(error):
        filled(tmp_path, table)


def test_a_positive_after_the_window_is_refused(tmp_path: Path) -> None:
    table = positives(num_readers=2, each=1)
    late = table.set_column(2, "happened_at", pa.array([UNTIL + timedelta(seconds=1)] * 2, table.schema.field(2).type))
    with pytest.raises(ValueError, match="after the end of the window"):
        filled(tmp_path, late)


def test_all_choices_of_a_reader_are_known(tmp_path: Path) -> None:
    table = positives(num_readers=2)
    spool = filled(tmp_path, table)
    hers = np.array(table.filter(pa.compute.field("reader_id") == 2)["item_id"]) - 100
    columns = np.arange(len(CONTENT))
    assert spool.known.pairs(np.array([1]), columns)[:, 1].tolist() == sorted(hers.tolist())


def test_a_batch_lies_within_one_refresh_interval(tmp_path: Path) -> None:
    spool = filled(tmp_path, positives())
    day_of = {
        (reader - 1, item - 100): int((when - START).days)
        for reader, item, when in zip(
            *(positives()[name].to_pylist() for name in ("reader_id", "item_id", "happened_at")), strict=True
        )
    }
    first = int(START.timestamp() // 86400)
    for batch in epoch_batches(spool, seed=0, epoch=0, batch_size=16):
        days = {day_of[pair] for pair in zip(batch.readers.tolist(), batch.item_idx.tolist(), strict=True)}
        assert days == {batch.interval - first}
        assert 2 <= len(batch) <= 16


def test_an_epoch_has_every_row_once(tmp_path: Path) -> None:
    table = positives()
    batches = epoch_batches(filled(tmp_path, table), seed=3, epoch=1, batch_size=16, fewest_rows=1)
    pairs = Counter(pair for b in batches for pair in zip(b.readers.tolist(), b.item_idx.tolist(), strict=True))
    assert pairs.total() == len(table)
    assert set(pairs.values()) == {1}


def test_an_epoch_is_the_same_again_and_the_next_one_is_another(tmp_path: Path) -> None:
    spool = filled(tmp_path, positives())

    def order(epoch: int) -> list[list[int]]:
        batches = epoch_batches(spool, seed=0, epoch=epoch, batch_size=16)
        return [batch.item_idx.tolist() for batch in batches]

    assert order(0) == order(0)
    assert order(0) != order(1)


def test_a_batch_draws_items_as_often_as_the_counts_of_its_interval_say(tmp_path: Path) -> None:
    """Each day its own items, so that the window's counts would be wrong in every batch."""
    table = positives(num_readers=30)
    days = np.array([(when - START).days for when in table["happened_at"].to_pylist()])
    items = 100 + 4 * days + np.random.default_rng(0).choice(4, len(days), p=[0.6, 0.2, 0.15, 0.05])
    spool = filled(tmp_path, table.set_column(1, "item_id", pa.array(items)))
    counted: dict[int, np.ndarray] = {}
    for epoch in range(3):
        for batch in epoch_batches(spool, seed=0, epoch=epoch, batch_size=16):
            of_batch = np.bincount(batch.item_idx, minlength=len(CONTENT))
            counted[batch.interval] = counted.get(batch.interval, 0) + of_batch
    window = spool.expected_draws.sum()
    for interval, counts in counted.items():
        draws = spool.draws[interval]
        p = interval_probabilities(
            draws.of(np.arange(24)), of_interval=draws.total, of_window=window, num_items=len(CONTENT)
        )
        assert p.sum() == pytest.approx(1)
        assert p == pytest.approx(counts / counts.sum(), abs=0.05)
        assert np.abs(p - spool.expected_draws / window).max() > 0.2


def test_draws_by_interval_add_up_to_those_of_the_window_whatever_the_tables(tmp_path: Path) -> None:
    table = positives(num_readers=12)
    parts = [table.filter(pa.compute.field("reader_id") == reader) for reader in range(1, 13)]
    for folder in ("whole", "parts"):
        (tmp_path / folder).mkdir()
    options = {"half_life_days": 3.0, "most_per_reader": 4}
    whole, pieces = filled(tmp_path / "whole", table, **options), filled(tmp_path / "parts", *parts, **options)
    for spool in (whole, pieces):
        assert list(spool.draws) == spool.intervals
        total = sum(draws.of(np.arange(len(CONTENT))) for draws in spool.draws.values())
        np.testing.assert_allclose(total, spool.expected_draws)
    np.testing.assert_allclose(whole.expected_draws, pieces.expected_draws)


def test_a_row_alone_in_its_interval_is_drawn_unless_rows_are_held_against_each_other_alone(tmp_path: Path) -> None:
    table = positives(num_readers=2, each=3).filter(pa.compute.field("reader_id") == 1)
    other = positives(num_readers=2, each=1).filter(pa.compute.field("reader_id") == 2)
    spool = filled(tmp_path, table, other, refresh_interval_h=12.0)

    def rows(fewest: int) -> int:
        return sum(map(len, epoch_batches(spool, seed=0, epoch=0, batch_size=16, fewest_rows=fewest)))

    assert (rows(1), rows(2)) == (4, 2)


def test_counts_know_nothing_of_the_interval_that_they_serve(tmp_path: Path) -> None:
    spool = filled(tmp_path, positives())
    snapshots = Snapshots(spool, len(CONTENT))
    first = spool.intervals[0]
    assert not snapshots.counts(first).any()
    counts = spool.item_counts(first, len(CONTENT))
    expected = np.log((counts + 1) / (counts.mean() + 1))
    np.testing.assert_allclose(snapshots.counts(first + 1)[:, 0], expected, atol=2e-3)


def test_the_latest_counts_hold_everything(tmp_path: Path) -> None:
    spool = filled(tmp_path, positives())
    ever = np.bincount(np.array(positives()["item_id"]) - 100, minlength=len(CONTENT))
    latest = Snapshots(spool, len(CONTENT)).latest
    np.testing.assert_allclose(latest[:, 2], np.log((ever + 1) / (ever.mean() + 1)), atol=2e-3)


def test_after_quiet_days_the_latest_counts_say_that_nothing_was_chosen_lately(tmp_path: Path) -> None:
    training = replace(SMALL.training, half_life_days=None)
    until = UNTIL + timedelta(days=10)
    spool = fill_spool([positives()], CONTENT, tmp_path, until=until, towers=SMALL.towers, training=training)
    latest = Snapshots(spool, len(CONTENT)).latest
    assert not latest[:, :2].any()
    assert latest[:, 2].any()


def test_the_latest_counts_of_a_window_that_ends_within_an_interval_hold_what_there_is_of_it(tmp_path: Path) -> None:
    until = START + timedelta(days=4, hours=18)
    spool = fill_spool([positives()], CONTENT, tmp_path, until=until, towers=SMALL.towers, training=SMALL.training)
    counts = spool.item_counts(spool.intervals[-1], len(CONTENT))
    expected = np.log((counts + 1) / (counts.mean() + 1))
    np.testing.assert_allclose(Snapshots(spool, len(CONTENT)).latest[:, 0], expected, atol=2e-3)


def test_a_week_without_rows_is_a_week_without_counts(tmp_path: Path) -> None:
    table = positives(num_readers=4)
    later = table.filter(pa.compute.field("reader_id") == 1)
    moved = pa.array(
        [when + timedelta(days=20) for when in later["happened_at"].to_pylist()], later.schema.field(2).type
    )
    rest = table.filter(pa.compute.field("reader_id") != 1)
    until = UNTIL + timedelta(days=20)
    both = [rest, later.set_column(2, "happened_at", moved)]
    spool = fill_spool(both, CONTENT, tmp_path, until=until, towers=SMALL.towers, training=SMALL.training)
    counts = Snapshots(spool, len(CONTENT)).counts(int(START.timestamp() // 86400) + 20)
    assert not counts[:, :2].any()
    assert counts[:, 2].any()
