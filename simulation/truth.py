"""What is really true about an item and is never shown: which interests it serves, and how good it is.

Interests are not topics. A topic only says which of them its items tend to serve; every item then has a mixture of
its own.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

INTERESTS = (
    "making",
    "nature",
    "science",
    "people",
    "history",
    "places",
    "machines",
    "society",
    "beauty",
    "puzzles",
    "wellbeing",
    "stories",
)

FORM_APPEAL: dict[str, dict[str, float]] = {
    "portrait": {"people": 3, "stories": 1, "making": 1},
    "guide": {"making": 3, "wellbeing": 1, "machines": 1, "puzzles": 1},
    "field_notes": {"nature": 3, "places": 3, "beauty": 1},
    "essay": {"beauty": 3, "society": 2, "wellbeing": 1},
    "explainer": {"science": 3, "puzzles": 2, "machines": 2},
    "history": {"history": 4, "stories": 1},
    "interview": {"people": 2, "society": 2, "machines": 1},
    "letter": {"stories": 2, "wellbeing": 2, "places": 1},
}
"""Which interests each kind of piece speaks to: the only place where the hidden mixture shows in the text."""

CONCENTRATION = 9.0
BACKGROUND = 0.12
"""Pseudo-counts of the Dirichlet around a topic: how tightly its items gather there, and how much else they hold."""

FORM_BACKGROUND = 0.15


ItemKind = Literal["plain", "look-alike", "bait"]


@dataclass(frozen=True)
class Truth:
    """interests: the share of each of `INTERESTS`, all in 0..1, summing to 1.  quality: 0..1, most near 0.6.

    kind: a look-alike serves other interests than its topics and text say, and hardly shows them; a bait promises what
    it serves to nobody.
    """

    interests: tuple[float, ...]
    quality: float
    kind: ItemKind = "plain"

    @property
    def is_unwanted(self) -> bool:
        return self.kind != "plain"


def draw_truth(rng: random.Random, topic_interests: Sequence[Mapping[str, float]]) -> Truth:
    """The hidden truth of one item that belongs to topics with these interests (at least one topic)."""
    prior = [0.0] * len(INTERESTS)
    for interests in topic_interests:
        total = sum(interests.values()) * len(topic_interests)
        for name, weight in interests.items():
            prior[INTERESTS.index(name)] += weight / total
    return Truth(_draw_mixture(rng, prior), rng.betavariate(5.0, 3.5))


def draw_elsewhere(rng: random.Random, promised: Truth) -> tuple[float, ...]:
    """Interests of a look-alike: around those that it promises least, as tightly as those of an honest item."""
    remote = [max(0.0, 1.0 / len(INTERESTS) - share) for share in promised.interests]
    return _draw_mixture(rng, [share / sum(remote) for share in remote])


def _draw_mixture(rng: random.Random, prior: Sequence[float]) -> tuple[float, ...]:
    gammas = [rng.gammavariate(BACKGROUND + CONCENTRATION * share, 1.0) for share in prior]
    total = sum(gammas)
    return tuple(gamma / total for gamma in gammas)


def form_weights(truth: Truth, forms: Sequence[str]) -> list[float]:
    """How likely each kind of piece is for an item with this mixture; not normalised."""
    share = dict(zip(INTERESTS, truth.interests, strict=True))
    return [
        FORM_BACKGROUND + sum(share[interest] * weight for interest, weight in FORM_APPEAL[form].items())
        for form in forms
    ]
