"""Why a candidate stands where it stands: what it was judged by, and what moved it on its way to the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

import numpy as np

from ranking.caps import NO_CAPS
from ranking.diversity import Mmr
from ranking.exploration import NO_EXPLORATION
from ranking.order import Order, RetrievalOrder, best_first
from ranking.propensity import Branch
from ranking.request import CandidateColumns, RankingRequest
from ranking.slate import Slate, make_slate
from ranking.slate_config import ScoredCandidates, SlateConfig, SlateRules


class MovedBy(StrEnum):
    CAPS = "caps"
    MMR = "mmr"
    PIN = "pin"
    EXPLORATION = "exploration"


@dataclass(frozen=True)
class Move:
    """One step's part: position in the visit's scroll without that step and with it; None for not on the page.

    An item can be moved by what happened to others: a pinned one pushes down all below.
    """

    by: MovedBy
    before: int | None
    after: int | None


@dataclass(frozen=True)
class Judged:
    """value: None where it is not known. contribution: what it adds to the score, in the score's unit."""

    feature: str
    group: str
    value: float | None
    contribution: float


@dataclass(frozen=True)
class SourceWord:
    """A source named the candidate, with its own score (None: it has none) at its rank, from 0."""

    source: str
    score: float | None
    rank: int


@dataclass(frozen=True)
class Explanation:
    """judged: by size of contribution, the largest first; with `base`, what stands there for any candidate, all
    contributions sum to the score.
    rank_before, rank_after: from 0 among all candidates, by fusion of the sources and by score.
    position: in the visit's scroll, with branch and propensity; None where it is not on the page.
    is_allowed: False for an item that the rules keep off the page.  moves: in the order of the steps.
    """

    item_id: int
    score: float
    base: float
    judged: tuple[Judged, ...]
    named_by: tuple[SourceWord, ...]
    rank_before: int
    rank_after: int
    position: int | None
    branch: Branch | None
    propensity: float | None
    is_allowed: bool
    moves: tuple[Move, ...]


def explain(
    item_ids: Sequence[int],
    *,
    request: RankingRequest,
    features: np.ndarray,
    order: Order,
    candidates: ScoredCandidates,
    slate: Slate,
    rules: SlateRules,
    config: SlateConfig,
) -> list[Explanation]:
    """Of some candidates. All other arguments are those by which the slate was made.

    features: (n, len(order.feature_set)) float32 of all candidates.
    Raises ValueError for an item that is no candidate, such as one from outside: nothing judged it.
    """
    if not np.array_equal(request.candidates.item_ids, candidates.item_ids):
        raise ValueError("The request and the scored candidates hold different items, or in another order.")
    row_of = {item_id: row for row, item_id in enumerate(candidates.item_ids.tolist())}
    for item_id in item_ids:
        if item_id not in row_of:
            raise ValueError(f"Item {item_id} is not among the candidates: nothing judged it. See its slot's branch.")
    rows = np.array([row_of[item_id] for item_id in item_ids], np.int64)
    contributions = order.contributions(features[rows])  # (items, F + 1)
    before = _ranks(RetrievalOrder(order.feature_set).scores(features))
    after = _ranks(candidates.scores)
    steps = _steps(candidates, rules, config, slate)
    slot_of = {slot.item_id: slot for slot in slate.slots}
    explanations = []
    for row, item_id, parts in zip(rows.tolist(), item_ids, contributions, strict=True):
        slot = slot_of.get(item_id)
        explanations.append(
            Explanation(
                item_id=item_id,
                score=float(candidates.scores[row]),
                base=float(parts[-1]),
                judged=_judged(order, features[row], parts),
                named_by=source_words(request.candidates, row),
                rank_before=int(before[row]),
                rank_after=int(after[row]),
                position=steps[-1].positions.get(item_id),
                branch=slot.branch if slot else None,
                propensity=slot.propensity if slot else None,
                is_allowed=not rules.forbid(item_id),
                moves=_moves(item_id, steps),
            )
        )
    return explanations


def moves_of(
    item_ids: Sequence[int],
    *,
    candidates: ScoredCandidates,
    slate: Slate,
    rules: SlateRules,
    config: SlateConfig,
) -> dict[int, tuple[Move, ...]]:
    """What moved each on its way to the page, and nothing else: what it was judged by takes LightGBM, this does not.

    All other arguments are those by which the slate was made.
    """
    steps = _steps(candidates, rules, config, slate)
    return {item_id: _moves(item_id, steps) for item_id in item_ids}


def source_words(candidates: CandidateColumns, row: int) -> tuple[SourceWord, ...]:
    """Who named the candidate of that row."""
    words = []
    for source, says in candidates.sources.items():
        rank, score = float(says.ranks[row]), float(says.scores[row])
        if not np.isnan(rank):
            words.append(SourceWord(source, None if np.isnan(score) else score, int(rank)))
    return tuple(words)


@dataclass(frozen=True)
class _Step:
    """The page as it would be with this step and all before it. positions: by item id."""

    by: MovedBy | None
    positions: dict[int, int]


def _steps(candidates: ScoredCandidates, rules: SlateRules, config: SlateConfig, slate: Slate) -> tuple[_Step, ...]:
    by_diversity = MovedBy.MMR if isinstance(config.diversity, Mmr) else MovedBy.CAPS
    diverse = replace(config, exploration=NO_EXPLORATION)
    plain = replace(diverse, diversity=NO_CAPS)
    unpinned = replace(rules, pins=())
    steps = []
    for by, its_rules, its_config in (
        (None, unpinned, plain),
        (by_diversity, unpinned, diverse),
        (MovedBy.PIN, rules, diverse),
    ):
        page = make_slate(candidates, seed=0, rules=its_rules, config=its_config, first_position=slate.first_position)
        steps.append(_Step(by, _positions(page)))
    return (*steps, _Step(MovedBy.EXPLORATION, _positions(slate)))


def _positions(slate: Slate) -> dict[int, int]:
    return {item_id: position for position, item_id in enumerate(slate.item_ids, start=slate.first_position)}


def _moves(item_id: int, steps: Sequence[_Step]) -> tuple[Move, ...]:
    moves = []
    for step, following in pairwise(steps):
        before, after = step.positions.get(item_id), following.positions.get(item_id)
        if before != after and following.by is not None:
            moves.append(Move(following.by, before, after))
    return tuple(moves)


def _judged(order: Order, values: np.ndarray, contributions: np.ndarray) -> tuple[Judged, ...]:
    judged = [
        Judged(feature.name, feature.group, None if np.isnan(value) else float(value), float(contribution))
        for feature, value, contribution in zip(order.feature_set.features, values, contributions, strict=False)
    ]
    return tuple(sorted(judged, key=lambda each: -abs(each.contribution)))


def _ranks(scores: np.ndarray) -> np.ndarray:
    """(n,) int64, from 0."""
    ranks = np.empty(len(scores), np.int64)
    ranks[best_first(scores)] = np.arange(len(scores))
    return ranks
