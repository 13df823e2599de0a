"""The people of the world: what a site may be told of them, and what they really like, which it never is."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from simulation.draws import stream
from simulation.truth import INTERESTS

FIRST_LANGUAGE_SHARES = {"en": 0.7, "de": 0.15, "es": 0.15}
SECOND_LANGUAGE_SHARES = {"en": 0.15, "de": 0.7, "es": 0.7}
"""How many of those whose first language it is also read another: most people who do not write English read it."""

AGE_BANDS: dict[str, tuple[str, ...]] = {
    "18-24": ("puzzles", "machines"),
    "25-34": ("wellbeing", "making"),
    "35-49": ("places", "science"),
    "50+": ("history", "nature"),
}
"""Age bands, and the interests that are more common in each: all that a profile tells about tastes."""

TASTE_BREADTH = 0.22
"""Pseudo-count of each interest. Small: most people have two or three."""
AGE_TILT = 2.0

VISITS_A_DAY = (0.4, 2.6)
PATIENCE = (20.0, 72.0)
"""From the least to the most eager, in visits a day and in cards looked through in a visit."""


@dataclass(frozen=True)
class SimulatedReader:
    """One made-up person.

    key: what the files call them.  languages, attributes: what the site may know.
    tastes: the share of each of `INTERESTS`, in 0..1, summing to 1.
    visits_a_day: expected.  patience: cards that they look through in a visit, on average.
    hour: when in the day they mostly come, UTC, 0..24.
    """

    key: str
    languages: tuple[str, ...]
    attributes: Mapping[str, str]
    tastes: tuple[float, ...]
    visits_a_day: float
    patience: float
    hour: float

    @property
    def public(self) -> dict[str, Any]:
        """A line of readers.jsonl, for the site to import."""
        return {"external_id": self.key, "languages": list(self.languages), "attributes": dict(self.attributes)}

    @property
    def hidden(self) -> dict[str, Any]:
        """A line of readers-truth.jsonl, which the site never sees."""
        tastes = {name: round(share, 4) for name, share in zip(INTERESTS, self.tastes, strict=True)}
        return {
            "external_id": self.key,
            "tastes": tastes,
            "visits_a_day": round(self.visits_a_day, 4),
            "patience": round(self.patience, 2),
            "hour": round(self.hour, 2),
        }


def draw_readers(*, seed: int, num_readers: int) -> Iterator[SimulatedReader]:
    """Reader number n depends on the seed and n alone, so a larger audience begins with a smaller one."""
    for index in range(num_readers):
        yield draw_reader(seed, index)


def draw_reader(seed: int, index: int) -> SimulatedReader:
    rng = stream(seed, index, "reader")
    languages = _draw_languages(rng)
    age_band = rng.choice(tuple(AGE_BANDS))
    eagerness = rng.random() ** 2  # most come now and then, a few all the time
    return SimulatedReader(
        key=f"reader-{index + 1:05}",
        languages=languages,
        attributes={"age_band": age_band},
        tastes=draw_tastes(stream(seed, index, "tastes"), {"age_band": age_band}),
        visits_a_day=_between(VISITS_A_DAY, eagerness),
        patience=_between(PATIENCE, rng.random()),
        hour=rng.gauss(18.0, 4.0) % 24,
    )


def _draw_languages(rng: random.Random) -> tuple[str, ...]:
    first = rng.choices(list(FIRST_LANGUAGE_SHARES), list(FIRST_LANGUAGE_SHARES.values()))[0]
    if rng.random() >= SECOND_LANGUAGE_SHARES[first]:
        return (first,)
    return (first, "en") if first != "en" else (first, rng.choice(("de", "es")))


def draw_tastes(rng: random.Random, attributes: Mapping[str, str]) -> tuple[float, ...]:
    """What somebody with these attributes may like."""
    common = AGE_BANDS[attributes["age_band"]]
    gammas = [rng.gammavariate(TASTE_BREADTH * (AGE_TILT if name in common else 1.0), 1.0) for name in INTERESTS]
    total = sum(gammas)
    return tuple(gamma / total for gamma in gammas)


def _between(ends: tuple[float, float], share: float) -> float:
    low, high = ends
    return low + (high - low) * share
