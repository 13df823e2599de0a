"""What is held back, and what is asked of those who have not seen it.

(A) "A": each reader's last event.  Comparable with what others publish.
(B) "B": each reader's last 10 events, each asked for with all that came before it, so also the earlier ones of the ten;
    models are fitted on none of the ten.  This one decides.
(C) "C": a random 20% of each reader's events, asked for at once.  Measures taste, not the order of a page.
Cold ("cold"): B, and moreover 10% of readers and 10% of items take no part in training. Asked apart:
    "cold readers": B's queries of those readers. What they chose before is known when they ask, but nobody learnt from
        it; items withheld are not asked for.
    "cold items": B's queries of all others whose answer is an item withheld, ranked like any query over the full
        catalogue. Scores that rest on ids alone cannot find these; what the number shows is whether new items get a
        chance against known ones.
    "cold items, among themselves": the same queries, but only items withheld may be proposed: whether a model tells
        new items from each other. Chance is k / (0.1 x num_items).

Each split holds a validation split, made in the same way out of nothing but its training rows: settings are chosen
there, then everything is fitted again with the validation rows put back. Large data is learnt from whole, but asked
about in part: of more than `MOST_QUERIES` those of readers drawn at random.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, overload

import numpy as np

from benchmarks.retrieval_ratings import DataError, Ratings

PROTOCOLS = ("A", "B", "C", "cold")
SPLIT_SEED = 7
"""Splits are the same for every model and every training seed."""

MOST_QUERIES = 50_000

_EVENTS_HELD = {"A": 1, "B": 10, "cold": 10}
_SHARE_HELD = 0.2
_SHARE_COLD = 0.1
_JUST_AFTER_S = 1.0


@dataclass(frozen=True, eq=False)
class RowLists(Sequence[np.ndarray]):
    """Lists of event rows that may share storage: list i is rows[starts[i]:stops[i]]."""

    rows: np.ndarray
    starts: np.ndarray
    stops: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, number: int) -> np.ndarray: ...

    @overload
    def __getitem__(self, number: slice) -> RowLists: ...

    def __getitem__(self, number: int | slice) -> np.ndarray | RowLists:
        if isinstance(number, slice):
            return RowLists(self.rows, self.starts[number], self.stops[number])
        return self.rows[self.starts[number] : self.stops[number]]

    def take(self, which: np.ndarray) -> RowLists:
        """Some of the lists: a mask, or numbers."""
        return RowLists(self.rows, self.starts[which], self.stops[which])


@dataclass(frozen=True, eq=False)
class Queries:
    """Readers at moments, in the order of their readers' ids and then of time.

    reader_ids: (q,) int64.  at_s: (q,) float64, seconds since 1970 UTC; nothing in the history is later.
    history: event rows of each query's reader, the oldest first. Its items are the ones seen.
    targets: event rows that a model should have foreseen.
    """

    reader_ids: np.ndarray
    at_s: np.ndarray
    history: RowLists
    targets: RowLists

    def __len__(self) -> int:
        return len(self.reader_ids)

    def take(self, which: np.ndarray) -> Queries:
        """Some of them: a mask, or numbers in rising order."""
        return Queries(self.reader_ids[which], self.at_s[which], self.history.take(which), self.targets.take(which))

    def batches(self, size: int) -> Iterator[Queries]:
        for begin in range(0, len(self), size):
            yield self.take(np.arange(begin, min(begin + size, len(self))))

    def unanswered(self) -> Queries:
        """The same without targets, as models get to see them."""
        nowhere = np.zeros(len(self), np.int64)
        return replace(self, targets=RowLists(np.empty(0, np.int64), nowhere, nowhere))


@dataclass(frozen=True, eq=False)
class Split:
    """name: of what is asked, as in the report.
    train_rows: event rows to learn from, rising, so in order of time.
    queries: what is asked of a model fitted on them.
    validation: such a split of the training rows alone; None in a validation split.
    candidates: (num_items,) bool, what may be proposed at all; None for the full catalogue.
    """

    name: str
    train_rows: np.ndarray
    queries: Queries
    validation: Split | None = None
    candidates: np.ndarray | None = None

    def unanswered(self) -> Split:
        """As a model gets it to fit on: without the test's targets. Validation keeps its own."""
        return replace(self, queries=self.queries.unanswered())


class Scorer(Protocol):
    """A fitted model. How it is made: `fit(dataset, split, *, seed) -> Scorer`, from `split.train_rows` only."""

    def scores(self, queries: Queries) -> np.ndarray:
        """(q, num_items) float32 in the order of `Ratings.items`, higher is better; comparable within a row only.

        -inf for what is not proposed at all. `queries` come in batches and without targets.
        """


def splits(dataset: Ratings, protocol: str) -> tuple[Split, ...]:
    """What `protocol` asks; several share one training. Raises DataError when nobody has enough events."""
    everything = np.arange(len(dataset))
    if protocol == "cold":
        made = _cold(dataset, everything)
    elif protocol == "C":
        made = (_validated(dataset, "C", _random_out(dataset, everything, 0)),)
    else:
        made = (_validated(dataset, protocol, _last_out(dataset, everything, _EVENTS_HELD[protocol])),)
    if not any(len(split.queries) for split in made):
        raise DataError(f"{dataset.name}: no reader has events enough for protocol {protocol}.")
    return tuple(
        replace(_affordable(split), validation=split.validation and _affordable(split.validation)) for split in made
    )


def _affordable(split: Split) -> Split:
    """All queries of as many readers, drawn at random, as make no more than `MOST_QUERIES`."""
    readers, queries = np.unique(split.queries.reader_ids, return_counts=True)
    order = np.random.default_rng([SPLIT_SEED, 3]).permutation(len(readers))
    drawn = readers[order[np.cumsum(queries[order]) <= MOST_QUERIES]]
    return replace(split, queries=split.queries.take(np.isin(split.queries.reader_ids, drawn)))


def _validated(dataset: Ratings, protocol: str, split: Split) -> Split:
    if protocol == "C":
        inner = _random_out(dataset, split.train_rows, 1)
    else:
        inner = _last_out(dataset, split.train_rows, _EVENTS_HELD[protocol])
    return replace(split, name=protocol, validation=replace(inner, name=f"{protocol} validation"))


def _last_out(dataset: Ratings, rows: np.ndarray, number: int) -> Split:
    """Hold back the last `number` events of each reader, though never a reader's first one."""
    grouped, starts, stops = _by_reader(dataset, rows)
    held = np.minimum(number, stops - starts - 1)
    of_list = np.repeat(np.arange(len(starts)), held)
    # Places in `grouped`: the last `held` of each reader, the oldest first.
    places = stops[of_list] - held[of_list] + _count_up(held)
    asked = grouped[places]
    queries = Queries(
        dataset.interactions.reader_ids[asked],
        dataset.interactions.times_s[asked],
        RowLists(grouped, starts[of_list], places),
        RowLists(grouped, places, places + 1),
    )
    return Split("", np.setdiff1d(rows, asked, assume_unique=True), queries)


def _random_out(dataset: Ratings, rows: np.ndarray, depth: int) -> Split:
    """Hold back a share of each reader's events, drawn at random; nothing of a reader who has fewer than three.

    A query is asked just after the reader's last event that is left.
    """
    grouped, starts, stops = _by_reader(dataset, rows)
    sizes = stops - starts
    of_list = np.repeat(np.arange(len(starts)), sizes)
    drawn = np.lexsort((np.random.default_rng([SPLIT_SEED, depth]).random(len(grouped)), of_list))
    held = np.zeros(len(grouped), bool)
    held[drawn] = _count_up(sizes) < np.rint(_SHARE_HELD * sizes)[of_list]
    counts = np.bincount(of_list[held], minlength=len(starts))
    kept_ends, held_ends = np.cumsum(sizes - counts), np.cumsum(counts)
    kept_rows = grouped[~held]
    asking = counts > 0
    last = kept_rows[kept_ends[asking] - 1]
    queries = Queries(
        dataset.interactions.reader_ids[last],
        dataset.interactions.times_s[last] + _JUST_AFTER_S,
        RowLists(kept_rows, (kept_ends - sizes + counts)[asking], kept_ends[asking]),
        RowLists(grouped[held], (held_ends - counts)[asking], held_ends[asking]),
    )
    return Split("", np.sort(kept_rows), queries)


def _cold(dataset: Ratings, rows: np.ndarray) -> tuple[Split, ...]:
    rng = np.random.default_rng([SPLIT_SEED, 2])
    readers = np.unique(dataset.interactions.reader_ids)
    cold_readers = rng.choice(readers, size=round(_SHARE_COLD * len(readers)), replace=False)
    new = np.zeros(dataset.num_items, bool)
    new[rng.choice(dataset.num_items, size=round(_SHARE_COLD * dataset.num_items), replace=False)] = True
    whole = _last_out(dataset, rows, _EVENTS_HELD["cold"])
    left = whole.train_rows[~np.isin(dataset.interactions.reader_ids[whole.train_rows], cold_readers)]
    left = left[~new[dataset.item_idx[left]]]
    base = _validated(dataset, "cold", replace(whole, train_rows=left))
    of_cold_reader = np.isin(whole.queries.reader_ids, cold_readers)
    for_new_item = new[dataset.item_idx[whole.queries.targets.rows[whole.queries.targets.starts]]]
    item_queries = whole.queries.take(for_new_item & ~of_cold_reader)
    return (
        replace(base, name="cold readers", queries=whole.queries.take(of_cold_reader & ~for_new_item)),
        replace(base, name="cold items", queries=item_queries),
        replace(base, name="cold items, among themselves", queries=item_queries, candidates=new),
    )


def _by_reader(dataset: Ratings, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows reader by reader, each reader's in order of time, and where each reader's begin and end."""
    reader_ids = dataset.interactions.reader_ids[rows]
    counts = np.unique(reader_ids, return_counts=True)[1]
    stops = np.cumsum(counts)
    return rows[np.argsort(reader_ids, kind="stable")], stops - counts, stops


def _count_up(sizes: np.ndarray) -> np.ndarray:
    """0, 1, ... for each size, one behind the other: [2, 3] -> [0, 1, 0, 1, 2]."""
    ends = np.cumsum(sizes)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - sizes, sizes)
