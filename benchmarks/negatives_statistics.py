"""Whether a difference is one: paired over readers, and with as many comparisons as a table makes held against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from retrieval.metrics import Interval, paired_bootstrap

LEVEL = 0.05
_RESAMPLES = 5_000


@dataclass(frozen=True)
class Comparison:
    """How much better one row is than another.

    name, against: of the rows.  columns: beside the positive, 0 where that is no choice.  budget: what both had alike.
    interval: 95%, paired over readers, for itself.  p: of no difference, for itself.  p_holm: among all comparisons.
    """

    name: str
    against: str
    columns: int
    budget: str
    metric: str
    interval: Interval
    p: float
    p_holm: float = 1.0

    @property
    def verdict(self) -> str:
        if self.p_holm >= LEVEL:
            return "cannot tell"
        return "better" if self.interval.mean > 0 else "worse"


def paired(ours: np.ndarray, theirs: np.ndarray) -> tuple[Interval, float]:
    """The bootstrap interval of `ours` less `theirs`, and p of no difference. Both (seeds, readers), column for column
    the same readers, who are averaged over seeds first."""
    return paired_bootstrap(ours, theirs, seed=0, resamples=_RESAMPLES), paired_p(ours, theirs)


def paired_p(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Two-sided p by Student's paired t over readers: what the bootstrap comes to with hundreds of them, but not cut
    off where no resample reaches. 1 where fewer than two readers count or none differs."""
    differences = ours.mean(axis=0) - theirs.mean(axis=0)
    differences = differences[~np.isnan(differences)]
    if len(differences) < 2 or not differences.any():
        return 1.0
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    if error == 0:
        return 0.0
    return float(2 * stdtr(len(differences) - 1, -abs(differences.mean()) / error))


def holm(p_values: Sequence[float]) -> list[float]:
    """The same p values, held against all being looked at: at most a share `LEVEL` of such tables then holds a wrong
    verdict. Holm, Scandinavian Journal of Statistics 1979: the smallest times their number, the next times one less,
    and so on, never falling, at most 1."""
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted.tolist()
