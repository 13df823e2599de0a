"""What caps and MMR cost of a page's NDCG, and what they buy in distance between its items.

The made-up readers do not tire of a topic: how much they would choose of one more is not less for what stands above
it. So here diversity can only cost, and what is measured is the price.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.ranking_speed_models import NDCG_AT, Trained
from benchmarks.ranking_speed_paths import Desk
from benchmarks.ranking_speed_timing import Call, in_rounds, timed
from benchmarks.ranking_speed_world import Judged, gains
from benchmarks.report import progress
from ranking.caps import NO_CAPS, Caps, cap_keys_of
from ranking.diversity import Mmr
from ranking.diversity_cost import diversity_cost, mean_cost
from ranking.exploration import NO_EXPLORATION
from ranking.slate import make_slate
from ranking.slate_config import ScoredCandidates, SlateConfig
from retrieval.metrics import paired_bootstrap

CHOICES: dict[str, Caps | Mmr] = {
    "neither": NO_CAPS,
    "caps, 4 a topic, 2 an author": Caps(4, 2),
    "caps, 2 a topic, 1 an author": Caps(2, 1),
    "MMR, relevance 0.9": Mmr(0.9),
    "MMR, relevance 0.8": Mmr(0.8),
    "MMR, relevance 0.6": Mmr(0.6),
}
MOST_TIMED = 20


@dataclass(frozen=True)
class DiversityMeasured:
    """Pages of the whole ranker, with one way to make them diverse and without exploration.

    ndcg_lost: of the plain page's, the share.  ndcg_difference: mean, low and high of NDCG less the plain page's.
    distance: mean of 1 - cosine over all pairs of a page.  slate_p50_ms: of making the page from scores.
    """

    diversity: str
    ndcg: float
    ndcg_lost: float
    ndcg_difference: tuple[float, float, float]
    distance: float
    distance_gained: float
    slate_p50_ms: float


def diversity_measured(ranker: Trained, judged: Judged, desk: Desk, rounds: int) -> list[DiversityMeasured]:
    progress(f"caps and MMR on {len(judged.requests):,} pages")
    pages = [_scored(judged, visit, ranker, desk) for visit in range(len(judged.requests))]
    worth = gains(judged.grades)
    milliseconds = _slate_ms(pages[:MOST_TIMED], rounds)
    told = []
    for name, config in _configs().items():
        costs = [diversity_cost(page, of_page, config) for page, of_page in zip(pages, worth, strict=True)]
        mean = mean_cost(costs)
        ndcg, plain = (np.array([[getattr(cost, which) for cost in costs]]) for which in ("ndcg", "ndcg_plain"))
        difference = paired_bootstrap(ndcg, plain, seed=0)
        told.append(
            DiversityMeasured(
                diversity=name,
                ndcg=mean.ndcg,
                ndcg_lost=mean.ndcg_lost,
                ndcg_difference=(difference.mean, difference.low, difference.high),
                distance=mean.distance,
                distance_gained=mean.distance_gained,
                slate_p50_ms=milliseconds[name],
            )
        )
    return told


def _configs() -> dict[str, SlateConfig]:
    return {name: SlateConfig(NDCG_AT, diversity, NO_EXPLORATION) for name, diversity in CHOICES.items()}


def _scored(judged: Judged, visit: int, ranker: Trained, desk: Desk) -> ScoredCandidates:
    item_ids, table = judged.requests[visit].candidates.item_ids, desk.world.items.table
    scores = ranker.onnx.scores(judged.features[visit])
    return ScoredCandidates(item_ids, scores, cap_keys_of(table, item_ids), table.vectors[table.rows_of(item_ids)])


def _slate_ms(pages: list[ScoredCandidates], rounds: int) -> dict[str, float]:
    def making(config: SlateConfig) -> Call:
        return lambda i: make_slate(pages[i], seed=i, config=config)

    seconds = in_rounds({name: making(config) for name, config in _configs().items()}, len(pages), rounds)
    return {name: timed(one).p50_ms for name, one in seconds.items()}
