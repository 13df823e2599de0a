"""The policy of a page written a second time, in another way: 100,000 pages at once, drawn by Gumbel noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ranking.exploration import Outside
from ranking.request import NONE
from ranking.slate_config import ScoredCandidates, SlateConfig, SlateRules

NOTHING = -1


@dataclass(eq=False)
class Simulation:
    """pages: pages drawn at once. All items are columns: first candidates, then those outside, then pinned ones.

    Knows caps (a page's own), pins and hidden items; not MMR.
    """

    candidates: ScoredCandidates
    outside: Outside
    rules: SlateRules
    config: SlateConfig
    pages: int
    rng: np.random.Generator

    def __post_init__(self) -> None:
        known = set(self.candidates.item_ids.tolist())
        others = [row for row, item_id in enumerate(self.outside.item_ids.tolist()) if item_id not in known]
        pins = [pin for pin in self.rules.pins if pin.item_id not in known]
        self.item_ids = np.concatenate(
            [self.candidates.item_ids, self.outside.item_ids[others], [pin.item_id for pin in pins]]
        ).astype(np.int64)
        keys = [self.candidates.cap_keys, self.outside.cap_keys[others], np.array([p.cap_keys for p in pins])]
        self.keys = np.concatenate([each.reshape(-1, 2) for each in keys]).astype(np.int64)
        n, m = len(self.candidates), len(others)
        self.scores = np.concatenate([self.candidates.scores.astype(float), np.full(m + len(pins), -np.inf)])
        self.is_candidate, self.is_outside = np.arange(len(self.item_ids)) < n, np.zeros(len(self.item_ids), bool)
        self.is_outside[n : n + m] = True
        pinned = {pin.item_id for pin in self.rules.pins}
        self.may = np.array([i not in pinned and i not in self.rules.hidden for i in self.item_ids.tolist()])
        best = np.argsort(-np.where(self.is_candidate & self.may, self.scores, -np.inf), kind="stable")
        pool = [row for row in best.tolist() if self.is_candidate[row] and self.may[row]]
        self.in_pool = np.isin(np.arange(len(self.item_ids)), pool[: self.config.exploration.pool])

    def drawn(self) -> np.ndarray:
        """(pages, size) item ids; `NOTHING` where no candidate was left."""
        shown = np.zeros((self.pages, len(self.item_ids)), bool)
        lifted = np.zeros(self.pages, bool)
        ended = np.zeros(self.pages, bool)
        slate = np.full((self.pages, self.config.size), NOTHING)
        pins = {pin.position: pin.item_id for pin in self.rules.pins}
        every = np.arange(self.pages)
        for slot in range(self.config.size):
            if slot in pins:
                picked = np.full(self.pages, self.item_ids.tolist().index(pins[slot]))
            else:
                left = ~shown & self.may
                lifted |= ~(left & self._within_caps(shown) & self.is_candidate).any(axis=1)
                is_open = left & (self._within_caps(shown) | lifted[:, None])
                ended |= ~(is_open & self.is_candidate).any(axis=1)
                picked = self._picked(is_open)
            slate[~ended, slot] = self.item_ids[picked[~ended]]
            shown[every[~ended], picked[~ended]] = True
        return slate

    def _within_caps(self, shown: np.ndarray) -> np.ndarray:
        """(pages, items): whether one more of each item's topic and author may stand there."""
        may = np.ones(shown.shape, bool)
        for column, most in enumerate((self.config.caps.per_topic, self.config.caps.per_author)):
            key = self.keys[:, column]
            same = (key[:, None] == key) & (key != NONE)  # (items, items)
            if most is not None:
                may &= (shown.astype(int) @ same < most) | (key == NONE)
        return may

    def _picked(self, is_open: np.ndarray) -> np.ndarray:
        exploration, noise = self.config.exploration, self.rng.gumbel(size=is_open.shape)
        temperature = exploration.temperature_of(sorted(self.scores[self.in_pool].tolist(), reverse=True))
        greedy = np.where(is_open & self.is_candidate, self.scores, -np.inf).argmax(axis=1)
        pool, others = is_open & self.in_pool, is_open & self.is_outside
        scaled = np.where(self.in_pool, self.scores, 0.0) / temperature
        from_pool = np.where(pool, scaled + noise, -np.inf).argmax(axis=1)
        from_outside = np.where(others, noise, -np.inf).argmax(axis=1)
        has_pool, has_outside = pool.any(axis=1), others.any(axis=1) & (exploration.outside_share > 0)
        explores = self.rng.random(self.pages) < exploration.epsilon
        goes_outside = has_outside & ((self.rng.random(self.pages) < exploration.outside_share) | ~has_pool)
        picked = np.where(explores & goes_outside, from_outside, greedy)
        return np.where(explores & ~goes_outside & has_pool, from_pool, picked)
