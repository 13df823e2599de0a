"""From scores to a page: pinned items at their places, the others by caps or MMR, and something left to chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ranking.caps import CapKeys
from ranking.diversity import Mmr
from ranking.exploration import Outside
from ranking.page import Page
from ranking.propensity import Branch
from ranking.request import NONE
from ranking.slate_config import NO_RULES, Pin, ScoredCandidates, SlateConfig, SlateRules

_MOST_SEED = 2**63
_DEFAULTS = SlateConfig()
_NOTHING_DRAWN = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class SlateSlot:
    """What stands at one position.

    score: None for an item from outside, and for a pinned one that is no candidate.
    greedy_item_id: what would have stood here without exploration, the slots above being what they are.
    propensity: probability of this item here, given the slots above, by whatever branch; None where it was pinned.
    branch: the one by which it came.
    """

    item_id: int
    score: float | None
    greedy_item_id: int
    propensity: float | None
    branch: Branch


@dataclass(frozen=True)
class DrawnPool:
    """What is needed to compute the propensities again, beside the slots and `Slate.parameters`.

    scores: None for an item that was not in the pool: it stands here for its cap keys, because it was shown or was
    greedy. cap_keys: topic and author, None for none. outside_size: items outside that could have been drawn for the
    first slot, caps aside; 0 where there was no outside draw.
    """

    item_ids: tuple[int, ...]
    scores: tuple[float | None, ...]
    cap_keys: tuple[tuple[int | None, ...], ...]
    outside_size: int = 0
    outside_rule: str = ""


@dataclass(frozen=True, eq=False)
class Slate:
    """One page, and all that the log wants of it.

    ranked: the candidates that the rules allow, the best first: the order without diversity, pins and exploration.
    parameters: plain JSON values, the policy's. Among them `temperature`, in the unit of the scores, and
    `outside_open`, pairs of a slot, from 0, and how many items outside could have stood there. They were counted for
    the slots that took one, and for those that could not, 0.
    pool: None without exploration.
    """

    slots: tuple[SlateSlot, ...]
    first_position: int
    ranked: ScoredCandidates
    seed: int
    parameters: Mapping[str, Any]
    pool: DrawnPool | None

    @property
    def item_ids(self) -> tuple[int, ...]:
        return tuple(slot.item_id for slot in self.slots)

    @property
    def is_end(self) -> bool:
        """No candidate is left for a next page."""
        return not set(self.ranked.item_ids.tolist()).difference(self.item_ids)


def make_slate(
    candidates: ScoredCandidates,
    *,
    seed: int,
    rules: SlateRules = NO_RULES,
    config: SlateConfig = _DEFAULTS,
    outside: Outside | None = None,
    first_position: int = 0,
) -> Slate:
    """One page. The same arguments give the same page; slot i is drawn by the i-th numbers of the seed.

    seed: from 0 to 2**63 - 1.  outside: None where no item from outside is to be shown.
    The page ends where no candidate is left, also above a pin. Raises ValueError for a seed that cannot be logged, and
    for MMR without vectors.
    """
    if not 0 <= seed < _MOST_SEED:
        raise ValueError(f"seed is {seed}, but must be from 0 to 2**63 - 1: the log keeps it as a bigint.")
    if isinstance(config.diversity, Mmr) and candidates.vectors is None:
        raise ValueError("MMR compares vectors, and these candidates have none. Give them, or use caps.")
    pins = rules.pins_from(first_position)
    reserved = frozenset(pin.item_id for pin in pins.values())
    ranked = _ranked(candidates, rules, reserved)
    page = Page(ranked, rules, config, outside, reserved=reserved)
    filling = _Filling(page, _scores_of(candidates, reserved))
    draws = np.random.default_rng(seed).random((config.size, 3)).tolist() if config.exploration.epsilon else None
    for index in range(config.size):
        pin = pins.get(first_position + index)
        if pin is not None:
            filling.pin(pin)
        elif not filling.fill(draws[index] if draws else _NOTHING_DRAWN):
            break
    return Slate(
        slots=tuple(filling.slots),
        first_position=first_position,
        ranked=ranked,
        seed=seed,
        parameters=_parameters(config, page.temperature, filling.outside_open),
        pool=filling.pool() if config.exploration.epsilon else None,
    )


def _ranked(candidates: ScoredCandidates, rules: SlateRules, reserved: frozenset[int]) -> ScoredCandidates:
    """Those that may be drawn, the best first, equals in the order given."""
    order = np.argsort(-candidates.scores, kind="stable")
    if rules.hidden or rules.shown or reserved:
        item_ids = candidates.item_ids[order].tolist()
        may_stand = [not (rules.forbid(item_id) or item_id in reserved) for item_id in item_ids]
        order = order[np.array(may_stand, bool)]
    return candidates.of_rows(order)


def _scores_of(candidates: ScoredCandidates, item_ids: frozenset[int]) -> dict[int, float]:
    if not item_ids:
        return {}
    pairs = zip(candidates.item_ids.tolist(), candidates.scores.tolist(), strict=True)
    return {item_id: score for item_id, score in pairs if item_id in item_ids}


class _Filling:
    """The slots of a page so far, and what of them the log must know beside."""

    def __init__(self, page: Page, pinned_scores: Mapping[int, float]) -> None:
        self.slots: list[SlateSlot] = []
        self.outside_open: list[tuple[int, int]] = []
        self._page = page
        self._pinned_scores = pinned_scores
        self._beside_pool: dict[int, CapKeys] = {}

    def pin(self, pin: Pin) -> None:
        self._page.count(pin.cap_keys)
        self._beside_pool[pin.item_id] = pin.cap_keys
        score = self._pinned_scores.get(pin.item_id)
        self.slots.append(SlateSlot(pin.item_id, score, pin.item_id, None, Branch.PINNED))

    def fill(self, draws: Sequence[float]) -> bool:
        """Draw the next slot, by three numbers in [0, 1); False when no candidate is left."""
        page = self._page
        greedy = page.greedy()
        if greedy is None:
            return False
        chances = page.chances(greedy)
        if greedy >= page.pool_size:
            self._beside_pool[page.item_ids[greedy]] = page.cap_keys[greedy]
        if page.outside.size and not chances.of_outside:
            self.outside_open.append((len(self.slots), 0))
        branch, row = chances.draw(draws[0], draws[1])
        greedy_id = page.item_ids[greedy]
        if row is None:
            item_id, num_open = self._from_outside(draws[2])
            slot = SlateSlot(item_id, None, greedy_id, chances.of_one_outside(num_open), branch)
        else:
            page.show(row)
            slot = SlateSlot(page.item_ids[row], page.scores[row], greedy_id, chances.of_candidate(row), branch)
        self.slots.append(slot)
        return True

    def _from_outside(self, draw: float) -> tuple[int, int]:
        """Take one: its item id, and among how many."""
        outside = self._page.outside
        row, num_open = outside.pick(draw)
        outside.take(row)
        keys, item_id = outside.keys(row), int(outside.item_ids[row])
        self._page.count(keys)
        self._beside_pool[item_id] = keys
        self.outside_open.append((len(self.slots), num_open))
        return item_id, num_open

    def pool(self) -> DrawnPool:
        page = self._page
        drawn = slice(0, page.pool_size)
        beside = self._beside_pool
        cap_keys = [*page.cap_keys[drawn], *beside.values()]
        return DrawnPool(
            item_ids=(*page.item_ids[drawn], *beside),
            scores=(*page.scores[drawn], *[None] * len(beside)),
            cap_keys=tuple(tuple(None if key == NONE else key for key in keys) for keys in cap_keys),
            outside_size=page.outside.size,
            outside_rule=page.outside.rule,
        )


def _parameters(config: SlateConfig, temperature: float, outside_open: list[tuple[int, int]]) -> dict[str, Any]:
    is_mmr = isinstance(config.diversity, Mmr)
    parameters: dict[str, Any] = {"mmr" if is_mmr else "caps": dict(vars(config.diversity))}
    exploration = config.exploration
    if not exploration.epsilon:
        return {**parameters, "epsilon": 0.0}
    return {
        **parameters,
        "epsilon": exploration.epsilon,
        "outside_share": exploration.outside_share,
        "pool": exploration.pool,
        "temperature": temperature,
        "outside_open": [list(pair) for pair in outside_open],
    }
