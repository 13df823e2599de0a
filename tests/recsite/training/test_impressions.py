"""Visits of the log as the ranker learns from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from catalog.models import Item, Reader
from feedback.labels import LABELS as LABEL_NAMES
from feedback.models import Slate
from ranking.config import RankerConfig
from ranking.order import RetrievalOrder
from ranking.visits import LABELS, NEGATIVE, POSITIVE, Visits
from recsite.funnel.sources import FEATURE_SET
from recsite.training.impressions import (
    AS_SHOWN,
    ORIGIN,
    LoggedVisits,
    measure_on_visits,
    train_on_impressions,
    visits_of_log,
)
from tests.factories import NOW, make_interaction, make_item, make_reader, make_slate, make_view

HOUR = timedelta(hours=1)
TRAINED_UNTIL = NOW - 24 * HOUR
in_database = pytest.mark.django_db(transaction=True)


def features(*values: float) -> list[list[float]]:
    """A row a slot, all columns alike."""
    return [[value] * len(FEATURE_SET) for value in values]


def serve(reader: Reader, items: Sequence[Item], **options: Any) -> Slate:
    """A slate whose slots were all seen."""
    values: dict[str, Any] = {
        "features": features(*range(len(items))),
        "feature_set": FEATURE_SET.id,
        "release": 1,
    } | options
    slate = make_slate(items, reader=reader, **values)
    for slot in range(len(items)):
        make_view(slate, slot)
    return slate


def read(**options: Any) -> LoggedVisits | None:
    values: dict[str, Any] = {
        "since": NOW - 2 * HOUR,
        "until": NOW + 3 * HOUR,
        "trained_until_of": {1: TRAINED_UNTIL},
        "first_chosen_s": lambda items: np.zeros(len(items)),
    }
    return visits_of_log(**values | options)


def found(**options: Any) -> LoggedVisits:
    logged = read(**options)
    assert logged is not None
    return logged


def test_both_floors_number_labels_alike() -> None:
    assert LABELS[: len(LABEL_NAMES)] == LABEL_NAMES


@in_database
def test_a_visit_comes_out_as_it_was_served_and_answered() -> None:
    reader, items = make_reader(), [make_item(), make_item(), make_item()]
    slate = serve(reader, items, columns=3, first_position=24, counts_as_of=NOW - HOUR, served_at=NOW)
    make_interaction(reader, "like", items[1], slate=slate, happened_at=NOW + timedelta(minutes=1))
    logged = found(first_chosen_s=lambda ids: np.where(ids == items[0].pk, np.inf, 0.0))
    visits = logged.visits
    assert visits.visit_sizes.tolist() == [3]
    assert visits.labels.tolist() == [NEGATIVE, POSITIVE, NEGATIVE]
    assert visits.gains.tolist() == [0, 3, 0]
    assert visits.positions.tolist() == [24, 25, 26]
    assert visits.columns.tolist() == [3, 3, 3]
    assert visits.features[:, 0].tolist() == [0, 1, 2]
    assert visits.served_s.tolist() == [NOW.timestamp()] * 3
    assert visits.known_until_s.tolist() == [(NOW - timedelta(minutes=1)).timestamp()] * 3
    assert visits.trained_until_s.tolist() == [TRAINED_UNTIL.timestamp()] * 3
    assert visits.cold.tolist() == [True, False, False]
    assert visits.visit_ids.tolist() == [int.from_bytes(slate.visit_id.bytes[8:], "big", signed=True)]
    assert logged.reader_keys.tolist() == [int.from_bytes(reader.public_id.bytes[8:], "big", signed=True)]
    assert logged.with_click == 1


@in_database
def test_rows_that_were_not_seen_or_are_of_another_feature_set_are_left_out() -> None:
    """The second page of the visit came from a fallback, which had no features."""
    reader, items = make_reader(), [make_item(), make_item(), make_item()]
    first = make_slate(
        items[:2], reader=reader, features=features(1, 2), feature_set=FEATURE_SET.id, served_at=NOW, release=1
    )
    make_view(first, 0)
    serve(reader, items[2:], features=None, visit_id=first.visit_id, first_position=2, served_at=NOW, release=None)
    serve(make_reader(), items, feature_set="another")
    visits = found().visits
    assert visits.visit_sizes.tolist() == [1]
    assert visits.positions.tolist() == [0]


@in_database
def test_visits_of_a_release_that_is_not_known_are_left_out() -> None:
    serve(make_reader(), [make_item()], release=2)
    assert read() is None


@in_database
def test_a_row_of_a_retriever_that_knew_more_than_its_visit_is_refused() -> None:
    serve(make_reader(), [make_item()])
    with pytest.raises(ValueError, match="came after they were served"):
        read(trained_until_of={1: NOW + HOUR})


@in_database
def test_features_of_another_width_are_refused() -> None:
    serve(make_reader(), [make_item()], features=[[1.0, 2.0]])
    with pytest.raises(ValueError, match="8 bytes"):
        read()


@in_database
def test_visits_are_told_apart_and_can_be_cut_in_time() -> None:
    items = [make_item(), make_item()]
    for hours in (0, 1):
        serve(make_reader(), items, served_at=NOW + hours * HOUR)
    logged = found()
    assert logged.visits.visit_sizes.tolist() == [2, 2]
    later = logged.since(NOW + HOUR)
    assert later.visits.served_s.tolist() == [(NOW + HOUR).timestamp()] * 2
    assert later.reader_keys.tolist() == logged.reader_keys[1:].tolist()


def origin_of(visits: Visits) -> pa.Table:
    """Made up: every row is another item of the one release, on its visit's slate."""
    slate_ids = [int(visit).to_bytes(16) for visit in np.repeat(visits.visit_ids, visits.visit_sizes)]
    item_ids = range(1, visits.num_rows + 1)
    columns = {"slate_id": slate_ids, "item_id": list(item_ids), "release": [1] * visits.num_rows}
    return pa.table(columns, schema=ORIGIN)


def planted(num_visits: int = 300) -> LoggedVisits:
    """Of five cards the one with the largest first feature is chosen, wherever it stands."""
    rng = np.random.default_rng(0)
    rows = num_visits * 5
    values = np.zeros((rows, len(FEATURE_SET)), np.float32)
    values[:, 0] = rng.random(rows)
    best = values[:, 0].reshape(-1, 5).argmax(axis=1)
    chosen = (np.arange(5) == best[:, None]).ravel()
    served_s = np.repeat(NOW.timestamp() + 60.0 * np.arange(num_visits), 5)
    visits = Visits(
        features=values,
        visit_ids=np.arange(num_visits),
        visit_sizes=np.full(num_visits, 5),
        labels=np.where(chosen, POSITIVE, NEGATIVE).astype(np.int8),
        gains=chosen.astype(np.int16),
        positions=np.tile(np.arange(5, dtype=np.int32), num_visits),
        columns=np.zeros(rows, np.int16),
        served_s=served_s,
        known_until_s=served_s,
        trained_until_s=served_s - 1,
        cold=np.zeros(rows, bool),
    )
    return LoggedVisits(visits, np.arange(num_visits) % 7, origin_of(visits))


def test_what_was_chosen_is_learned_and_beats_the_order_that_was_shown() -> None:
    logged = planted()
    config = RankerConfig(num_trees=20, num_leaves=7, learning_rate=0.3, min_rows_in_leaf=20, click_model=None)
    ranker = train_on_impressions(logged, config, since=NOW, until=NOW + 24 * HOUR)
    orders = {"ranker": ranker.order, "fusion": RetrievalOrder(FEATURE_SET)}
    measured = measure_on_visits(orders, logged)
    means = {name: values.mean() for name, values in measured.ndcg_at_10.items()}
    assert means["ranker"] > 0.95
    assert means["ranker"] > max(means[AS_SHOWN], means["fusion"])
    assert measured.reader_keys.tolist() == list(range(7))
    assert measured.visits == 300


def test_a_visit_in_which_nothing_was_chosen_does_not_count() -> None:
    logged = planted(2)
    without = logged.visits.gains.copy()
    without[5:] = 0
    labels = np.where(without > 0, POSITIVE, NEGATIVE).astype(np.int8)
    columns = {name: getattr(logged.visits, name) for name in Visits.__dataclass_fields__}
    measured = measure_on_visits({}, replace(logged, visits=Visits(**columns | {"gains": without, "labels": labels})))
    assert measured.visits == 1
    assert measured.reader_keys.tolist() == [0]


def test_an_order_is_judged_by_the_scores_of_its_own_retriever() -> None:
    """What is logged says nothing of what was chosen; what its own says names it."""
    logged = planted(40)
    column = FEATURE_SET.names.index("popular_rank")
    said = {"blind": logged.visits.features.copy(), "sees": logged.visits.features.copy()}
    said["blind"][:, column] = 0
    said["sees"][:, column] = np.where(logged.visits.gains > 0, 0, 1)
    columns = {name: getattr(logged.visits, name) for name in Visits.__dataclass_fields__}
    visits = {
        name: replace(logged, visits=Visits(**columns | {"features": features})) for name, features in said.items()
    }
    order = RetrievalOrder(FEATURE_SET, "popular")
    found = measure_on_visits({"logged": order, "own": order}, visits["blind"], rescored={"own": visits["sees"]})
    assert (found.ndcg_at_10["own"] == 1).all()
    assert found.ndcg_at_10["logged"].mean() < 0.9
    with pytest.raises(ValueError, match="are others than those"):
        measure_on_visits({"own": order}, logged, rescored={"own": planted(3)})


def test_visits_are_drawn_of_as_many_readers_as_there_are_and_keep_what_they_come_from() -> None:
    logged = planted(70)
    drawn = logged.drawn(14)
    assert drawn.visits.num_visits == 14
    assert np.unique(drawn.reader_keys, return_counts=True)[1].tolist() == [2] * 7
    first = {
        visit: row
        for row, visit in zip(logged.origin["item_id"].to_pylist()[::5], logged.visits.visit_ids, strict=True)
    }
    assert drawn.origin["item_id"].to_pylist()[::5] == [first[visit] for visit in drawn.visits.visit_ids]
    assert logged.drawn(14).visits.visit_ids.tolist() == drawn.visits.visit_ids.tolist()
    assert logged.drawn(1_000).visits.num_visits == 70
