from __future__ import annotations

import pytest

from benchmarks.loop_arms import ARMS
from benchmarks.loop_claims import CLAIMS, findings
from tests.benchmarks.small_loop import results


def verdicts(**arms: float) -> dict[str, str]:
    """By the name of the difference, of arms that have this utility in each of two worlds, nearly."""
    levels = {arm: {seed: [level + 0.001 * seed] * 4 for seed in (1, 2)} for arm, level in arms.items()}
    levels["d"] = {1: [0.5] * 4, 2: [0.5002] * 4}
    return {one.claim.name: one.verdict for one in findings(results(levels))}


def test_every_claim_is_about_arms_that_there_are() -> None:
    assert {key for claim in CLAIMS for key in (claim.arm, claim.against)} <= ARMS.keys()
    assert len({claim.name for claim in CLAIMS}) == len(CLAIMS)


@pytest.mark.parametrize(("level", "verdict"), [(0.2, "supports"), (0.8, "contradicts"), (0.498, "cannot tell")])
def test_a_claim_is_judged_by_the_sign_that_it_says(level: float, verdict: str) -> None:
    found = verdicts(c1=level, h=level)
    assert found["d - c1"] == verdict
    assert found["h - d"] == verdict


def test_a_claim_whose_arms_did_not_run_is_not_run() -> None:
    found = findings(results({"d": {1: [0.1] * 4, 2: [0.2] * 4}}))
    assert {(one.verdict, one.difference) for one in found} == {("not run", None)}


def test_one_world_cannot_tell() -> None:
    found = {one.claim.name: one for one in findings(results({"d": {1: [0.9] * 4}, "c1": {1: [0.1] * 4}}))}
    assert (found["d - c1"].verdict, found["d - c1"].difference) == ("cannot tell", None)


def test_what_exploration_costs_is_looked_at_first_and_what_it_pays_last() -> None:
    arms = {"g10": {1: [0.1, 0, 0, 0.5], 2: [0.1, 0, 0, 0.52]}, "g0": {1: [0.2, 0, 0, 0.3], 2: [0.21, 0, 0, 0.3]}}
    found = {one.claim.name: one for one in findings(results(arms))}
    first, last = found["g10 - g0 at first"], found["g10 - g0"]
    assert first.difference is not None
    assert last.difference is not None
    assert (first.difference.mean, last.difference.mean) == pytest.approx((-0.105, 0.21))
    assert (first.verdict, last.verdict) == ("supports", "supports")
