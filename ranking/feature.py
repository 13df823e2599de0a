"""How a feature is declared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from ranking.feature_facts import Facts


class Group(StrEnum):
    SOURCE = "source"
    MATCH = "reader x item"
    ITEM = "item"
    READER = "reader"
    CONTEXT = "context"


class Dtype(StrEnum):
    """How the ranker reads a column; in the matrix all are float32."""

    NUMBER = "number"
    CATEGORY = "category"


@dataclass(frozen=True)
class Feature:
    """One column.

    missing: what stands where it is not known; None where it always is.  source: whose word it is, in group `SOURCE`.
    values: (n,), or one number for all candidates.
    """

    name: str
    group: Group
    dtype: Dtype
    meaning: str
    missing: float | None
    values: Callable[[Facts], np.ndarray | float] = field(repr=False, compare=False)
    source: str | None = None
