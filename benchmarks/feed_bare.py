"""What a page cannot be made without, each as one bare call on input that lies ready: the least it could take."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
import psycopg
from django.db import connection

from benchmarks.index_cases import bare_lists
from ranking.onnx_order import OnnxOrder
from recsite.funnel.sources import CANDIDATES_PER_SOURCE
from recsite.personal_page import Page
from retrieval.artefact import ITEM_TABLE
from retrieval.features import encode_states
from retrieval.index import Index

PARTS = ("query tower", "FAISS", "predict", "INSERT")
MILLISECONDS = 1_000


@dataclass(frozen=True, eq=False)
class BareParts:
    """Of one page: calls without arguments, in the order of `PARTS`."""

    calls: tuple[Callable[[], object], ...]

    def timed_ms(self) -> list[float]:
        taken = []
        for call in self.calls:
            begun = time.perf_counter()
            call()
            taken.append((time.perf_counter() - begun) * MILLISECONDS)
        return taken


class Bare:
    """The calls beside one release. FAISS is asked for as many items as a source is, exactly as the index was tuned."""

    def __init__(self, page: Page, session: psycopg.Connection[Any], slate_bytes: int) -> None:
        stage = page.funnel.stage
        self._encoder = stage.retriever.encoder
        self._flat = faiss.IndexFlatIP(stage.index.dim)
        self._flat.add(stage.item_vectors)
        self._search, self._asked = bare_search(stage.index, self._flat)
        order = page.funnel.ranker.order
        if not isinstance(order, OnnxOrder):
            raise TypeError("The trees are to be asked as they are served: load the release from its files.")
        self._trees = order._session
        self._session = session
        self._body = os.urandom(slate_bytes)

    def parts(self, page: Page) -> BareParts:
        tower, trees = self._encoder.tower, self._trees
        said = encode_states([page.query.state], self._encoder.content, self._encoder.config)
        states = said.arrays() | {ITEM_TABLE: self._encoder.item_table}
        vector = tower.run(None, states)[0]
        rows = {trees.get_inputs()[0].name: np.ascontiguousarray(page.features)}
        return BareParts(
            (
                lambda: tower.run(None, states),
                lambda: self._search.search(vector, CANDIDATES_PER_SOURCE, params=self._asked),
                lambda: trees.run(None, rows),
                lambda: self._session.execute("INSERT INTO bare_slate VALUES (%b, %b)", (uuid.uuid4(), self._body)),
            )
        )


def bare_search(index: Index, flat: faiss.IndexFlatIP) -> tuple[faiss.Index, faiss.SearchParameters | None]:
    """The FAISS index that answers as `index` does, and with which parameters. flat: all of its vectors."""
    base = index.base
    if base.ann is None:
        return flat, None
    wanted = base.wanted(CANDIDATES_PER_SOURCE, CANDIDATES_PER_SOURCE)
    lists, asked = bare_lists(base.ann, base.asked(wanted, CANDIDATES_PER_SOURCE, index.open_rows))
    if base.tuning.fetch == 1:
        return lists, asked
    refined = faiss.IndexRefine(lists, flat)
    return refined, faiss.IndexRefineSearchParameters(k_factor=base.tuning.fetch, base_index_params=asked)


@contextmanager
def bare_table() -> Iterator[psycopg.Connection[Any]]:
    """A connection of its own, and a table of a key and bytes that are not compressed, dropped in the end. Like the
    log's, its commits do not wait for the disk."""
    address = connection.get_connection_params() | {"cursor_factory": None}
    with psycopg.connect(**address, autocommit=True) as session:
        session.execute("SET synchronous_commit = off")
        session.execute("CREATE TABLE bare_slate (id uuid PRIMARY KEY, body bytea)")
        session.execute("ALTER TABLE bare_slate ALTER COLUMN body SET STORAGE EXTERNAL")
        yield session
        session.execute("DROP TABLE bare_slate")


def mean_slate_bytes() -> int:
    """Of what serving has recorded of a page: the slate's row and its detail's."""
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT avg(pg_column_size(slate.*) + pg_column_size(detail.*))
            FROM feedback_slate AS slate JOIN feedback_slatedetail AS detail ON detail.slate_id = slate.id
        """)
        return int(cursor.fetchone()[0])
