"""Ratings as tables that the retriever learns from (`retrieval.spool`) and is asked with (`retrieval.features`)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.retrieval_protocols import Queries, RowLists
from benchmarks.retrieval_ratings import Ratings
from retrieval.features import attribute_texts

LIKED, DISLIKED = 4.0, 2.0
"""As `import_catalog --with-history` reads ratings: from 4 a like, up to 2 a dismissal, between them a click."""
ROWS_A_TABLE = 20_000


def query_table(dataset: Ratings, queries: Queries, length: int) -> pa.Table:
    """`features.STATES`, a row a query, with the last `length` of its history."""
    lists = RowLists(
        queries.history.rows, np.maximum(queries.history.starts, queries.history.stops - length), queries.history.stops
    )
    return _states(dataset, queries.reader_ids, queries.at_s, *_flat(lists))


def positives_before(dataset: Ratings, rows: np.ndarray, length: int) -> list[pa.Table]:
    """Every row as a positive, beside what its reader had done before it: the states of protocols A and B.

    `kind` is the row's own, as `history_kinds` are of those before. All rows of a reader stand in one table.
    """
    return [_before(dataset, part, length) for part in _by_readers(dataset, rows)]


def positives_around(dataset: Ratings, rows: np.ndarray, length: int, *, seed: int) -> list[pa.Table]:
    """Every row as a positive, beside all else that its reader did, asked just after the last of it: the states of
    protocol C, where what is held back lies among what is known. Of more than `length` others a random choice."""
    rng = np.random.default_rng(seed)
    return [_around(dataset, part, length, rng) for part in _by_readers(dataset, rows)]


def _by_readers(dataset: Ratings, rows: np.ndarray) -> list[np.ndarray]:
    """Rows in order of reader and time, in parts of about `ROWS_A_TABLE` that divide no reader."""
    readers = dataset.interactions.reader_ids[rows]
    order = np.argsort(readers, kind="stable")
    in_order = readers[order]
    firsts = np.flatnonzero(np.diff(in_order, prepend=in_order[0] - 1))
    cuts = firsts[np.flatnonzero(np.diff(firsts // ROWS_A_TABLE, prepend=0))]
    return [part for part in np.split(rows[order], cuts) if len(part)]


def _bounds(dataset: Ratings, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each row where its reader's rows begin and end among `rows`."""
    _, starts, place, sizes = np.unique(
        dataset.interactions.reader_ids[rows], return_index=True, return_inverse=True, return_counts=True
    )
    return starts[place], (starts + sizes)[place]


def _before(dataset: Ratings, rows: np.ndarray, length: int) -> pa.Table:
    begin, _ = _bounds(dataset, rows)
    own = np.arange(len(rows))
    offsets, history = _flat(RowLists(rows, np.maximum(begin, own - length), own))
    return _positives(dataset, rows, dataset.interactions.times_s[rows], offsets, history)


def _around(dataset: Ratings, rows: np.ndarray, length: int, rng: np.random.Generator) -> pa.Table:
    begin, end = _bounds(dataset, rows)
    histories = []
    for own, first, last in zip(range(len(rows)), begin.tolist(), end.tolist(), strict=True):
        others = np.delete(rows[first:last], own - first)
        chosen = others if len(others) <= length else others[np.sort(rng.choice(len(others), length, replace=False))]
        histories.append(chosen)
    offsets = np.concatenate([[0], np.cumsum([len(history) for history in histories])])
    asked_at = dataset.interactions.times_s[rows[end - 1]] + 1
    return _positives(dataset, rows, asked_at, offsets, np.concatenate(histories))


def _positives(
    dataset: Ratings, rows: np.ndarray, at_s: np.ndarray, offsets: np.ndarray, history: np.ndarray
) -> pa.Table:
    events = dataset.interactions
    table = _states(dataset, events.reader_ids[rows], at_s, offsets, history)
    columns = {
        "reader_id": pa.array(events.reader_ids[rows]),
        "item_id": pa.array(events.item_ids[rows]),
        "happened_at": _moments(events.times_s[rows]),
        "weight": pa.array(events.weights[rows]),
        "kind": _kinds(dataset, rows),
    }
    for name, column in columns.items():
        table = table.append_column(name, column)
    return table


def _states(
    dataset: Ratings, reader_ids: np.ndarray, at_s: np.ndarray, offsets: np.ndarray, history: np.ndarray
) -> pa.Table:
    """offsets: (n + 1,) into history, event rows, the oldest first."""
    events = dataset.interactions
    ages_s = np.repeat(at_s, np.diff(offsets)) - events.times_s[history]
    places = pa.array(offsets, pa.int32())
    columns = {
        "state_at": _moments(at_s),
        "history": pa.ListArray.from_arrays(places, pa.array(events.item_ids[history])),
        "history_kinds": pa.ListArray.from_arrays(places, _kinds(dataset, history)),
        "history_ages_s": pa.ListArray.from_arrays(places, pa.array(ages_s, pa.float32())),
        "attributes": pa.array(
            [attribute_texts(dataset.readers.get(reader, {})) for reader in reader_ids.tolist()], pa.list_(pa.string())
        ),
    }
    return pa.table(columns)


def _kinds(dataset: Ratings, rows: np.ndarray) -> pa.DictionaryArray:
    if dataset.ratings is None:
        return pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(rows), np.int8)), ["click"])
    ratings = dataset.ratings[rows]
    codes = np.where(ratings >= LIKED, 2, np.where(ratings <= DISLIKED, 0, 1)).astype(np.int8)
    return pa.DictionaryArray.from_arrays(pa.array(codes), ["dismiss", "click", "like"])


def _moments(times_s: np.ndarray) -> pa.Array:
    return pc.cast(pa.array(np.round(times_s * 1e6).astype(np.int64)), pa.timestamp("us", tz="UTC"))


def _flat(lists: RowLists) -> tuple[np.ndarray, np.ndarray]:
    """Offsets (n + 1,) and the rows of all lists, one list behind the other."""
    sizes = lists.stops - lists.starts
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    places = np.arange(offsets[-1]) + np.repeat(lists.starts - offsets[:-1], sizes)
    return offsets, lists.rows[places]
