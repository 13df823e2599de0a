"""The seam between the log and the retriever: neither package knows the other, and their tables must fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from feedback.positives import RETRIEVER_POSITIVES
from retrieval.content import ItemContent
from retrieval.features import STATES
from retrieval.spool import POSITIVES, fill_spool
from tests.retrieval.worlds import SMALL, UNTIL, catalogue, positives

NOT_OF_THE_LOG = {"topics", "authors", "languages", "country", "attributes"}
"""Of the reader's profile; the site joins them."""


def test_the_log_streams_the_columns_that_training_reads() -> None:
    needed = {field.name: field.type for schema in (POSITIVES, STATES) for field in schema}
    streamed = {field.name: field.type for field in RETRIEVER_POSITIVES}
    assert {name: streamed[name] for name in needed.keys() - NOT_OF_THE_LOG} == {
        name: kind for name, kind in needed.items() if name not in NOT_OF_THE_LOG
    }


def test_a_table_as_the_log_streams_it_can_be_learned_from(tmp_path: Path) -> None:
    table = positives()
    given = {name: table[name] for name in table.column_names}
    given |= {
        "reader_bucket": pa.array(np.zeros(len(table), np.int16)),
        "surface": pa.array(["home"] * len(table)),
        "searches": pa.array([["calm evening"]] * len(table)),
        "history_kinds": pa.array(table["history_kinds"].to_pylist(), RETRIEVER_POSITIVES.field("history_kinds").type),
    }
    streamed = pa.table([given[name] for name in RETRIEVER_POSITIVES.names], schema=RETRIEVER_POSITIVES)
    content = ItemContent.from_table(catalogue(), SMALL.towers)
    spool = fill_spool(
        [streamed],
        content,
        tmp_path,
        until=UNTIL,
        towers=SMALL.towers,
        training=SMALL.training,
    )
    assert spool.num_rows == len(table)
    assert any(piece.features.searches.any() for piece in spool.pieces(np.random.default_rng(0)))
