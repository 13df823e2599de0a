"""What the pieces of the loop say together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.loop_claims import findings
from benchmarks.loop_curves import page_part
from benchmarks.loop_pictures import write_pictures
from benchmarks.loop_pieces import CONTROL, WARM_UP, Piece
from benchmarks.loop_results import LoopResults, results_file
from benchmarks.loop_statistics import late, normalised, over_seeds
from benchmarks.loop_tables import arms_table, control_table
from benchmarks.report import Goal, Report, at_least, at_most, revision

REGRET, LIFT = 0.75, 0.15
_SMALL_MINUTES, _MINUTES = 15, 180


def report(plan: Sequence[Piece], *, small: bool, folder: Path | None) -> Report:
    """folder: where the results' file and its pictures are written, too."""
    arms = [piece for piece in plan if piece.arm != WARM_UP]
    results = LoopResults.of_pieces(
        map(_told, arms), rounds=max(piece.rounds for piece in arms), control=_control(arms)
    )
    if folder is not None:
        results.write(results_file(folder, results.world), beside=page_part(results))
        write_pictures(results, folder)
    values = {**results.as_json(), "minutes_of_work": round(_minutes(plan), 2)}
    values["claims"] = [_finding(one) for one in findings(results)]
    values["control_table"] = [list(row) for row in control_table(results)] if results.control else []
    return Report("loop", list(results.seeds), values, _goals(results, plan, small=small), arms_table(results))


def _told(piece: Piece) -> dict[str, Any]:
    world = Path(piece.world).stem
    rounds = piece.told()
    played_with = {str(one["revision"]) for one in rounds if one.get("revision")} or {revision()}
    said = {"world": world, "readers": piece.readers, "items": piece.items, "revision": ", ".join(played_with)}
    return said | {"arm": piece.arm, "seed": piece.seed, "rounds": rounds}


def _control(arms: Sequence[Piece]) -> dict[str, dict[int, float]]:
    """By the labels, the normalised utility of the last round by seed, where random and oracle have played it."""
    by_seed = {(piece.arm, piece.seed): piece for piece in arms}
    found: dict[str, dict[int, float]] = {}
    for (_, seed), piece in by_seed.items():
        path = piece.own / CONTROL
        ends = [by_seed.get((end, seed)) for end in ("random", "oracle")]
        if not path.exists() or any(end is None or not end.is_finished() for end in ends):
            continue
        low, high = (end.told()[-1]["utility"] for end in ends if end is not None)
        for labels, utility in json.loads(path.read_text()).items():
            found.setdefault(labels, {})[seed] = (utility - low) / (high - low)
    return found


def _goals(results: LoopResults, plan: Sequence[Piece], *, small: bool) -> list[Goal]:
    goals = [at_most("minutes of work", _minutes(plan), _SMALL_MINUTES if small else _MINUTES)]
    if not {"c1", "d", "random", "oracle"} <= set(results.arms):
        return goals
    decided = any(one.difference is not None and one.difference.decided and one.claim.name == "d - c1"
                  for one in findings(results))  # fmt: skip
    regrets = [1 - late(normalised(results, arm)) for arm in ("d", "c1")]
    lift = over_seeds(late(results.measured("d", "look_alike_lift")))
    goals.append(at_least("d less c1 is decided", float(decided), 1))
    goals.append(at_most("regret of d over that of c1", float(np.nanmean(regrets[0]) / np.nanmean(regrets[1])), REGRET))
    if lift is not None:
        goals.append(at_most("lift of look-alikes in d", lift.mean, LIFT))
    return goals


def _minutes(plan: Sequence[Piece]) -> float:
    """Of two processes at a time."""
    return sum(one["seconds"] for piece in plan for one in piece.told()) / 60 / 2


def _finding(one: Any) -> dict[str, Any]:
    difference = one.difference
    return {
        "claim": one.claim.sentence,
        "arms": one.claim.name,
        "verdict": one.verdict,
        **({} if difference is None else {name: getattr(difference, name) for name in ("mean", "low", "high")}),
    }
