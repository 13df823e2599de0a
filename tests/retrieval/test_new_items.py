"""Worlds with items that nobody chose yet, or that have just come out: what training makes of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch

from retrieval.artefact import RetrieverArtefact
from retrieval.config import Negatives, TowerConfig, TwoTowerConfig
from retrieval.content import FIRST_ITEM, ITEM_CONTENT, NEW_ITEM
from retrieval.encoding import QueryEncoder, candidate_vectors
from retrieval.query_state import QueryState
from retrieval.train import train_retriever
from tests.retrieval.worlds import EVEN_TOPIC, POSITIVES_AND_STATES, SMALL, START, UNTIL, catalogue, positives

NEVER_CHOSEN = [124, 126, 128]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def training(**options: object) -> TwoTowerConfig:
    return replace(SMALL, training=replace(SMALL.training, **options))  # type: ignore[arg-type]


SAMPLED = training(negatives=Negatives.SAMPLED, uniform_negatives=16)


# --- items that nobody chose


def without_never_chosen(table: pa.Table) -> pa.Table:
    kept = table.filter(pc.invert(pc.is_in(table["item_id"], pa.array(NEVER_CHOSEN))))
    rows = kept.to_pylist()
    for row in rows:
        there = [place for place, item in enumerate(row["history"]) if item not in NEVER_CHOSEN]
        for name in ("history", "history_kinds", "history_ages_s"):
            row[name] = [row[name][place] for place in there]
    return pa.Table.from_pylist(rows, schema=table.schema)


def learn(config: TwoTowerConfig = SMALL, **options: object) -> RetrieverArtefact:
    table = without_never_chosen(positives(num_items=30))
    return train_retriever([table], catalogue(30), config, until=UNTIL, **options)  # type: ignore[arg-type]


def reader_of(items: list[int], ages_s: list[float], at: datetime) -> QueryState:
    return QueryState(
        at=at,
        history=np.array(items),
        history_kinds=("click",) * len(items),
        history_ages_s=np.array(ages_s, np.float32),
    )


def order_for_even(artefact: RetrieverArtefact) -> list[int]:
    """All items, best first, for a reader of even ones."""
    loves_even = reader_of([100, 104, 108], [130_000.0, 90_000.0, 40_000.0], UNTIL)
    scores = artefact.item_embeddings @ QueryEncoder.of(artefact).vectors([loves_even])[0]
    return artefact.item_ids[np.argsort(-scores)].tolist()


FREE = replace(SMALL.towers, unit_norm=False)


@pytest.mark.parametrize(
    ("negatives", "towers"),
    [(Negatives.ALL, SMALL.towers), (Negatives.ALL, FREE), (Negatives.SAMPLED, SMALL.towers)],
    ids=["all", "all, free norms", "sampled"],
)
def test_what_nobody_chose_yet_is_judged_by_its_topic_however_long_it_was_trained_beside(
    negatives: Negatives, towers: TowerConfig
) -> None:
    config = training(negatives=negatives, uniform_negatives=16, epochs=20)
    order = order_for_even(learn(replace(config, towers=towers)))
    places = [order.index(item) for item in NEVER_CHOSEN]
    of_other_kind = [order.index(item) for item in range(101, 130, 2)]
    assert max(places) < min(of_other_kind)


@pytest.mark.parametrize("config", [SMALL, SAMPLED], ids=["all", "sampled"])
def test_the_index_holds_what_nobody_chose_as_an_item_out_of_the_vocabulary(config: TwoTowerConfig) -> None:
    artefact = learn(config)
    items = catalogue(30)
    never = np.isin(artefact.item_ids, NEVER_CHOSEN)
    renamed = items.set_column(0, "item_id", pa.array(np.arange(9000, 9030)))
    as_new = candidate_vectors(artefact, renamed, UNTIL.timestamp())
    np.testing.assert_allclose(artefact.item_embeddings[never], as_new[never], atol=1e-5)
    assert np.abs(artefact.item_embeddings - as_new)[~never].max(axis=1).min() > 1e-3
    by_its_id = candidate_vectors(artefact, items, UNTIL.timestamp())
    np.testing.assert_allclose(artefact.item_embeddings, by_its_id, atol=1e-5)


def test_a_warm_start_begins_at_the_row_of_the_unknown_for_what_was_never_chosen_before() -> None:
    before = learn()
    table = before.weights["candidate.items.weight"]
    rows = FIRST_ITEM + np.flatnonzero(np.isin(before.item_ids, NEVER_CHOSEN))
    np.testing.assert_array_equal(table[rows], np.repeat(table[[NEW_ITEM]], len(rows), axis=0))
    barely = training(epochs=1, learning_rate=1e-7, table_learning_rate=1e-7)
    after = train_retriever([positives(num_items=30)], catalogue(30), barely, until=UNTIL, warm_start=before)
    np.testing.assert_allclose(after.weights["candidate.items.weight"][rows], table[rows], atol=1e-4)


# --- items that have just come out

DAYS, A_DAY = 30, 6
END = START + timedelta(days=DAYS)


def news() -> pa.Table:
    """Of each day six items, one every four hours."""
    numbers = range(DAYS * A_DAY)
    return pa.table(
        {
            "item_id": [100 + number for number in numbers],
            "title": [f"Number {number}" for number in numbers],
            "summary": ["What happened"] * len(numbers),
            "topics": [[EVEN_TOPIC]] * len(numbers),
            "author": [number % 3 for number in numbers],
            "language": ["en"] * len(numbers),
            "published_at": [START + timedelta(hours=4 * number) for number in numbers],
        },
        schema=ITEM_CONTENT,
    )


def readings() -> pa.Table:
    """Thirty readers who come on most days, at any hour, and pick something that has come out that day."""
    rng = np.random.default_rng(0)
    rows = []
    for reader in range(1, 31):
        before: list[tuple[int, datetime]] = []
        for day in np.flatnonzero(rng.random(DAYS) < 0.7).tolist():
            hour = rng.uniform(0, 23.9)
            at = START + timedelta(days=day, hours=hour)
            item = 100 + A_DAY * day + int(rng.integers(1 + hour // 4))
            rows.append(
                {
                    "reader_id": reader,
                    "item_id": item,
                    "happened_at": at,
                    "weight": 1.0,
                    "state_at": at,
                    "history": [chosen for chosen, _ in before[-6:]],
                    "history_kinds": ["click"] * len(before[-6:]),
                    "history_ages_s": [(at - when).total_seconds() for _, when in before[-6:]],
                }
            )
            before.append((item, at))
    return pa.Table.from_pylist(rows, schema=POSITIVES_AND_STATES)


@pytest.mark.parametrize("interval_h", [24.0, 7 * 24.0], ids=["a day", "a week"])
def test_where_only_news_are_read_the_newest_of_the_index_come_first(interval_h: float) -> None:
    artefact = train_retriever([readings()], news(), training(refresh_interval_h=interval_h), until=END)
    last = readings().filter(pc.field("reader_id") == 30).to_pylist()[-1]
    ages_s = [age + (END - last["state_at"]).total_seconds() for age in last["history_ages_s"]]
    query = QueryEncoder.of(artefact).vectors([reader_of(last["history"], ages_s, END)])[0]
    by_day = (artefact.item_embeddings @ query).reshape(DAYS, A_DAY).mean(axis=1)
    assert by_day.argmax() == DAYS - 1
    out_now = news().slice(0, 1).set_column(0, "item_id", pa.array([9999]))
    out_now = out_now.set_column(6, "published_at", pa.array([END], ITEM_CONTENT.field("published_at").type))
    as_it_comes_out = candidate_vectors(artefact, out_now, END.timestamp()) @ query
    assert as_it_comes_out[0] > np.median(by_day)
