"""What people say of negative impressions, as differences of two arms, and whether these results bear it out."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.loop_results import LoopResults
from benchmarks.loop_statistics import Estimate, difference, early, late, normalised

SUPPORTS, CONTRADICTS, CANNOT_TELL, NOT_RUN = "supports", "contradicts", "cannot tell", "not run"


@dataclass(frozen=True)
class Claim:
    """The sentence is so if `arm` less `against` is above 0; below 0 where `is_more` is not set.

    is_early: in the first quarter of the rounds, not in the last.
    """

    arm: str
    against: str
    sentence: str
    is_more: bool = True
    is_early: bool = False

    @property
    def name(self) -> str:
        return f"{self.arm} - {self.against}{' at first' if self.is_early else ''}"


CLAIMS = (
    Claim("d", "c1", "The ranker learns more from its own mistakes than from random negatives"),
    Claim("c1", "c0", "Features of impressions help beside random negatives"),
    Claim("d", "d0", "Features of impressions help beside viewed negatives"),
    Claim("h", "d", "Random negatives among the viewed ones hurt the ranker", is_more=False),
    Claim("e", "d", "Impression negatives help retrieval"),
    Claim("e_late", "d", "Impression negatives help retrieval once recall is high"),
    Claim("f", "b", "Trained on impressions only, a generator proposes trash", is_more=False),
    Claim("fd", "d", "A ranker does not mend what such a generator proposes", is_more=False),
    Claim("i", "d", "What was served but not viewed is a worse negative", is_more=False),
    Claim("s", "d", "What stands below the last choice teaches too", is_more=False),
    Claim("p_none", "d", "The towers need a correction for popularity", is_more=False),
    Claim("p_prior", "d", "logQ in training is better than a prior when serving", is_more=False),
    Claim("d", "b", "A ranker on viewed negatives is better than none"),
    Claim("c1", "b", "A ranker on random negatives is better than none"),
    Claim("b", "a", "Random negatives make the retriever: it is better than popularity"),
    Claim("g10", "g0", "Exploration costs now", is_more=False, is_early=True),
    Claim("g10", "g0", "Exploration pays later"),
)


@dataclass(frozen=True)
class Finding:
    """difference: in normalised utility, None where fewer than two worlds have both."""

    claim: Claim
    difference: Estimate | None
    verdict: str


def findings(results: LoopResults) -> list[Finding]:
    """One a claim."""
    return [_found(claim, results) for claim in CLAIMS]


def _found(claim: Claim, results: LoopResults) -> Finding:
    if not {claim.arm, claim.against} <= results.arms.keys():
        return Finding(claim, None, NOT_RUN)
    part = early if claim.is_early else late
    ours, theirs = (part(normalised(results, key)) for key in (claim.arm, claim.against))
    found = difference(ours, theirs)
    return Finding(claim, found, _verdict(claim, found))


def _verdict(claim: Claim, found: Estimate | None) -> str:
    if found is None or not found.decided:
        return CANNOT_TELL
    return SUPPORTS if (found.mean > 0) == claim.is_more else CONTRADICTS
