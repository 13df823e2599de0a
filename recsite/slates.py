"""What serving answers with: one page of items, why each stands there, and all that the log wants of it."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from feedback.models import Slate as SlateRow
from feedback.slates import Candidates, Named
from feedback.surfaces import Surface
from ranking.reasons import Reason

NO_CANDIDATES = Candidates((), (), ())

NO_RELEASE = "no release"
RELEASE_FAILED = "release failed"
NO_CANDIDATES_LEFT = "no candidates"
RULES_FAILED = "popular and fresh failed"
PERSONALISATION_OFF = "personalisation off"
"""Why not the live release, or none at all, ordered a slate."""


@dataclass(frozen=True)
class Policy:
    """How a slate was ordered. version: of the code, raised by whoever changes what it does.

    fallback: why no release ordered it, or not the one that should have; at most 40 characters.
    """

    name: str
    version: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    fallback: str | None = None


@dataclass(frozen=True)
class SlateEntry:
    """One item of a slate, at one position of the visit (from 0), and the source that won it the place.

    named_by: every source that named it. score, propensity: as `feedback.slates.Slot`. greedy_item_id: None where it
    is the item itself. reason: why it is here; None where rules put it here, who have words of their own for it.
    token: signed, for reports on this place; empty where it was not recorded.
    """

    item_id: int
    position: int
    source: str
    named_by: tuple[Named, ...] = ()
    branch: int = SlateRow.Branch.FALLBACK
    score: float | None = None
    greedy_item_id: int | None = None
    propensity: float | None = None
    reason: Reason | None = None
    token: str = ""


@dataclass(frozen=True)
class Slate:
    """`is_end`: no candidate is left for a next page of this visit.

    candidates: everything that could have been shown, in its order, and what filters took out of it. kept_out: how
    many items the sources were told to pass over, by reason. counts_as_of: the counts that sources and features went
    by. feature_set, features: as `feedback.slates.ServedSlate`. id, visit_id: None until recorded.
    """

    entries: tuple[SlateEntry, ...]
    is_end: bool
    surface: Surface
    policy: Policy
    candidates: Candidates = NO_CANDIDATES
    kept_out: Mapping[str, int] = field(default_factory=dict)
    counts_as_of: datetime | None = None
    release: int | None = None
    seed: int | None = None
    feature_set: str | None = None
    features: bytes | None = None
    id: uuid.UUID | None = None
    visit_id: uuid.UUID | None = None

    def removed_counts(self) -> dict[str, int]:
        counts = Counter(reason for _, reason in self.candidates.removed)
        counts.update(self.kept_out)
        return {reason: count for reason, count in counts.items() if count}


def listed(
    item_ids: Sequence[int], *, surface: Surface, policy: Policy, first_position: int, is_end: bool = True
) -> Slate:
    """The slate of a plain list, such as a topic's newest or what a search found: nothing was left to chance."""
    entries = tuple(
        SlateEntry(
            item_id,
            first_position + index,
            policy.name,
            (Named(policy.name, None, first_position + index),),
            SlateRow.Branch.GREEDY,
            propensity=1.0,
        )
        for index, item_id in enumerate(item_ids)
    )
    return Slate(entries, is_end, surface, policy, unscored(item_ids, policy.name))


def unscored(item_ids: Sequence[int], source: str, removed: Mapping[int, str] | None = None) -> Candidates:
    """Candidates of one source in its order, which is all there is to say of them."""
    of_source = frozenset([source])
    return Candidates(
        tuple(item_ids), (None,) * len(item_ids), (of_source,) * len(item_ids), tuple((removed or {}).items())
    )
