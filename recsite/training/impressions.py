"""A ranker from what the site showed: visits of the log become rows that one feature set, and one past, belong to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from feedback.examples import labelled_visits
from feedback.labels import LABELS as LABEL_NAMES
from feedback.labels import UNKNOWN, LabelConfig
from ranking.artefact import RankerArtefact
from ranking.bootstrap import visits_with_click
from ranking.config import RankerConfig
from ranking.features import FeatureSet
from ranking.metrics import as_shown, ndcg_at_k
from ranking.order import Order
from ranking.train import train_ranker
from ranking.visits import Visits, join_visits
from recsite.funnel.sources import FEATURE_SET
from recsite.training.sampling import drawn_of_each
from retrieval.metrics import reader_means

AS_SHOWN = "as_shown"
"""The order in which rows stood on the page: what any reranking must beat."""


@dataclass(frozen=True, eq=False)
class LoggedVisits:
    """visits: rows that were viewed, or answered.  reader_keys: (num_visits,) int64, whose each visit is: the last
    eight bytes of the reader's public id.  origin: `ORIGIN`, a row each of theirs."""

    visits: Visits
    reader_keys: np.ndarray
    origin: pa.Table

    @property
    def with_click(self) -> int:
        """Visits with a positive, by which it is told whether they suffice: see `ranking.bootstrap`."""
        return visits_with_click(self.visits)

    def take(self, visits: np.ndarray) -> LoggedVisits:
        """Some of them, whole: a (num_visits,) mask."""
        rows = np.repeat(visits, self.visits.visit_sizes)
        return LoggedVisits(self.visits.take(visits), self.reader_keys[visits], self.origin.filter(pa.array(rows)))

    def drawn(self, most: int, *, seed: int = 0) -> LoggedVisits:
        """About `most` of them, drawn at random, of as many readers as there are."""
        return self.take(drawn_of_each(self.reader_keys, most, seed=seed))

    def since(self, moment: datetime) -> LoggedVisits:
        """Those that began then or later."""
        return self.take(self.visits.began_s >= moment.timestamp())


ORIGIN = pa.schema({"slate_id": pa.binary(), "item_id": pa.int64(), "release": pa.int32()})
"""Where a row comes from: the bytes of its slate's id, the item, and the release that served it."""


def visits_of_log(
    *,
    since: datetime,
    until: datetime,
    trained_until_of: Mapping[int, datetime],
    first_chosen_s: Callable[[np.ndarray], np.ndarray],
    feature_set: FeatureSet = FEATURE_SET,
    label_config: LabelConfig | None = None,
) -> LoggedVisits | None:
    """Visits that began at or after `since` and were over by `until`; None where there is no such row.

    trained_until_of: by the number of a release, the newest that its retriever had learned; slates of other releases,
    of none, and of other feature sets are left out.  first_chosen_s: as `History.first_chosen_s`; an item that nobody
    had chosen when the retriever was trained was new to it. Rows carry the scores that were logged; see
    `recsite.training.shadow_rows` for those of another retriever.  label_config: for comparisons.
    All of them in memory: 4 bytes a feature and row.
    """
    parts = [
        part
        for table in labelled_visits(since=since, until=until, config=label_config)
        for part in _of_table(table, trained_until_of, first_chosen_s, feature_set)
    ]
    if not parts:
        return None
    return LoggedVisits(
        join_visits(part.visits for part in parts),
        np.concatenate([part.reader_keys for part in parts]),
        pa.concat_tables([part.origin for part in parts]).combine_chunks(),
    )


def train_on_impressions(
    logged: LoggedVisits, config: RankerConfig, *, since: datetime, until: datetime
) -> RankerArtefact:
    """`ranking.train.train_ranker` on visits of [since, until); raises what that raises."""
    return train_ranker([logged.visits], config, since=since, until=until, feature_set=FEATURE_SET)


@dataclass(frozen=True, eq=False)
class VisitsMeasured:
    """reader_keys: (r,) int64, rising.  ndcg_at_10: by the name of an order, (r,) float64, a reader's mean over visits
    with a positive.  visits: of those."""

    reader_keys: np.ndarray
    ndcg_at_10: Mapping[str, np.ndarray]
    visits: int


def measure_on_visits(
    orders: Mapping[str, Order],
    logged: LoggedVisits,
    *,
    rescored: Mapping[str, LoggedVisits] = MappingProxyType({}),
    k: int = 10,
) -> VisitsMeasured:
    """NDCG@10 of each order of the rows that were viewed, beside that in which they were shown (`AS_SHOWN`).

    What was not shown is not judged, so an order is only asked to sort what another had chosen.
    rescored: by the name of an order, the same visits with the scores of its own retriever, where another's are logged.
    Raises ValueError for other visits than those.
    """
    judged = logged.visits.has_positive
    visits, readers = logged.visits.take(judged), logged.reader_keys[judged]
    scores = {AS_SHOWN: as_shown(visits.visit_sizes)}
    for name, order in orders.items():
        own = rescored.get(name, logged).visits
        if not np.array_equal(own.visit_ids, logged.visits.visit_ids) or own.num_rows != logged.visits.num_rows:
            raise ValueError(f"The visits scored for {name!r} are others than those that were logged.")
        scores[name] = order.scores(own.take(judged).features)
    by_visit = {name: ndcg_at_k(said, visits.gains, visits.visit_sizes, k) for name, said in scores.items()}
    return VisitsMeasured(
        reader_keys=np.unique(readers),
        ndcg_at_10={name: reader_means(values, readers)[1] for name, values in by_visit.items()},
        visits=visits.num_visits,
    )


def _of_table(
    table: pa.Table,
    trained_until_of: Mapping[int, datetime],
    first_chosen_s: Callable[[np.ndarray], np.ndarray],
    feature_set: FeatureSet,
) -> Iterator[LoggedVisits]:
    """Of `feedback.labels.LABELLED_VISITS`; nothing where no row is left."""
    rows = _usable(table, trained_until_of, feature_set)
    if not len(rows):
        return
    visit_ids = _last_eight(rows["visit_id"])
    starts = np.flatnonzero(np.diff(visit_ids, prepend=~visit_ids[0]))
    features = _features(rows["features"], len(feature_set))
    trained_s = {release: moment.timestamp() for release, moment in trained_until_of.items()}
    trained_until_s = np.array([trained_s[release] for release in rows["release"].to_pylist()])
    codes = _codes(rows["label"])
    visits = Visits(
        features=features,
        visit_ids=visit_ids[starts],
        visit_sizes=np.diff(np.append(starts, len(rows))).astype(np.int64),
        labels=codes,
        gains=rows["gain"].to_numpy().astype(np.int16),
        positions=rows["position"].to_numpy().astype(np.int32),
        columns=pc.fill_null(rows["columns"], 0).to_numpy().astype(np.int16),
        served_s=_seconds(rows["served_at"]),
        known_until_s=np.fmax(_seconds(rows["known_until"]), _seconds(rows["counts_as_of"])),
        trained_until_s=trained_until_s,
        cold=first_chosen_s(rows["item_id"].to_numpy()) >= trained_until_s,
    )
    yield LoggedVisits(visits, _last_eight(rows["reader_public_id"])[starts], _origin(rows))


def _origin(rows: pa.Table) -> pa.Table:
    """`ORIGIN` of them."""
    return rows.select(ORIGIN.names).cast(ORIGIN)


def _usable(table: pa.Table, trained_until_of: Mapping[int, datetime], feature_set: FeatureSet) -> pa.Table:
    """Examples whose features are those of `feature_set` and whose release is known."""
    is_example = pa.array(_codes(table["label"]) != UNKNOWN)
    is_ours = pc.fill_null(pc.equal(table["feature_set"], feature_set.id), False)
    releases = pa.array(list(trained_until_of), pa.int32())
    has_release = pc.is_in(table["release"], releases)
    return table.filter(pc.and_(pc.and_(is_example, is_ours), pc.and_(has_release, pc.is_valid(table["features"]))))


def _codes(labels: pa.ChunkedArray) -> np.ndarray:
    """(rows,) int8, the same numbers as `ranking.visits.LABELS`."""
    names = labels.cast(pa.string())
    return pc.index_in(names, pa.array([str(name) for name in LABEL_NAMES])).to_numpy().astype(np.int8)


def _features(column: pa.ChunkedArray, width: int) -> np.ndarray:
    """(rows, width) float32. Raises ValueError for a row of another width."""
    sizes = pc.binary_length(column).to_numpy()
    wrong = sizes != 4 * width
    if wrong.any():
        raise ValueError(
            f"A row has {sizes[wrong][0]} bytes of features, but its feature set has {width} columns of 4 bytes."
        )
    return np.frombuffer(b"".join(column.to_pylist()), "<f4").reshape(-1, width).astype(np.float32)


def _last_eight(uuids: pa.ChunkedArray) -> np.ndarray:
    """(rows,) int64 of the last eight bytes of each UUID, which are random."""
    return np.frombuffer(b"".join(uuids.to_pylist()), ">i8").reshape(-1, 2)[:, 1].astype(np.int64)


def _seconds(times: pa.ChunkedArray) -> np.ndarray:
    """(rows,) float64 since 1970 UTC, NaN for null."""
    return pc.cast(pc.cast(times, pa.int64()), pa.float64()).to_numpy(zero_copy_only=False) / 1e6
