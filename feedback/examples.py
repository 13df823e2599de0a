"""What the log teaches, as a stream of Arrow tables: visits with labels for the ranker, positives for the retriever.

Memory is bounded by one fragment of the log, however long the log. The rules stand in docs/learning.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pyarrow as pa

from feedback.labels import LabelConfig, label_visits
from feedback.log_connection import log_connection
from feedback.log_fragments import FRAGMENT_IMPRESSIONS, plan_fragments, read_fragment
from feedback.log_histories import READERS_INTERACTIONS, plan_readers, read_histories
from feedback.positives import find_positives
from feedback.states import StatesConfig


def labelled_visits(
    *,
    since: datetime,
    until: datetime,
    config: LabelConfig | None = None,
    max_impressions: int = FRAGMENT_IMPRESSIONS,
) -> Iterator[pa.Table]:
    """`feedback.labels.LABELLED_VISITS` of visits that began at or after `since` and were over by `until`, as the log
    knew them at `until`. In order of time by day; a visit is never split between tables."""
    with log_connection() as session:
        for fragment in plan_fragments(session, since=since, until=until, max_impressions=max_impressions):
            labelled = label_visits(read_fragment(session, fragment), until=until, config=config)
            if len(labelled):
                yield labelled


def retriever_positives(
    *,
    since: datetime,
    until: datetime,
    config: StatesConfig | None = None,
    max_interactions: int = READERS_INTERACTIONS,
) -> Iterator[pa.Table]:
    """`feedback.positives.RETRIEVER_POSITIVES` that happened in [since, until), as the log knew them at `until`.

    By reader; a reader is never split between tables.
    """
    with log_connection() as session:
        for first, last in plan_readers(session, max_interactions=max_interactions):
            positives = find_positives(read_histories(session, first, last), since=since, until=until, config=config)
            if len(positives):
                yield positives
