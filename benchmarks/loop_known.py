"""Pieces that an earlier run finished, taken from its results' file: a grid may take longer than a machine is there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.loop_pieces import CONTROL, LOG_OF, TOLD, WARM_UP, Piece
from benchmarks.loop_results import LoopResults, results_file


def known_of(piece: Piece, folder: Path) -> LoopResults | None:
    """What a folder has of the piece's world and sizes. Raises LoopResultsError where its file holds something else."""
    path = results_file(folder, piece.world)
    if not path.exists():
        return None
    known = LoopResults.read(path)
    theirs = known.readers, known.items, known.rounds
    return known if theirs == (piece.readers, piece.items, piece.rounds) else None


def with_known(plan: Sequence[Piece], known: LoopResults | None) -> list[Piece]:
    """The plan, and what else is known: a file that is written again loses nothing."""
    planned = {(piece.arm, piece.seed) for piece in plan}
    arms = known.arms if known is not None else {}
    return [*plan] + [
        replace(plan[0], arm=arm, seed=seed)
        for arm, played in arms.items()
        for seed, rounds in played.items()
        if (arm, seed) not in planned and len(rounds) == plan[0].rounds
    ]


def take_over(plan: Sequence[Piece], known: LoopResults | None) -> None:
    """Count as finished, with the rounds that it had, what is known of the plan."""
    for piece in plan:
        if known is None or piece.arm == WARM_UP or piece.is_finished():
            continue
        rounds = known.arms.get(piece.arm, {}).get(piece.seed, ())
        if len(rounds) == piece.rounds:
            piece.own.mkdir(parents=True, exist_ok=True)
            (piece.own / TOLD).write_text(json.dumps([one.as_json() for one in rounds]))
            _take_control(known, piece)


def to_play(plan: Sequence[Piece]) -> list[Piece]:
    """What is not finished. The warm-up of a seed is for its arms: where all of those are, it need not be played."""
    left = [piece for piece in plan if not piece.is_finished()]
    seeds = {piece.seed for piece in left if piece.arm != WARM_UP}
    return [piece for piece in left if piece.seed in seeds]


def _take_control(known: LoopResults, piece: Piece) -> None:
    """In utility, as a piece has it; the file has it on the scale of that seed's last round."""
    by_labels = {labels: values[piece.seed] for labels, values in known.control.items() if piece.seed in values}
    ends = [known.arms.get(end, {}).get(piece.seed, ()) for end in ("random", "oracle")]
    if piece.arm == LOG_OF and by_labels and all(ends):
        low, high = (rounds[-1].utility for rounds in ends)
        raw = {labels: low + (high - low) * value for labels, value in by_labels.items()}
        (piece.own / CONTROL).write_text(json.dumps(raw))
