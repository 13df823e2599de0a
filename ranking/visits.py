"""What the ranker learns from: whole visits, one row for each item that a visit showed (or could have shown)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from ranking.request import NONE

LABELS = ("unknown", "negative", "dismissed", "positive", "assumed_negative")
UNKNOWN, NEGATIVE, DISMISSED, POSITIVE, ASSUMED_NEGATIVE = range(len(LABELS))
"""The first four are the codes of `feedback.labels`. Unknown rows are no examples: leave them out.

assumed_negative: not shown to anybody, only taken to be less wanted than what the reader chose (a bootstrap).
"""

_COLUMNS = {
    "labels": np.int8,
    "gains": np.int16,
    "positions": np.int32,
    "columns": np.int16,
    "served_s": np.float64,
    "known_until_s": np.float64,
    "trained_until_s": np.float64,
    "cold": np.bool_,
}


class VisitsError(ValueError):
    """Rows that are no visits, or that cannot be put beside each other."""


class NothingToLearn(VisitsError):
    """Visits, but none from which an order can be learned."""


class LeakError(VisitsError):
    """A row carries what was learned after it was served: fitted on it, a ranker would trust what it cannot have."""


@dataclass(frozen=True, eq=False)
class Visits:
    """Visits, their rows adjacent and in the order in which they were served. Shuffle visits, never rows.

    features: (rows, columns of the feature set) float32, NaN where missing, as they were when served.
    visit_ids: (num_visits,) int64, unique; of a UUID the last eight bytes will do.
    visit_sizes: (num_visits,) int64 from 1, the sum is rows.
    labels: (rows,) int8 of `LABELS`, never unknown.
    gains: (rows,) int16, the gain of the highest kind of a positive (from 1), 0 for all others.
    positions: (rows,) int32 absolute in the visit's scroll, from 0; `NONE` for rows that were not shown.
    columns: (rows,) int16, cards side by side in the grid where it stood; 0 where that is not known.
    served_s: (rows,) float64 seconds since 1970 UTC.
    known_until_s: (rows,) float64, the newest thing that the features know, of this reader or of anybody.
    trained_until_s: (rows,) float64, the newest interaction from which a retriever that scored the row had learned; NaN
        where no trained source scored it.
    cold: (rows,) bool, the item was new to the retriever when it was served.

    Rows of a bootstrap (positives and assumed negatives) are a type of their own: no position, no negatives that were
    seen, never in one part with impressions. There, sources may have learned from what *other* readers did later
    (history that was cut off reader by reader has no common moment), so known_until_s and trained_until_s mean the
    reader's own interactions, and no label event is among them.

    Raises `LeakError` for a row that knows, or was scored by what knows, something later than its serving;
    `VisitsError` for columns that do not fit, a visit that stands twice, labels and gains that contradict each other.
    """

    features: np.ndarray
    visit_ids: np.ndarray
    visit_sizes: np.ndarray
    labels: np.ndarray
    gains: np.ndarray
    positions: np.ndarray
    columns: np.ndarray
    served_s: np.ndarray
    known_until_s: np.ndarray
    trained_until_s: np.ndarray
    cold: np.ndarray

    def __post_init__(self) -> None:
        self._check_shapes()
        self._check_labels()
        self._check_positions()
        for name, says in (
            ("known_until_s", "features that know"),
            ("trained_until_s", "a retriever that learned from"),
        ):
            _refuse_later(getattr(self, name), self.served_s, says)

    @property
    def assumed(self) -> bool:
        """These are rows of a bootstrap."""
        return bool((self.positions == NONE).any())

    @property
    def num_visits(self) -> int:
        return len(self.visit_sizes)

    @property
    def num_rows(self) -> int:
        return len(self.labels)

    @cached_property
    def starts(self) -> np.ndarray:
        """(num_visits,) int64 first row of each visit."""
        return np.cumsum(self.visit_sizes) - self.visit_sizes

    @cached_property
    def visit_of_row(self) -> np.ndarray:
        """(rows,) int64."""
        return np.repeat(np.arange(self.num_visits), self.visit_sizes)

    @property
    def began_s(self) -> np.ndarray:
        """(num_visits,) float64, when the first row was served."""
        return np.minimum.reduceat(self.served_s, self.starts) if self.num_visits else np.empty(0)

    @property
    def last_served_s(self) -> np.ndarray:
        """(num_visits,) float64."""
        return np.maximum.reduceat(self.served_s, self.starts) if self.num_visits else np.empty(0)

    @cached_property
    def has_positive(self) -> np.ndarray:
        """(num_visits,) bool."""
        return np.bincount(self.visit_of_row, self.labels == POSITIVE, self.num_visits) > 0

    def take(self, visits: np.ndarray) -> Visits:
        """Some of the visits, whole: a (num_visits,) mask. Order is kept."""
        rows = np.repeat(visits, self.visit_sizes)
        of_visit = {name: getattr(self, name)[visits] for name in ("visit_ids", "visit_sizes")}
        return Visits(self.features[rows], **of_visit, **{name: getattr(self, name)[rows] for name in _COLUMNS})

    def _check_shapes(self) -> None:
        if self.features.ndim != 2 or self.features.dtype != np.float32:
            raise VisitsError(
                f"features is {self.features.dtype} {self.features.shape}, but must be (rows, columns) float32."
            )
        for name, dtype in _COLUMNS.items():
            column = getattr(self, name)
            if column.shape != (len(self.features),):
                raise VisitsError(f"{name} is {column.shape}, but there are {len(self.features)} rows of features.")
            if column.dtype != dtype:
                unknown = " It holds NaN; leave such rows out." if column.dtype.kind == "f" and _any_nan(column) else ""
                raise VisitsError(f"{name} is {column.dtype}, but must be {np.dtype(dtype)}.{unknown}")
        if self.visit_ids.shape != self.visit_sizes.shape:
            raise VisitsError(f"{self.visit_ids.shape} visit_ids, but {self.visit_sizes.shape} visit_sizes.")
        if (self.visit_sizes < 1).any() or self.visit_sizes.sum() != self.num_rows:
            raise VisitsError(
                f"visit_sizes must be from 1 and sum to {self.num_rows} rows, but sum to {self.visit_sizes.sum()}. "
                "Leave visits without rows out."
            )
        if len(np.unique(self.visit_ids)) != self.num_visits:
            raise VisitsError("A visit stands twice: it was split. Keep all rows of a visit adjacent.")

    def _check_labels(self) -> None:
        strange = (self.labels <= UNKNOWN) | (self.labels >= len(LABELS))
        if strange.any():
            raise VisitsError(
                f"{int(strange.sum())} rows are labelled {int(self.labels[strange][0])}, "
                f"which is no example. Leave out unknown rows; examples are {LABELS[1:]}."
            )
        wrong = (self.gains < 0) | ((self.gains > 0) != (self.labels == POSITIVE))
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise VisitsError(
                f"Row {row} is {LABELS[self.labels[row]]} with gain {self.gains[row]}; positives, and only "
                "they, have a gain above 0."
            )

    def _check_positions(self) -> None:
        shown = self.positions >= 0
        if (self.positions[~shown] != NONE).any():
            raise VisitsError(f"Positions are from 0, or {NONE} for what was not shown.")
        if shown.any() and not shown.all():
            raise VisitsError("Rows with and without a position in one part: a bootstrap and impressions do not mix.")
        if (self.columns < 0).any():
            raise VisitsError("columns are from 1, or 0 where that is not known.")
        if (shown & (self.labels == ASSUMED_NEGATIVE)).any():
            raise VisitsError("An assumed negative was never shown, so it has no position.")
        if (~shown & np.isin(self.labels, (NEGATIVE, DISMISSED))).any():
            raise VisitsError("A negative that was viewed has a position; label what was not shown assumed_negative.")


def join_visits(parts: Iterable[Visits]) -> Visits:
    """All parts as one.

    Raises `VisitsError` where parts share a visit, differ in columns, or mix a bootstrap with impressions;
    `NothingToLearn` where there is no visit.
    """
    kept: Sequence[Visits] = [part for part in parts if part.num_visits]
    if not kept:
        raise NothingToLearn("No visit at all. Widen the window, or wait until visits are over.")
    if len(kept) == 1:
        return kept[0]
    widths = {part.features.shape[1] for part in kept}
    if len(widths) > 1:
        raise VisitsError(f"Parts have {sorted(widths)} columns of features; all must be of one feature set.")
    ids = np.concatenate([part.visit_ids for part in kept])
    first, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise VisitsError(
            f"Visit {first[counts > 1][0]} stands in more than one part. Split by reader bucket and day, never a visit."
        )
    columns = {field.name: np.concatenate([getattr(part, field.name) for part in kept]) for field in fields(Visits)}
    return Visits(**columns)


def _any_nan(column: np.ndarray) -> bool:
    return bool(np.isnan(column).any())


def _refuse_later(times_s: np.ndarray, served_s: np.ndarray, says: str) -> None:
    later = times_s > served_s
    if later.any():
        row = int(np.flatnonzero(later)[0])
        raise LeakError(
            f"{int(later.sum())} rows carry {says} what came after they were served: row {row} was served at "
            f"{served_s[row]:.0f}, and that reaches to {times_s[row]:.0f}. Score them by a shadow that was "
            "trained on what came before."
        )
    if np.isnan(served_s).any():
        raise VisitsError("served_s holds NaN: whether a row looks ahead cannot be told.")
