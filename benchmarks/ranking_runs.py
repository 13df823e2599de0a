"""Fit and ask the funnel and its peers on every split with every seed; what an earlier run did is not done again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.ranking_bootstrap import CONFIG as RANKER
from benchmarks.ranking_funnel import FUNNEL, FUSION, fit_funnel, results
from benchmarks.ranking_sources import SOURCES
from benchmarks.report import ROOT, progress
from benchmarks.retrieval_peers import PEERS
from benchmarks.retrieval_protocols import splits
from benchmarks.retrieval_ratings import Ratings
from benchmarks.retrieval_results import Result
from benchmarks.retrieval_runs import Measured, measure
from benchmarks.retrieval_store import Store

ORDERS = (FUNNEL, FUSION, *SOURCES)
"""What one funnel is asked for: its own order, and those that it had to choose from."""

BESIDE = tuple(peer for peer in PEERS if peer.name != "BPR")

_FILES = ("ranking/**/*.py", "benchmarks/ranking_*.py")
_ONLY_SHOWS = ("benchmarks/ranking_quality.py", "benchmarks/ranking_tables.py", "benchmarks/ranking_speed*.py")


def measured(dataset: Ratings, protocols: Sequence[str], seeds: Sequence[int], folder: Path) -> Measured:
    """Peers first, then the funnels; finished pieces are kept in `folder`."""
    found = measure(dataset, BESIDE, protocols, seeds, Store(folder, dataset.fingerprint))
    store = funnel_store(folder, dataset)
    for protocol in protocols:
        for seed in seeds:
            of_funnel = _kept(store, protocol, seed)
            found.reused += len(of_funnel)
            found.results += of_funnel or _measured(dataset, protocol, seed, store)
    return found


def funnel_store(folder: Path, dataset: Ratings) -> Store:
    """As that of the peers, but what it keeps depends on the code of `ranking/` too."""
    return Store(folder, f"{dataset.fingerprint} {_code()}")


def _kept(store: Store, protocol: str, seed: int) -> list[Result]:
    """All of one funnel, or nothing."""
    kept = [store.result(protocol, name, seed, ours=True) for name in ORDERS]
    return [] if any(one is None for one in kept) else [one for one in kept if one is not None]


def _measured(dataset: Ratings, protocol: str, seed: int, store: Store) -> list[Result]:
    (split,) = splits(dataset, protocol)
    made = results(dataset, split, seed, fit_funnel(dataset, split.unanswered(), seed=seed, config=RANKER))
    for one in made:
        store.keep(one, ours=True)
    worth = {one.model: float(np.nanmean(one.outcomes[0].by_reader["ndcg@10"])) for one in made}
    told = ", ".join(f"{name} {value:.4f}" for name, value in worth.items())
    progress(
        f"{protocol}, seed {seed}: NDCG@10 {told}; fitted in {made[0].fit_s:.0f} s, asked in {made[0].ask_s:.0f} s"
    )
    return made


@cache
def _code() -> str:
    """A digest of the files that a funnel comes from, beside those that the store itself looks at."""
    shown = {path for pattern in _ONLY_SHOWS for path in ROOT.glob(pattern)}
    digest = hashlib.sha256(version("lightgbm").encode())
    for path in sorted({path for pattern in _FILES for path in ROOT.glob(pattern)} - shown):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
