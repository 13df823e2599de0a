"""A small release with a known answer: readers of an even number love even items, the others odd ones.

The world is that of `tests.retrieval.worlds`: items 100 to 123, readers 1 to 40, choices of eight days before `UNTIL`.
Everything is immutable and shared by all tests of a process; the stage, whose export to ONNX takes seconds, by all
processes, until a file of `retrieval/` or the world changes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ranking.artefact import RankerArtefact
from ranking.config import RankerConfig
from ranking.order import RetrievalOrder
from ranking.request import NONE
from ranking.train import train_ranker
from ranking.visits import ASSUMED_NEGATIVE, POSITIVE, Visits
from recsite.funnel.catalogue import Catalogue, Counts
from recsite.funnel.funnel import Funnel
from recsite.funnel.query import FunnelQuery
from recsite.funnel.sources import FEATURE_SET, popular_and_trending
from retrieval.artefact import load
from retrieval.interactions import Interactions
from retrieval.query_state import QueryState
from retrieval.stage import FittedStage, RetrievalStage, save_stage
from retrieval.stage_files import TOWERS, read_stage
from retrieval.stage_training import fit_stage
from tests.retrieval import worlds
from tests.retrieval.worlds import SMALL, START, UNTIL, catalogue, positives

_ROOT = Path(__file__).parents[3]

EVEN, ODD = 0, 1
FIRST_ITEM = 100


def small_interactions() -> Interactions:
    """All choices of the world, in order of time."""
    table = positives()
    times_s = table["happened_at"].cast(pa.int64()).to_numpy() / 1e6
    return Interactions.in_order(table["reader_id"].to_numpy(), table["item_id"].to_numpy(), times_s)


@lru_cache(maxsize=1)
def small_fitted() -> FittedStage:
    """With weights."""
    return fitted_once(
        "small",
        lambda: fit_stage([positives()], catalogue(), small_interactions(), SMALL, until=UNTIL),
        worlds.__file__,
    )


def fitted_once(name: str, fit: Callable[[], FittedStage], world: str) -> FittedStage:
    """From the folder that the first process to ask has made. world: the file that tells what is learned from."""
    folder = Path(tempfile.gettempdir()) / f"{name}-stage-{os.getuid()}-{_code(Path(world))}"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            save_stage(fit(), folder)
    return replace(FittedStage(**vars(read_stage(folder))), artefact=load(folder / TOWERS))


@lru_cache(maxsize=1)
def small_stage() -> RetrievalStage:
    return small_fitted().ready()


def small_catalogue(items: pa.Table | None = None, **changes: Any) -> Catalogue:
    """As of `UNTIL`, with every choice of the last week counted as a click. changes: of `Catalogue.of`."""
    popular, trending = popular_and_trending(small_interactions(), UNTIL.timestamp())
    values: dict[str, Any] = {
        "items": catalogue() if items is None else items,
        "counts": small_counts(),
        "popular": popular,
        "trending": trending,
        "counts_as_of": UNTIL,
        "version": "small",
    }
    return Catalogue.of(**(values | changes))


def small_counts() -> Counts:
    """Nobody viewed anything."""
    recent = small_interactions().between((UNTIL - timedelta(days=7)).timestamp(), UNTIL.timestamp())
    item_ids, clicks = np.unique(recent.item_ids, return_counts=True)
    nothing = np.zeros((3, len(item_ids)), np.float32)
    by_window = nothing.copy()
    by_window[2] = clicks
    return Counts(item_ids, views=nothing, clicks=by_window, dismissals=nothing)


def fusion_ranker() -> RankerArtefact:
    """No reranking."""
    return RankerArtefact(order=RetrievalOrder(FEATURE_SET), report={"why": "a test"})


@lru_cache(maxsize=1)
def boosted_ranker() -> RankerArtefact:
    """A few trees that put items of the reader's parity first."""
    funnel = small_funnel(ranker=fusion_ranker())
    rng = np.random.default_rng(0)
    features, labels, sizes, served_s = [], [], [], []
    for number in range(60):
        parity = number % 2
        at = START + timedelta(days=4, minutes=number)
        ranked = funnel.ranked(reader_query(parity, at=at, seed=number))
        likely = ranked.union.item_ids % 2 == parity
        chosen = likely & (rng.random(len(likely)) < 0.5)
        features.append(ranked.features)
        labels.append(np.where(chosen, POSITIVE, ASSUMED_NEGATIVE).astype(np.int8))
        sizes.append(len(likely))
        served_s.append(at.timestamp())
    together = np.concatenate(labels)
    rows_served_s = np.repeat(served_s, sizes)
    visits = Visits(
        features=np.concatenate(features),
        visit_ids=np.arange(len(sizes), dtype=np.int64),
        visit_sizes=np.array(sizes, np.int64),
        labels=together,
        gains=(together == POSITIVE).astype(np.int16),
        positions=np.full(len(together), NONE, np.int32),
        columns=np.zeros(len(together), np.int16),
        served_s=rows_served_s,
        known_until_s=rows_served_s - 1,
        trained_until_s=rows_served_s - 1,
        cold=np.zeros(len(together), bool),
    )
    config = RankerConfig(num_leaves=5, num_trees=20, learning_rate=0.2, min_rows_in_leaf=10, patience=5, ndcg_at=10)
    return train_ranker([visits], config, since=START, until=UNTIL, feature_set=FEATURE_SET)


def small_funnel(ranker: RankerArtefact | None = None, **changes: Any) -> Funnel:
    """By default with trees. changes: of `small_catalogue`."""
    return Funnel.of(small_stage(), ranker or boosted_ranker(), small_catalogue(**changes))


def reader_query(
    parity: int, *, at: datetime = UNTIL, length: int = 4, seed: int = 0, exclude: list[int] | None = None, **facts: Any
) -> FunnelQuery:
    """Somebody who chose `length` items of one parity in the hours before `at`; by default those are excluded.

    facts: of `QueryState`, such as languages, or of `FunnelQuery`, such as surface.
    """
    hers = np.random.default_rng(seed).permutation(np.arange(FIRST_ITEM + parity, FIRST_ITEM + 24, 2))[:length]
    of_query = {name: facts.pop(name) for name in ("viewed", "first_seen_s", "surface", "columns") if name in facts}
    state = QueryState(
        at=at,
        history=hers.astype(np.int64),
        history_kinds=("click",) * length,
        history_ages_s=(3_600.0 * np.arange(length, 0, -1)).astype(np.float32),
        **facts,
    )
    return FunnelQuery(state, exclude=hers if exclude is None else np.array(exclude, np.int64), **of_query)


def _code(world: Path) -> str:
    """A digest of all that the stage comes from."""
    digest = hashlib.sha256(f"{version('torch')} {version('implicit')}".encode())
    for path in sorted([*_ROOT.glob("retrieval/**/*.py"), world]):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]
