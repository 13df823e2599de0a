"""What a reader does with a page of cards: looks, clicks, likes, saves, dismisses, leaves.

It knows neither how the page came about nor how acts reach a site: it is given cards with their truth and tells acts
with their times.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from simulation.draws import chance, reader_stream
from simulation.readers import SimulatedReader
from simulation.truth import Truth

ActKind = Literal["click", "like", "save", "dismiss"]

SHORTEST_READ_S, LONGEST_READ_S = 3.0, 180.0


@dataclass(frozen=True)
class Habits:
    """How everybody in a world behaves.

    position_bias: exponent of how much less attention a lower card gets; 0 for none.
    click_match, click_steepness: match of taste and item at which half of the cards that are looked at are clicked, and
    how sharply that depends on the match.
    likes, saves: share of those who do so after a read that satisfied them wholly.
    dismissals: share of looked-at cards that are dismissed when nothing about them fits.
    regrets: share of those who dismiss what they have clicked, after a read that gave them nothing.
    """

    position_bias: float = 0.35
    click_match: float = 0.66
    click_steepness: float = 9.0
    likes: float = 0.35
    saves: float = 0.12
    dismissals: float = 0.03
    regrets: float = 0.25


@dataclass(frozen=True)
class Card:
    """An item on a page, `position` counted from 0 at the top of the visit's first page."""

    item: str
    truth: Truth
    position: int


@dataclass(frozen=True)
class Act:
    """after_s: seconds since the page was opened.  read_s: seconds of reading that followed a click, else 0."""

    item: str
    position: int
    kind: ActKind
    after_s: float
    read_s: float = 0.0


@dataclass(frozen=True)
class PageRead:
    """viewed: positions of the cards that were on the screen for a second, whether looked at or not.
    acts: in order of time.  stayed_s: seconds on the page and on what was read from it."""

    viewed: tuple[int, ...]
    acts: tuple[Act, ...]
    stayed_s: float


def match_of(tastes: Sequence[float], truth: Truth) -> float:
    """How well an item serves these tastes: the cosine of both mixtures, in 0..1."""
    product = sum(taste * share for taste, share in zip(tastes, truth.interests, strict=True))
    return product / (_length(tastes) * _length(truth.interests))


def look_probability(position: int, habits: Habits) -> float:
    """P(looked at | on the screen)."""
    return float((1 + position) ** -habits.position_bias)


def click_probability(match: float, habits: Habits) -> float:
    """P(click | looked at)."""
    return 1 / (1 + math.exp(-habits.click_steepness * (match - habits.click_match)))


def satisfaction_of(match: float, truth: Truth) -> float:
    """What a click gives its reader, in 0..1: half a matter of taste, half of how good the piece is."""
    return 1 / (1 + math.exp(-8 * (0.5 * match + 0.5 * truth.quality - 0.6)))


def cards_looked_through(seed: int, reader: SimulatedReader, *, day: int, visit: int) -> int:
    """How many cards this visit's patience lasts for: 1 or more."""
    rng = reader_stream(seed, reader.key, day, f"patience {visit}")
    return max(1, round(rng.expovariate(1 / reader.patience)))


def read_page(
    seed: int, reader: SimulatedReader, cards: Sequence[Card], *, day: int, patience: int, habits: Habits
) -> PageRead:
    """What `reader` does with these cards, of which the first `patience` come to the screen."""
    on_screen = cards[: max(patience, 0)]
    acts: list[Act] = []
    clock_s = 0.0
    for card in on_screen:
        clock_s += 0.8 + 1.7 * chance(seed, reader.key, day, card.item, "glance")
        if chance(seed, reader.key, day, card.item, "look") < look_probability(card.position, habits):
            new = _acts_on(seed, reader, card, day=day, clock_s=clock_s, habits=habits)
            acts.extend(new)
            clock_s = new[-1].after_s if new else clock_s
    return PageRead(tuple(card.position for card in on_screen), tuple(acts), clock_s)


def _acts_on(seed: int, reader: SimulatedReader, card: Card, *, day: int, clock_s: float, habits: Habits) -> list[Act]:
    """What follows from having looked at a card."""

    def draw(purpose: str) -> float:
        return chance(seed, reader.key, day, card.item, purpose)

    def act(kind: ActKind, after_s: float, read_s: float = 0.0) -> Act:
        return Act(card.item, card.position, kind, after_s, read_s)

    match = match_of(reader.tastes, card.truth)
    if draw("click") >= click_probability(match, habits):
        unfit = draw("dismiss") < habits.dismissals * (1 - match) ** 2
        return [act("dismiss", clock_s + 1.0)] if unfit else []
    satisfaction = satisfaction_of(match, card.truth)
    read_s = SHORTEST_READ_S + LONGEST_READ_S * satisfaction * draw("reading")
    back_s = clock_s + read_s
    acts = [act("click", clock_s, read_s)]
    if draw("like") < habits.likes * satisfaction:
        acts.append(act("like", back_s))
    if draw("save") < habits.saves * satisfaction:
        acts.append(act("save", back_s + 1.0))
    if draw("regret") < habits.regrets * (1 - satisfaction) ** 2:
        acts.append(act("dismiss", back_s + 2.0))
    return acts


def _length(values: Sequence[float]) -> float:
    return math.sqrt(sum(value * value for value in values))
