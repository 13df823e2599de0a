"""Small worlds with a known answer: half of the readers love even items, half odd ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from retrieval.config import TowerConfig, TrainingConfig, TwoTowerConfig
from retrieval.content import ITEM_CONTENT

START = datetime(2026, 1, 1, tzinfo=UTC)
UNTIL = START + timedelta(days=8)
EVEN_TOPIC, ODD_TOPIC = 70, 71
HISTORY = 6

SMALL = TwoTowerConfig(
    TowerConfig(dim=16, hidden=32, history_length=8, attention_length=8, word_buckets=64, author_buckets=64),
    TrainingConfig(epochs=6, batch_size=64, learning_rate=0.01, half_life_days=None),
)
"""Towers that learn such a world in a second or two."""


def catalogue(num_items: int = 24) -> pa.Table:
    """`ITEM_CONTENT` of items 100, 101, ...: their topic says whether they are even."""
    ids = list(range(100, 100 + num_items))
    return pa.table(
        {
            "item_id": ids,
            "title": [f"Number {item}" for item in ids],
            "summary": ["Even and calm" if item % 2 == 0 else "Odd and loud" for item in ids],
            "topics": [[EVEN_TOPIC if item % 2 == 0 else ODD_TOPIC] for item in ids],
            "author": [item % 3 for item in ids],
            "language": ["en"] * num_items,
            "published_at": [START - timedelta(days=item % 5) for item in ids],
        },
        schema=ITEM_CONTENT,
    )


def positives(num_readers: int = 40, num_items: int = 24, each: int = 9, seed: int = 0) -> pa.Table:
    """Each reader chooses `each` different items of her kind, one every 12 hours; her history is what came before."""
    rng = np.random.default_rng(seed)
    rows = []
    for reader in range(1, num_readers + 1):
        hers = rng.permutation(np.arange(100 + reader % 2, 100 + num_items, 2))[:each].tolist()
        for place, item in enumerate(hers):
            before = hers[max(place - HISTORY, 0) : place]
            rows.append(
                {
                    "reader_id": reader,
                    "item_id": item,
                    "happened_at": START + timedelta(hours=12 * place, seconds=reader),
                    "weight": 1.0,
                    "state_at": START + timedelta(hours=12 * place, seconds=reader),
                    "history": before,
                    "history_kinds": ["click"] * len(before),
                    "history_ages_s": [3600.0 * 12 * (len(before) - number) for number in range(len(before))],
                }
            )
    return pa.Table.from_pylist(rows, schema=POSITIVES_AND_STATES)


POSITIVES_AND_STATES = pa.schema(
    {
        "reader_id": pa.int64(),
        "item_id": pa.int64(),
        "happened_at": pa.timestamp("us", tz="UTC"),
        "weight": pa.float32(),
        "state_at": pa.timestamp("us", tz="UTC"),
        "history": pa.list_(pa.int64()),
        "history_kinds": pa.list_(pa.string()),
        "history_ages_s": pa.list_(pa.float32()),
    }
)
