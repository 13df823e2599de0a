"""The early ranker: what a cheap first pass over thousands of candidates loses of the page, and what time it saves.

Measured is the very path that is timed, on visits that no ranker learned from. A column is asked before there are
features, so that only those of the kept are built; the first trees and the fusion need everybody's. In this world a
few features decide most, and the first trees find them; a ranker that needs many will lose more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.ranking_speed_models import NDCG_AT, Trained
from benchmarks.ranking_speed_paths import Desk
from benchmarks.ranking_speed_timing import Call, in_rounds, ratio, timed
from benchmarks.ranking_speed_world import Judged, gains
from benchmarks.report import progress
from ranking.early import EarlyRanker, best_rows, first_trees, surviving_share
from ranking.metrics import dcg_at_k
from ranking.onnx_export import as_served
from ranking.order import Order, RetrievalOrder
from ranking.request import CandidateColumns, RankingRequest, SourceColumns
from retrieval.metrics import paired_bootstrap

KEPT = (300, 100)
FIRST_TREES = (5, 20)
COLUMN = "two_tower"
EVERYTHING = "no first pass"
MOST_TIMED = 5

Ranked = tuple[np.ndarray, np.ndarray]
"""Rows of the candidates that are left, and the whole ranker's scores of them."""

Pass = Callable[[RankingRequest], Ranked]


@dataclass(frozen=True)
class EarlyMeasured:
    """One first pass before one ranker. surviving_share: of the page that the ranker makes of all candidates.

    ndcg: of the page behind the first pass.  ndcg_difference: mean, low and high of it less that of everything.
    p50_ms: of features, both passes and the slate.  ratio: to that without a first pass.
    """

    ranker: str
    candidates: int
    kept: int
    by: str
    surviving_share: float
    ndcg: float
    ndcg_difference: tuple[float, float, float]
    p50_ms: float
    ratio: float


def early_measured(ranker: Trained, judged: Judged, desk: Desk, rounds: int) -> list[EarlyMeasured]:
    """No first pass, then each for each of `KEPT`."""
    candidates = len(judged.requests[0].candidates)
    progress(f"first passes over {candidates:,} candidates, before {ranker.size}")
    none = (candidates, EVERYTHING)
    passes = {none: _no_pass(ranker.onnx, desk)} | _passes(ranker, desk)
    ranked = {name: [first_pass(request) for request in judged.requests] for name, first_pass in passes.items()}
    ndcg = {name: _ndcg(pages, judged.grades) for name, pages in ranked.items()}
    seconds = _seconds(passes, judged.requests[:MOST_TIMED], desk, rounds)
    told = []
    for name, pages in ranked.items():
        kept, by = name
        difference = paired_bootstrap(ndcg[name][None], ndcg[none][None], seed=0)
        told.append(
            EarlyMeasured(
                ranker=str(ranker.size),
                candidates=candidates,
                kept=kept,
                by=by,
                surviving_share=_surviving(ranked[none], pages),
                ndcg=float(ndcg[name].mean()),
                ndcg_difference=(difference.mean, difference.low, difference.high),
                p50_ms=timed(seconds[name]).p50_ms,
                ratio=ratio(seconds[name], seconds[none]),
            )
        )
    return told


def _passes(ranker: Trained, desk: Desk) -> dict[tuple[int, str], Pass]:
    """By how many stay, and by what. The first trees, too, are asked of ONNX Runtime."""
    orders: dict[str, Order] = {
        f"first {trees} trees": as_served(first_trees(ranker.boosted, trees)) for trees in FIRST_TREES
    }
    orders["fusion"] = RetrievalOrder(desk.world.feature_set)
    passes: dict[tuple[int, str], Pass] = {}
    for kept in KEPT:
        passes |= {(kept, by): _by_order(EarlyRanker(order), kept, ranker.onnx, desk) for by, order in orders.items()}
        passes[kept, f"{COLUMN} score"] = _by_column(COLUMN, kept, ranker.onnx, desk)
    return passes


def _no_pass(whole: Order, desk: Desk) -> Pass:
    return lambda request: (np.arange(len(request.candidates)), whole.scores(desk.features(request)))


def _by_order(early: EarlyRanker, kept: int, whole: Order, desk: Desk) -> Pass:
    def ranked(request: RankingRequest) -> Ranked:
        features = desk.features(request)
        rows = early.keep(features, kept)
        return rows, whole.scores(features[rows])

    return ranked


def _by_column(source: str, kept: int, whole: Order, desk: Desk) -> Pass:
    """Percentiles among candidates are then those among the kept, and the whole ranker has to bear it."""

    def ranked(request: RankingRequest) -> Ranked:
        rows = best_rows(request.candidates.sources[source].scores, kept)
        return rows, whole.scores(desk.features(of_rows(request, rows)))

    return ranked


def of_rows(request: RankingRequest, rows: np.ndarray) -> RankingRequest:
    """Of the candidates only these. Ranks stay what the sources said."""
    candidates = request.candidates
    return replace(
        request,
        candidates=CandidateColumns(
            candidates.item_ids[rows],
            {name: SourceColumns(says.scores[rows], says.ranks[rows]) for name, says in candidates.sources.items()},
            candidates.times_viewed[rows],
            candidates.covisited[rows],
        ),
    )


def _surviving(whole: Sequence[Ranked], pages: Sequence[Ranked]) -> float:
    shares = [surviving_share(scores, rows, top=NDCG_AT) for (_, scores), (rows, _) in zip(whole, pages, strict=True)]
    return float(np.mean(shares))


def _ndcg(pages: Sequence[Ranked], grades: np.ndarray) -> np.ndarray:
    """(visits,) against the best page that all candidates could have made. Every visit has something to find."""
    visits, candidates = grades.shape
    worth = gains(grades)
    kept = np.concatenate([worth[visit, rows] for visit, (rows, _) in enumerate(pages)])
    sizes = np.array([len(rows) for rows, _ in pages])
    found = dcg_at_k(np.concatenate([scores for _, scores in pages]), kept, sizes, NDCG_AT)
    return found / dcg_at_k(worth.ravel(), worth.ravel(), np.full(visits, candidates), NDCG_AT)


def _seconds(
    passes: Mapping[tuple[int, str], Pass], requests: Sequence[RankingRequest], desk: Desk, rounds: int
) -> dict[tuple[int, str], np.ndarray]:
    """(rounds, requests) of each pass with the slate made behind it."""

    def path(first_pass: Pass) -> Call:
        def call(i: int) -> object:
            rows, scores = first_pass(requests[i])
            return desk.slate(requests[i].candidates.item_ids[rows], scores, i)

        return call

    return in_rounds({name: path(first_pass) for name, first_pass in passes.items()}, len(requests), rounds)
