"""What the arms of the loop came to, round by round: a file, put together from pieces that are made one at a time."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

MEASURES = (
    "visits",
    "click_rate",
    "dismiss_rate",
    "return_rate",
    "satisfaction",
    "unwanted_slots",
    "look_alike_slots",
    "bait_slots",
    "look_alike_lift",
    "bait_lift",
    "look_alike_candidates_lift",
    "bait_candidates_lift",
    "disliked_candidates",
    "regret",
    "retrieval_regret",
    "order_regret",
    "coverage",
    "overlap",
    "concentration",
    "cold_share",
    "cold_delay_days",
    "cold_never",
    "click_entropy",
    "calibration_ratio",
    "calibration_error",
    "gate_promotes",
    "gate_difference",
    "gate_lower",
    "true_change",
)
"""Of a round, beside its utility; each may be missing or null.

Rates and shares are from 0 to 1. A lift is a share over the share in the catalogue. regret: of a first page, 1 less the
share of the best one that there could have been.  retrieval_regret, order_regret: its parts, as the ten best of the
page's candidates stand between.  cold_delay_days, cold_never: of items that came out the day before.
click_entropy, calibration_*: as in `loop_calibration.calibration_of_day`.
gate_*, true_change: as in `loop_gate.gate_of_day`.
"""


def results_file(folder: Path, world: str) -> Path:
    """world: by name or by its file."""
    return folder / f"results-{Path(world).stem}.json"


class LoopResultsError(ValueError):
    """These are no results of the loop. Its text says where and why."""


@dataclass(frozen=True)
class Round:
    """utility: mean over visits of the mean utility of the first ten slots of their first page.

    measures: of `MEASURES`, as far as they are known.  beside: whatever else was written down, as it stands.
    """

    number: int
    utility: float
    measures: Mapping[str, float] = field(default_factory=dict)
    beside: Mapping[str, Any] = field(default_factory=dict)

    def value(self, name: str) -> float:
        """`utility` or one of `MEASURES`; NaN where it is not known."""
        return self.utility if name == "utility" else self.measures.get(name, math.nan)

    def as_json(self) -> dict[str, Any]:
        return {"round": self.number, "utility": self.utility, **self.measures, **self.beside}


Played = Mapping[int, tuple[Round, ...]]
"""By seed, the rounds that are done, in order from 1."""


@dataclass(frozen=True)
class LoopResults:
    """rounds: as many as an arm has when it is done; fewer may be there, and seeds may be missing.

    revision: of the code; several with commas between them.  made_at: ISO time of the newest piece, "" for not known.
    arms: by key.  control: by labels of a reranker that was fitted on d's log, the late normalised utility by seed.
    """

    world: str
    readers: int
    items: int
    rounds: int
    seeds: tuple[int, ...]
    revision: str
    arms: Mapping[str, Played]
    control: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    made_at: str = ""

    def measured(self, arm: str, name: str) -> np.ndarray:
        """(seeds, rounds) float64, NaN where it is not known; all of it for an arm that is not there."""
        found = np.full((len(self.seeds), self.rounds), np.nan)
        for row, seed in enumerate(self.seeds):
            for one in self.arms.get(arm, {}).get(seed, ()):
                found[row, one.number - 1] = one.value(name)
        return found

    def controlled(self, labels: str) -> np.ndarray:
        """(seeds,) float64, NaN where it is not known."""
        by_seed = self.control.get(labels, {})
        return np.array([by_seed.get(seed, np.nan) for seed in self.seeds], np.float64)

    # --- pieces ---

    @classmethod
    def of_pieces(
        cls,
        pieces: Iterable[Mapping[str, Any]],
        *,
        rounds: int,
        control: Mapping[str, Mapping[Any, Any]] | None = None,
        made_at: str = "",
    ) -> LoopResults:
        """Put pieces together. Each is one arm with one seed:

        {"world": "default", "readers": 300, "items": 5000, "revision": "abc", "arm": "d", "seed": 1, "rounds": [...]},
        its rounds as in the file. The revision may be missing.

        Raises LoopResultsError where there is none, one stands twice, or they are of different worlds or sizes.
        """
        pieces = list(pieces)
        if not pieces:
            raise LoopResultsError("There is no piece to put together.")
        arms: dict[str, dict[str, Any]] = {}
        for piece in pieces:
            arm, seed = str(_required(piece, "arm", "A piece")), str(_required(piece, "seed", "A piece"))
            if seed in arms.setdefault(arm, {}):
                raise LoopResultsError(f"Arm {arm} with seed {seed} is in two pieces.")
            arms[arm][seed] = _required(piece, "rounds", f"The piece of arm {arm} with seed {seed}")
        said: dict[str, Any] = {name: _alike(pieces, name) for name in ("world", "readers", "items")}
        revisions = {one for piece in pieces for one in str(piece.get("revision") or "").split(", ") if one}
        return cls.of_json(
            {
                **said,
                "rounds": rounds,
                "seeds": sorted({int(seed) for by_seed in arms.values() for seed in by_seed}),
                "revision": ", ".join(sorted(revisions)),
                "made_at": made_at,
                "arms": {arm: {"rounds": by_seed} for arm, by_seed in arms.items()},
                "control": control or {},
            }
        )

    # --- as a file ---

    @classmethod
    def of_json(cls, said: Any) -> LoopResults:
        """Raises LoopResultsError for anything else. Parts of the file that it does not know are passed over."""
        rounds = _whole(_required(said, "rounds", "The file"), "rounds")
        if not rounds:
            raise LoopResultsError("rounds is 0: there is nothing to be found out in no round.")
        seeds = tuple(_whole(seed, "seeds") for seed in _list(_required(said, "seeds", "The file"), "seeds"))
        if len(set(seeds)) < len(seeds):
            raise LoopResultsError(f"seeds are {list(seeds)}: one stands twice.")
        arms = _mapping(_required(said, "arms", "The file"), "arms")
        control = _mapping(said.get("control") or {}, "control")
        return cls(
            world=str(_required(said, "world", "The file")),
            readers=_whole(_required(said, "readers", "The file"), "readers"),
            items=_whole(_required(said, "items", "The file"), "items"),
            rounds=rounds,
            seeds=seeds,
            revision=str(said.get("revision") or ""),
            arms={str(key): _played(arm, f"arms.{key}", seeds, rounds) for key, arm in arms.items()},
            control={str(key): _by_seed(values, f"control.{key}", seeds) for key, values in control.items()},
            made_at=str(said.get("made_at") or ""),
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "world": self.world,
            "readers": self.readers,
            "items": self.items,
            "rounds": self.rounds,
            "seeds": list(self.seeds),
            "revision": self.revision,
            **({"made_at": self.made_at} if self.made_at else {}),
            "arms": {
                key: {"rounds": {str(seed): [one.as_json() for one in rounds] for seed, rounds in played.items()}}
                for key, played in self.arms.items()
            },
            **({"control": {key: _texts(values) for key, values in self.control.items()}} if self.control else {}),
        }

    @classmethod
    def read(cls, path: Path) -> LoopResults:
        """Raises LoopResultsError, by the file's name, where it is not there or something else."""
        try:
            return cls.of_json(json.loads(path.read_bytes()))
        except OSError as error:
            raise LoopResultsError(
                f"{path} cannot be read: {error.strerror}. `python -m benchmarks loop --json` makes such a file."
            ) from error
        except ValueError as error:
            raise LoopResultsError(f"{path} holds no results of the loop: {error}") from error

    def write(self, path: Path, *, beside: Mapping[str, Any] | None = None) -> None:
        """beside: further parts of the file, such as what the staff page draws. Whoever reads meanwhile finds the old
        file or the new one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.unfinished")
        text = json.dumps({**self.as_json(), **(beside or {})}, allow_nan=False, separators=(",", ":"))
        unfinished.write_text(f"{text}\n")
        unfinished.replace(path)


# --- what stands in a file, looked at closely ---


def _played(said: Any, place: str, seeds: tuple[int, ...], most: int) -> Played:
    by_seed = _mapping(_required(said, "rounds", place), f"{place}.rounds")
    played = {}
    for text, rounds in by_seed.items():
        seed = _seed(text, f"{place}.rounds", seeds)
        where = f"{place}.rounds.{seed}"
        found = tuple(_round(one, f"{where}[{number}]", number) for number, one in enumerate(_list(rounds, where), 1))
        if len(found) > most:
            raise LoopResultsError(f"{where} has {len(found)} rounds, and an arm has {most}.")
        played[seed] = found
    return dict(sorted(played.items()))


def _round(said: Any, place: str, number: int) -> Round:
    if _required(said, "round", place) != number:
        raise LoopResultsError(f"{place} is round {said['round']!r}. Rounds stand in order, from 1.")
    measures = {name: _finite(said[name], f"{place}.{name}") for name in MEASURES if said.get(name) is not None}
    beside = {name: value for name, value in said.items() if name not in {"round", "utility", *MEASURES}}
    return Round(number, _finite(_required(said, "utility", place), f"{place}.utility"), measures, beside)


def _by_seed(said: Any, place: str, seeds: tuple[int, ...]) -> Mapping[int, float]:
    return {
        _seed(text, place, seeds): _finite(value, f"{place}.{text}") for text, value in _mapping(said, place).items()
    }


def _seed(text: Any, place: str, seeds: tuple[int, ...]) -> int:
    known = {str(seed): seed for seed in seeds}
    if str(text) not in known:
        raise LoopResultsError(f"{place} has seed {text!r}, but seeds are {list(seeds)}.")
    return known[str(text)]


def _alike(pieces: list[Mapping[str, Any]], name: str) -> Any:
    values = {_required(piece, name, "A piece") for piece in pieces}
    if len(values) > 1:
        raise LoopResultsError(f"Pieces differ in {name}: {', '.join(sorted(map(str, values)))}.")
    return values.pop()


def _required(said: Any, name: str, place: str) -> Any:
    if name not in _mapping(said, place):
        raise LoopResultsError(f"{place} has no {name}.")
    return said[name]


def _mapping(said: Any, place: str) -> Mapping[Any, Any]:
    if not isinstance(said, Mapping):
        raise LoopResultsError(f"{place} is {_shown(said)}, and must be an object.")
    return said


def _list(said: Any, place: str) -> list[Any]:
    if not isinstance(said, list | tuple):
        raise LoopResultsError(f"{place} is {_shown(said)}, and must be a list.")
    return list(said)


def _whole(said: Any, place: str) -> int:
    if isinstance(said, bool) or not isinstance(said, int) or said < 0:
        raise LoopResultsError(f"{place}: {_shown(said)} is no whole number from 0.")
    return said


def _finite(said: Any, place: str) -> float:
    if isinstance(said, bool) or not isinstance(said, int | float) or not math.isfinite(said):
        raise LoopResultsError(f"{place} is {_shown(said)}, and must be a finite number.")
    return float(said)


def _shown(said: Any) -> str:
    text = repr(said)
    return text if len(text) <= 40 else f"{text[:40]} ..."


def _texts(by_seed: Mapping[int, float]) -> dict[str, float]:
    return {str(seed): value for seed, value in by_seed.items()}
