"""python -m benchmarks.loop_tables FILE: a results file of the loop as Markdown."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.loop_claims import findings
from benchmarks.loop_curves import title_of
from benchmarks.loop_results import LoopResults, LoopResultsError
from benchmarks.loop_statistics import (
    ORACLE,
    PAIR,
    RANDOM,
    Estimate,
    converged_after,
    difference,
    late,
    noise_of,
    normalised,
    over_seeds,
)
from benchmarks.negatives_tables import markdown

UNKNOWN = "–"

ARMS_HEADER = (
    "arm",
    "late utility",
    "worlds",
    "regret",
    "regret of a page",
    "of retrieval",
    "of the order",
    "clicked",
    "dismissed",
    "click entropy",
    "look-alikes: slots",
    "candidates",
    "bait: slots",
    "candidates",
    "coverage",
    "converged after",
)
"""All of the last quarter of the rounds. Utility: 0 as random, 1 as the oracle. Look-alikes and bait: lift over their
share of the catalogue, among first-page slots that were not explored, and among candidates."""

CLAIMS_HEADER = ("claim", "difference", "late utility", "worlds", "verdict")

CONTROL_HEADER = ("labels", "on d's log", f"less {PAIR[0]}, on one log", f"less {PAIR[0]}, on its own", "feedback")
"""On one log only the labels differ; on its own also what the arm has shown, and so learned from, before. `feedback`
is what that adds: the last but one less the one before it."""


def arms_table(results: LoopResults) -> list[Sequence[str]]:
    """A header, then a row an arm."""
    noise = noise_of(results)
    return [ARMS_HEADER, *(_arm(results, key, noise) for key in results.arms)]


def claims_table(results: LoopResults) -> list[Sequence[str]]:
    """A header, then a row a claim: supports, contradicts, cannot tell, or not run."""
    return [
        CLAIMS_HEADER,
        *(
            (
                one.claim.sentence,
                one.claim.name,
                _change(one.difference),
                UNKNOWN if one.difference is None else str(one.difference.seeds),
                one.verdict,
            )
            for one in findings(results)
        ),
    ]


def control_table(results: LoopResults) -> list[Sequence[str]]:
    """A header, then a row for each kind of labels: what is theirs, and what is that of feedback."""
    return [CONTROL_HEADER, *(_labels(results, labels) for labels in results.control)]


# --- rows ---


def _arm(results: LoopResults, key: str, noise: float | None) -> Sequence[str]:
    values = normalised(results, key)
    utility = over_seeds(late(values))

    def mean(name: str, written: Callable[[float], str]) -> str:
        found = over_seeds(late(results.measured(key, name)))
        return UNKNOWN if found is None else written(found.mean)

    after = None if key in {RANDOM, ORACLE} else converged_after(values, noise)
    return (
        f"{key}: {title_of(key)}",
        _level(utility),
        "0" if utility is None else str(utility.seeds),
        UNKNOWN if utility is None else f"{1 - utility.mean:.3f}",
        mean("regret", _regret),
        mean("retrieval_regret", _regret),
        mean("order_regret", _regret),
        mean("click_rate", _percent),
        mean("dismiss_rate", _percent),
        mean("click_entropy", _regret),
        mean("look_alike_lift", _lift),
        mean("look_alike_candidates_lift", _lift),
        mean("bait_lift", _lift),
        mean("bait_candidates_lift", _lift),
        mean("coverage", _percent),
        UNKNOWN if after is None else f"round {after}",
    )


def _labels(results: LoopResults, labels: str) -> Sequence[str]:
    reference = PAIR[0]
    one_log = results.controlled(labels) - results.controlled(reference)
    own_log = late(normalised(results, labels)) - late(normalised(results, reference))
    nothing = np.zeros(len(results.seeds))
    if labels == reference:
        return labels, _level(over_seeds(results.controlled(labels))), "", "", ""
    return (
        labels,
        _level(over_seeds(results.controlled(labels))),
        _change(difference(one_log, nothing)),
        _change(difference(own_log, nothing)),
        _change(difference(own_log, one_log)),
    )


# --- cells ---


def _level(found: Estimate | None) -> str:
    """`0.312 (0.290 to 0.334)`"""
    if found is None:
        return UNKNOWN
    if found.low is None or found.high is None:
        return f"{found.mean:.3f}"
    return f"{found.mean:.3f} ({found.low:.3f} to {found.high:.3f})"


def _change(found: Estimate | None) -> str:
    """`+0.041 (+0.012 to +0.070)`"""
    if found is None or found.low is None or found.high is None:
        return UNKNOWN
    return f"{found.mean:+.3f} ({found.low:+.3f} to {found.high:+.3f})"


def _regret(value: float) -> str:
    return f"{value:.3f}"


def _percent(value: float) -> str:
    return f"{value:.2%}"


def _lift(value: float) -> str:
    return f"{value:.2f}"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loop_tables", description=__doc__)
    parser.add_argument("file", metavar="FILE", type=Path, help="a results file that `benchmarks loop` has written")
    try:
        results = LoopResults.read(parser.parse_args(arguments).file)
    except LoopResultsError as error:
        print(error, file=sys.stderr)
        return 1
    tables = [arms_table(results), claims_table(results)]
    if results.control:
        tables.append(control_table(results))
    print("\n\n".join(map(markdown, tables)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
