"""What is drawn of the loop's results: which arms beside which, and all that the staff page needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from benchmarks.loop_arms import ARMS
from benchmarks.loop_claims import findings
from benchmarks.loop_results import LoopResults
from benchmarks.loop_statistics import ORACLE, PAIR, RANDOM, Estimate, curve, late, noise_of, normalised, over_seeds

SHOWN_DIGITS = 5


@dataclass(frozen=True)
class Group:
    """Arms that belong in one picture, at most five: more cannot be told apart."""

    key: str
    title: str
    arms: tuple[str, ...]

    def of(self, results: LoopResults) -> tuple[str, ...]:
        """Those of which something is known."""
        return tuple(key for key in self.arms if key in results.arms)


GROUPS = (
    Group("feedback", "What learning from readers brings", ("d", "c1", "b", "a")),
    Group("labels", "What a ranker holds a choice against", ("d", "c1", "h", "i", "s")),
    Group("features", "What features of impressions add", ("d", "c1", "d0", "c0")),
    Group("towers", "Impression negatives in the towers", ("d", "e01", "e", "e1", "e_late")),
    Group("alone", "Towers that learn from impressions alone", ("d", "b", "f", "fd")),
    Group("popularity", "Corrections for popularity", ("d", "p_none", "p_prior", "p_strong")),
    Group("gate", "What the gate holds back", ("d", "gated")),
    Group("exploration", "How much is left to chance", ("d", "g0", "g5", "g10")),
)


def groups(results: LoopResults) -> list[Group]:
    """Those with something to compare, with the arms that are there."""
    found = [Group(one.key, one.title, one.of(results)) for one in GROUPS]
    return [one for one in found if len(one.arms) > 1]


def title_of(arm: str) -> str:
    """A sentence without its full stop; the key of an arm that nobody has described."""
    return ARMS[arm].title if arm in ARMS else arm


def compared(results: LoopResults) -> list[str]:
    """Arms that a site could be: without the ends of the scale and the second of the pair that shows the noise."""
    return [key for key in results.arms if key not in {RANDOM, ORACLE, PAIR[1]}]


def page_part(results: LoopResults) -> dict[str, Any]:
    """Further parts of the results file, for who draws it without these modules.

    curves: by arm, the rounds of which something is known, with the mean over worlds of normalised utility and its 95%
    interval, null where it is not known. late: the same of the last quarter of the rounds.
    """
    keys = compared(results)
    curves = {key: _drawn(enumerate(curve(normalised(results, key)), 1)) for key in keys}
    lates = {key: over_seeds(late(normalised(results, key))) for key in keys}
    noise = noise_of(results)
    return {
        "curves": curves,
        "titles": {key: title_of(key) for key in keys},
        "groups": [{"title": one.title, "arms": list(one.arms)} for one in groups(results)],
        "late": {key: _plain(found) for key, found in lates.items() if found is not None},
        "claims": [
            {
                "claim": one.claim.sentence,
                "difference": one.claim.name,
                **({} if one.difference is None else _plain(one.difference)),
                "verdict": one.verdict,
            }
            for one in findings(results)
        ],
        "noise_floor": None if noise is None else round(noise, SHOWN_DIGITS),
    }


def _drawn(rounds: Iterable[tuple[int, Estimate | None]]) -> list[dict[str, Any]]:
    return [{"round": number, **_plain(found)} for number, found in rounds if found is not None]


def _plain(found: Estimate) -> dict[str, Any]:
    return {
        "mean": round(found.mean, SHOWN_DIGITS),
        "lower": None if found.low is None else round(found.low, SHOWN_DIGITS),
        "upper": None if found.high is None else round(found.high, SHOWN_DIGITS),
        "seeds": found.seeds,
    }
