"""A page while it fills from the top: what may still stand on it, and with which chances."""

from __future__ import annotations

from itertools import chain

import numpy as np

from ranking.caps import CapCounts, CapKeys
from ranking.diversity import BestByMmr, BestWithinCaps, GreedyOrder, Mmr
from ranking.exploration import NOTHING_OUTSIDE, OpenOutside, Outside
from ranking.propensity import PoolWeights, SlotChances, slot_chances
from ranking.slate_config import ScoredCandidates, SlateConfig, SlateRules


class Page:
    """Rows are those of `ranked`: candidates that the rules allow, the best first.

    temperature: in the unit of the scores.  reserved: item ids that no slot of the page may draw.
    """

    def __init__(
        self,
        ranked: ScoredCandidates,
        rules: SlateRules,
        config: SlateConfig,
        outside: Outside | None,
        *,
        reserved: frozenset[int],
    ) -> None:
        self.item_ids: list[int] = ranked.item_ids.tolist()
        self.scores: list[float] = ranked.scores.tolist()
        self.cap_keys: list[CapKeys] = list(zip(*ranked.cap_keys.T.tolist(), strict=True))
        self._config = config.exploration
        self._counts = CapCounts(config.caps, rules.shown_cap_keys)
        self._greedy = _greedy_order(ranked, self.cap_keys, config, self._counts)
        self.pool_size = min(len(ranked), self._config.pool) if self._config.epsilon else 0
        self.temperature = self._config.temperature_of(self.scores[: self.pool_size])
        self._weights = PoolWeights(self.scores[: self.pool_size], self.temperature)
        self._pool = list(range(self.pool_size))
        if outside is None or not self._config.epsilon or not self._config.outside_share:
            outside = NOTHING_OUTSIDE
        others = np.fromiter(chain(reserved, rules.hidden, rules.shown), np.int64)
        self.outside = OpenOutside(outside, self._counts, without=np.concatenate([ranked.item_ids, others]))
        self._taken: set[int] = set()

    def greedy(self) -> int | None:
        """The row that a policy without exploration would show next; None when no candidate is left."""
        row = self._greedy.best()
        if row is None and any(self._counts.full):
            self._lift_caps()
            row = self._greedy.best()
        return row

    def chances(self, greedy: int) -> SlotChances:
        """Of the next slot."""
        return slot_chances(
            greedy,
            self._pool,
            self._weights.of(self._pool) if self._pool else (),
            epsilon=self._config.epsilon,
            outside_share=self._config.outside_share,
            has_outside=self.outside.any(),
        )

    def show(self, row: int) -> None:
        """A candidate takes the next slot."""
        self._greedy.take(row)
        self._taken.add(row)
        if row in self._pool:
            self._pool = self._pool.copy()  # chances that were handed out keep theirs
            self._pool.remove(row)
        self.count(self.cap_keys[row])

    def count(self, cap_keys: CapKeys) -> None:
        """An item of these keys takes the next slot."""
        if self._counts.add(cap_keys):
            self._pool = [row for row in self._pool if self._counts.allow(self.cap_keys[row])]

    def _lift_caps(self) -> None:
        self._counts.lift()
        self._greedy = BestWithinCaps(self.cap_keys, self._counts, taken=self._taken)
        self._pool = [row for row in range(self.pool_size) if row not in self._taken]
        self.outside.rewind()


def _greedy_order(
    ranked: ScoredCandidates, cap_keys: list[CapKeys], config: SlateConfig, counts: CapCounts
) -> GreedyOrder:
    if isinstance(config.diversity, Mmr) and ranked.vectors is not None:
        return BestByMmr(ranked.scores, ranked.vectors, config.diversity)
    return BestWithinCaps(cap_keys, counts)
